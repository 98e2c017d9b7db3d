// Why: a fuzzer that begins with bytes that are right gets past the first checks within seconds.

import ArrayFiles
import Cluster
import Foundation
import LeastSquares
import Ranking
import Ratings
import Training
import ZeroMQ

extension FuzzTarget {
    /// Bytes that are accepted.
    /// - Parameter scratch: a folder to write in.
    public func seeds(scratch: String) throws -> [[UInt8]] {
        switch self {
        case .ratings:
            return [
                "\u{0}1::2::3.5::978300760\n2::2::4::0\n", "\u{0}userId,movieId,rating\n\"1\",\"a,b\",3\n2,x,4.5\n",
                "\u{0}u1\ti1\t5\nu2\ti1\t1\n", "\u{0}1:\n5,3,2005-01-01\n7,4,2005-01-02\n2:\n5,1,2005-01-01\n",
                "\u{2}1,2,1e3\n-1,2,3\n", "\u{4}1:\n1,3\n2,4\n", "\u{0}\u{FEFF}1 2 3\r\n4 5 6",
                "\u{5}%%MatrixMarket matrix coordinate integer general\n2 2 2\n1 1 5\n2 2 3\n", "\u{6}0 7 3\n1 3\n",
            ].map { Array($0.utf8) }
        case .array:
            return [
                ArrayHeader(elementType: .float32, shape: [3, 4]).encoded + [UInt8](repeating: 0, count: 48),
                ArrayHeader(elementType: .uint32, shape: [2]).encoded + [UInt8](repeating: 1, count: 8),
                ArrayHeader(elementType: .int64, shape: [0]).encoded,
                ArrayHeader(elementType: .uint8, shape: [5]).encoded + [1, 2, 3, 4, 5],
            ]
        case .json:
            return try JSONFolder.allCases.map { [$0.rawValue] + (try $0.original(scratch: scratch)) }
        case .message: return Self.messages
        case .block:
            let rows = CompressedRows(
                offsets: ArrayView([0, 2, 3]), columns: ArrayView([0, 4, 1]),
                values: .uint8(ArrayView([2, 4, 6]), denominator: 2), columnCount: 5)
            return [RatingsBlock(ratings: rows, holdout: nil), RatingsBlock(ratings: rows, holdout: rows)].map {
                block in
                let payload = block.encoded()
                return withExtendedLifetime(payload) { [2, 5] + Array(payload.bytes) }
            }
        case .key:
            let question: [[UInt8]] = [
                Array("1.0".utf8), [1], Array(Authenticator.domain.utf8), [], [], Array("CURVE".utf8),
                [UInt8](repeating: 9, count: 32),
            ]
            return [
                Array("rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\n".utf8), [UInt8](repeating: 0x30, count: 40),
                Array(question.joined(separator: [0xFF])),
            ]
        }
    }

    private static var messages: [[UInt8]] {
        let halfStep = HalfStep(
            index: 5, side: .item, sweep: 3, fixedVersion: 5, priorVersion: 4, solvedVersion: 6, isExtrapolated: true)
        let job = JobDescription(
            solver: JobConfiguration(biasRegularization: 0.5).solverConfiguration(mean: 3.5), kernelLevel: .portable,
            seed: 1,
            plan: BySide(user: BlockPlan(bounds: [0, 3, 9])!, item: BlockPlan(bounds: [0, 5])!), storePath: "/s",
            storeFingerprint: "f")
        var ranked = JobDescription(
            solver: JobConfiguration(implicit: ImplicitLoss()).solverConfiguration(mean: 0), kernelLevel: .portable,
            seed: 1, plan: job.plan, storePath: "", storeFingerprint: "")
        ranked.rankedUsers = [0, 4, 8]
        let lists = [
            RankedList(place: 0, items: [ScoredItem(item: 3, score: 0.5), ScoredItem(item: 4, score: 0.5)]),
            RankedList(place: 2, items: [ScoredItem(item: 3, score: -1)]),
        ]
        let sums = BlockSums(
            squaredError: 1.5, penalty: 2.5, holdoutSquaredError: 0.25, ratingCount: 10, holdoutCount: 1)
        func body<Message: WireMessage>(_ message: Message, _ kind: UInt8) -> [UInt8] {
            // Without magic and version before it and the checksum after it, which the target makes.
            [kind] + Parcel(message, envelope: Envelope(job: 4, epoch: 2)).header.dropFirst(6).dropLast(8)
        }
        let worker: [WorkerMessage] = [
            .hello(.init(name: "h:1", threads: 3, kernelLevels: ["portable"], credit: 8)), .ready(mapsStore: true),
            .credit(4), .heartbeat(progress: 9, sent: 12), .need(.ratings(.item, block: 3)),
            .need(.factors(.user, block: 0)), .solved(.init(halfStep: halfStep, block: 2, sums: sums, seconds: 0.1)),
            .solved(.init(halfStep: halfStep, block: 0, sums: sums, seconds: 0.1, lists: lists)),
            .failed(.init(halfStep: halfStep, block: 1, what: "a", place: "b", remedy: "c")),
            .goodbye(reason: "SIGTERM"), .cached(.user, blocks: [0, 9]),
        ]
        let coordinator: [CoordinatorMessage] = [
            .welcome(job, sent: 2), .welcome(ranked, sent: 0), .refused(.rejoin, reason: "late"), .heartbeat(sent: 3),
            .ratings(.init(side: .item, block: 4, totalByteCount: 100, offset: 50)),
            .factors(.user, block: 7, version: 2), .solve(halfStep, block: 6), .finish(.done, reason: "done"),
            .release(.item, blocks: [3, 0, 7]),
        ]
        return worker.map { body($0, 0) } + coordinator.map { body($0, 1) }
    }
}
