// Why: blocks that move for nothing cost the sending of their ratings, and blocks that stay with a slow worker keep all
// others waiting.

import Cluster
import Failures
import LeastSquares
import Ratings
import TestKit
import Testing
import Training

@Suite struct BlockDealTests {
    private static let (a, b, c) = (WorkerID([1]), WorkerID([2]), WorkerID([3]))

    /// How many blocks each worker is dealt.
    private func counts(_ homes: [WorkerID?], _ speeds: [WorkerID: Double?]) -> [WorkerID?: Int] {
        let dealt = BlockDeal(homes: homes, secondsPerBlock: speeds).homes
        #expect(dealt.count == homes.count)
        return Dictionary(dealt.map { ($0, 1) }, uniquingKeysWith: +)
    }

    private func homes(_ counts: KeyValuePairs<WorkerID?, Int>) -> [WorkerID?] {
        counts.flatMap { Array(repeating: $0.key, count: $0.value) }
    }

    @Test func nothingMovesUnlessItPays() {
        let homes = homes([Self.a: 50, Self.b: 50])
        for speed in [1, 1.05, 1.1, 0.91] {
            #expect(BlockDeal(homes: homes, secondsPerBlock: [Self.a: 1, Self.b: speed]).homes == homes, "\(speed)")
        }
        // With a block each, a slow one is still better than two in a row.
        let two: [WorkerID?] = [Self.a, Self.b]
        #expect(BlockDeal(homes: two, secondsPerBlock: [Self.a: 1, Self.b: 1.9]).homes == two)
    }

    @Test func blocksGoToTheFasterInProportion() {
        let homes = homes([Self.a: 60, Self.b: 60])
        let dealt = BlockDeal(homes: homes, secondsPerBlock: [Self.a: 1, Self.b: 3]).homes
        let fast = dealt.count { $0 == Self.a }
        // 90 to 30 would be even; within the margin of a tenth nothing moves any more.
        #expect((86...90).contains(fast), "\(fast)")
        // What the faster one had it keeps, and so does the slower one with most of what remains to it.
        #expect(dealt.prefix(60).allSatisfy { $0 == Self.a } && dealt[60..<86].allSatisfy { $0 == Self.b })
    }

    @Test func whatBelongsToNobodyIsDealtInProportion() {
        let counts = counts(homes([nil: 70]), [Self.a: 1, Self.b: 2, Self.c: 4])
        #expect(counts == [Self.a: 40, Self.b: 20, Self.c: 10])
    }

    @Test func aWorkerOfUnknownSpeedIsLeftToAsk() {
        let homes = homes([Self.a: 10, nil: 10])
        #expect(BlockDeal(homes: homes, secondsPerBlock: [Self.a: 1, Self.b: nil]).homes == homes)
        #expect(BlockDeal(homes: homes, secondsPerBlock: [:]).homes == homes)
        // Its own blocks stay, whoever is fast.
        let mixed = self.homes([Self.a: 10, Self.b: 90, Self.c: 10])
        let dealt = BlockDeal(homes: mixed, secondsPerBlock: [Self.a: 1, Self.b: nil, Self.c: 9]).homes
        #expect(dealt[10..<100].allSatisfy { $0 == Self.b } && dealt.count { $0 == Self.a } == 18)
    }

    /// Absurd speeds, as a peer may claim them, end in some deal.
    @Test func anySpeedsGiveADeal() {
        let homes = homes([Self.a: 9, Self.b: 9, nil: 9])
        for speed in [0, 1e-300, 1e9, .greatestFiniteMagnitude] {
            #expect(counts(homes, [Self.a: speed, Self.b: 1]).values.reduce(0, +) == 27)
        }
    }

    /// The coordinator deals by what workers say, from the second half-step of a side on.
    @Test func theCoordinatorDealsByWhatSolversTook() throws {
        let data = ManyBlocks.data
        var coordinator = Coordinator(
            configuration: ManyBlocks.configuration(), settings: CoordinatorSettings(minWorkers: 2), data: data,
            mean: 3,
            storePath: "", storeFingerprint: "", envelope: Envelope(job: 1, epoch: 1), now: .zero)
        var pending: [(WorkerID, HalfStep, Int)] = []
        var told: [(WorkerID, HalfStep, Int)] = []
        func say(_ message: WorkerMessage, _ payload: Payload? = nil, from id: WorkerID) {
            let parcel = Parcel(message, payload: payload, envelope: coordinator.envelope)
            for case .send(let id, let message, _) in coordinator.receive(parcel, from: id, now: .zero) {
                switch message {
                case .solve(let halfStep, let block):
                    pending.append((id, halfStep, block))
                    told.append((id, halfStep, block))
                case .factors: say(.credit(1), from: id)
                default: break
                }
            }
        }
        for id in [Self.a, Self.b] {
            say(.hello(.init(name: "w", threads: 1, kernelLevels: ["portable"], credit: 8)), from: id)
        }
        for id in [Self.a, Self.b] { say(.ready(mapsStore: true), from: id) }
        // Both get on equally, but B says that it took nine times as long. In half-step 2, the second of the items, it
        // says nothing at all, so that A is given its own blocks in order and then B's from the end.
        while let index = pending.firstIndex(where: { $0.1.index < 2 || $0.0 == Self.a }), told.last!.1.index <= 2 {
            let (id, halfStep, block) = pending.remove(at: index)
            let counts = data.counts(halfStep.side, block)
            let sums = BlockSums(
                squaredError: 1, penalty: 1, holdoutSquaredError: 0, ratingCount: counts.ratings,
                holdoutCount: counts.holdout)
            let byteCount = data.plan[halfStep.side].rows(block).count * ManyBlocks.configuration().rank * 4
            let solved = WorkerMessage.Solved(
                halfStep: halfStep, block: block, sums: sums, seconds: id == Self.a ? 0.1 : 0.9)
            say(.solved(solved), Payload(byteCount: byteCount) { _ in }, from: id)
        }
        func own(_ index: Int) -> Int {
            let blocks = told.filter { $0.0 == Self.a && $0.1.index == index }.map(\.2)
            return zip(blocks, blocks.dropFirst()).prefix { $0 < $1 }.count + 1
        }
        let all = data.plan.item.count
        #expect(told.contains { $0.1.index == 2 } && all > 10)
        #expect(own(2) >= all * 3 / 4, "\(own(2)) of \(all)")
    }
}
