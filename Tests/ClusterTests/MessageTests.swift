// Why: what a peer sends is read exactly or refused, and never traps.

import ArrayFiles
import Cluster
import LeastSquares
import Ratings
import TestKit
import Testing
import Training

@Suite struct MessageTests {
    private static let envelope = Envelope(job: 42, epoch: 3)

    private static let halfStep = HalfStep(
        index: 5, side: .item, sweep: 3, fixedVersion: 5, priorVersion: 4, solvedVersion: 6, isExtrapolated: true)

    private static let workerMessages: [WorkerMessage] = [
        .hello(.init(name: "höst:1", threads: 3, kernelLevels: ["portable", "unheard-of"], credit: 8)),
        .hello(.init(name: "", threads: 1, kernelLevels: [], credit: 4, memoryLimit: ByteSize(2 << 30))),
        .ready(mapsStore: true), .credit(4), .heartbeat(progress: 9, sent: 12), .need(.ratings(.item, block: 3)),
        .need(.factors(.user, block: 0)),
        .solved(
            .init(
                halfStep: halfStep, block: 2,
                sums: BlockSums(
                    squaredError: 1.5, penalty: 2.5, holdoutSquaredError: 0.25, ratingCount: 10, holdoutCount: 1),
                seconds: 0.125)),
        .failed(.init(halfStep: halfStep, block: 1, what: "what", place: "place", remedy: "remedy")),
        .goodbye(reason: "SIGTERM"), .goodbye(reason: "", peakMemory: 5 << 30), .cached(.user, blocks: [0, 9]),
        .cached(.item, blocks: []),
    ]

    private static let coordinatorMessages: [CoordinatorMessage] = [
        .welcome(
            JobDescription(
                solver: JobConfiguration().solverConfiguration(mean: 3.5), kernelLevel: .portable, seed: 1,
                plan: BySide(user: BlockPlan(bounds: [0, 3, 9])!, item: BlockPlan(bounds: [0, 5])!), storePath: "/s",
                storeFingerprint: "f"), sent: 2),
        .refused(.rejoin, reason: "late"), .refused(.unfit, reason: "no"), .heartbeat(sent: 3),
        .ratings(.init(side: .item, block: 4, totalByteCount: 100, offset: 50)),
        .factors(.user, block: 7, version: 2), .solve(halfStep, block: 6), .finish(.done, reason: "done"),
        .finish(.next, reason: "next"),
        .release(.item, blocks: [3, 0, 7]), .release(.user, blocks: []),
        .welcome(
            JobDescription(
                solver: JobConfiguration(
                    regularizationScaling: .power(0.5),
                    implicit: ImplicitLoss(confidence: .log(alpha: 2, epsilon: 0.1), unseenConfidence: 0.25)
                ).solverConfiguration(mean: 3.5), kernelLevel: .portable, seed: 1,
                plan: BySide(user: BlockPlan(bounds: [0, 3, 9])!, item: BlockPlan(bounds: [0, 5])!), storePath: "/s",
                storeFingerprint: "f"), sent: 0),
        .welcome(
            JobDescription(
                solver: JobConfiguration(biasRegularization: 0.25, isNonnegative: true).solverConfiguration(mean: 3.5),
                kernelLevel: .portable, seed: 1,
                plan: BySide(user: BlockPlan(bounds: [0, 3, 9])!, item: BlockPlan(bounds: [0, 5])!), storePath: "/s",
                storeFingerprint: "f"), sent: 0),
    ]

    private func reread<Message: WireMessage & Equatable>(_ message: Message, payload: Payload? = nil) throws -> Message
    {
        let header = Parcel(message, payload: payload, envelope: Self.envelope).header
        let parcel: Parcel<Message> = try header.withUnsafeBytes { try Parcel(header: $0, payload: payload) }
        #expect(parcel.envelope == Self.envelope)
        return parcel.message
    }

    @Test(arguments: workerMessages) func workerMessagesAreReadAsWritten(message: WorkerMessage) throws {
        #expect(try reread(message) == message)
    }

    @Test(arguments: coordinatorMessages) func coordinatorMessagesAreReadAsWritten(message: CoordinatorMessage) throws {
        #expect(try reread(message) == message)
    }

    /// What a peer says cannot forge a line of a log, nor steer a terminal.
    @Test func wordsHaveNoControlCharacters() throws {
        let nasty = "a\n2026 error: all is lost\u{1B}[2J\r\u{202E}z\u{7F}\u{9B}"
        let harmless = "a\u{FFFD}2026 error: all is lost\u{FFFD}[2J\u{FFFD}\u{FFFD}z\u{FFFD}\u{FFFD}"
        #expect(
            try reread(WorkerMessage.hello(.init(name: nasty, threads: 1, kernelLevels: [], credit: 4)))
                == .hello(.init(name: harmless, threads: 1, kernelLevels: [], credit: 4)))
        #expect(try reread(WorkerMessage.goodbye(reason: nasty)) == .goodbye(reason: harmless))
        #expect(try reread(CoordinatorMessage.refused(.unfit, reason: nasty)) == .refused(.unfit, reason: harmless))
        // Nor can what is not understood, which is told of too.
        func read<Message: WireMessage>(_ message: Message.Type, type: UInt16) throws {
            var writer = WireWriter()
            for byte in "SWMF".utf8 { writer.integer(byte) }
            writer.integer(Limits.protocolVersion)
            writer.integer(type)
            for _ in 0..<2 { writer.integer(UInt64(0)) }
            writer.text(nasty)
            writer.integer(UInt64(0))
            writer.integer(writer.bytes.withUnsafeBytes { Checksum.of($0) })
            try writer.bytes.withUnsafeBytes { _ = try Parcel<Message>(header: $0, payload: nil) }
        }
        #expect(throws: WireError("unknown need \(harmless)")) { try read(WorkerMessage.self, type: 5) }
        #expect(throws: WireError("unknown Finish \(harmless)")) { try read(CoordinatorMessage.self, type: 107) }
    }

    @Test func namesHaveALimit() throws {
        let long = WorkerMessage.hello(
            .init(name: String(repeating: "n", count: 5000), threads: 1, kernelLevels: [], credit: 4))
        guard case .hello(let hello) = try reread(long) else { return #expect(Bool(false)) }
        #expect(hello.name == String(repeating: "n", count: Limits.nameByteCount))
    }

    @Test func payloadsAreCheckedAgainstTheirHeader() throws {
        let payload = Payload(byteCount: 64) { $0[5] = 9 }
        let other = Payload(byteCount: 64) { $0[5] = 8 }
        let header = Parcel(Self.coordinatorMessages[5], payload: payload, envelope: Self.envelope).header
        func read(_ payload: Payload?) throws {
            _ = try header.withUnsafeBytes { try Parcel<CoordinatorMessage>(header: $0, payload: payload) }
        }
        try read(payload)
        #expect(throws: WireError("the payload is damaged")) { try read(other) }
        #expect(throws: WireError("the payload is damaged")) { try read(nil) }
    }

    /// Every header with one byte changed, or cut at any place, is refused.
    @Test func damagedHeadersAreRefused() throws {
        func refuses<Message: WireMessage>(_ header: [UInt8], _ type: Message.Type) -> Bool {
            header.withUnsafeBytes { (try? Parcel<Message>(header: $0, payload: nil)) == nil }
        }
        for message in Self.workerMessages {
            let header = Parcel(message, envelope: Self.envelope).header
            for index in header.indices {
                var damaged = header
                damaged[index] ^= 0x41
                #expect(refuses(damaged, WorkerMessage.self))
                #expect(refuses(Array(header[..<index]), WorkerMessage.self))
            }
            #expect(refuses(header, CoordinatorMessage.self))
        }
    }

    /// Random bodies under a good checksum: read or refused, but never a trap.
    @Test func randomBodiesDoNotTrap() throws {
        var generator = SeededGenerator(seed: 77)
        var readCount = 0
        for _ in 0..<20_000 {
            var header = Array("SWMF".utf8) + [UInt8(Limits.protocolVersion), 0]
            let type: UInt16 = .random(in: Bool.random(using: &generator) ? 0...11 : 100...110, using: &generator)
            header += [UInt8(type & 0xFF), UInt8(type >> 8)]
            header += [UInt8](repeating: 0, count: 16)
            let length = Int.random(in: 0...80, using: &generator)
            header += (0..<length).map { _ in
                UInt8.random(in: 0...(Bool.random(using: &generator) ? 3 : 255), using: &generator)
            }
            header += [UInt8](repeating: 0, count: 16)
            withUnsafeBytes(of: header.withUnsafeBytes { Checksum.of($0) }.littleEndian) { header += $0 }
            header.withUnsafeBytes { bytes in
                if (try? Parcel<WorkerMessage>(header: bytes, payload: nil)) != nil { readCount += 1 }
                if (try? Parcel<CoordinatorMessage>(header: bytes, payload: nil)) != nil { readCount += 1 }
            }
        }
        // Some must have got past the checks of lengths, or this tests nothing.
        #expect(readCount > 0)
    }

    // MARK: Blocks of ratings

    private static func block() -> RatingsBlock {
        let (training, holdout) = SyntheticRatings.planted(users: 30, items: 20, ratings: 200, seed: 4)
        return RatingsBlock(ratings: training.byItem.slice(3..<9), holdout: holdout.byItem.slice(3..<9))
    }

    @Test func ratingsTravelWhole() throws {
        let block = Self.block()
        let reread = try RatingsBlock(block.encoded(), rowCount: 6, columnCount: 30)
        for (sent, got) in [(block.ratings, reread.ratings), (block.holdout!, reread.holdout!)] {
            #expect(sent.count == got.count && sent.count > 0)
            for row in 0..<6 {
                #expect(
                    Array(sent.columns.elements[sent.range(of: row)]) == Array(got.columns.elements[got.range(of: row)])
                )
            }
            #expect(Array(sent.values.bytes) == Array(got.values.bytes))
        }
    }

    @Test func everyEncodingOfValuesTravels() throws {
        let offsets = ArrayView<Int64>([0, 2, 2, 3])
        let columns = ArrayView<UInt32>([1, 4, 0])
        for values: RatingValues in [
            .uint8(ArrayView([1, 9, 10]), denominator: 2), .int16(ArrayView([-300, 0, 7]), denominator: 100),
            .float32(ArrayView([0.1, -2, 3e9])),
        ] {
            let rows = CompressedRows(offsets: offsets, columns: columns, values: values, columnCount: 5)
            let payload = RatingsBlock(ratings: rows, holdout: nil).encoded()
            let reread = try RatingsBlock(payload, rowCount: 3, columnCount: 5)
            #expect(reread.holdout == nil)
            #expect(reread.ratings.values.encoding == values.encoding)
            #expect(Array(reread.ratings.values.bytes) == Array(values.bytes))
            #expect(Array(reread.ratings.offsets.elements) == [0, 2, 2, 3])
        }
    }

    /// What a peer must not be able to do: make the coordinator trap, or wait for ever.
    @Test func absurdCountsFromPeersAreSurvived() throws {
        let (training, _) = SyntheticRatings.planted(users: 20, items: 10, ratings: 80, seed: 1)
        var coordinator = Coordinator(
            configuration: JobConfiguration(rank: 2), settings: CoordinatorSettings(minWorkers: 1),
            data: JobData(ratings: training, holdout: nil, rank: 2), mean: 3, storePath: "", storeFingerprint: "",
            envelope: Self.envelope, now: .zero)
        let id = WorkerID([1])
        func say(_ message: WorkerMessage, payload: Payload? = nil) -> [Coordinator.Action] {
            coordinator.receive(Parcel(message, payload: payload, envelope: Self.envelope), from: id, now: .zero)
        }
        let hello = WorkerMessage.hello(.init(name: "w", threads: 1, kernelLevels: ["portable"], credit: 8))
        func leaves(_ actions: [Coordinator.Action]) -> Bool {
            actions.contains { if case .report(.workerLeft) = $0 { true } else { false } }
        }
        _ = say(hello)
        #expect(leaves(say(.heartbeat(progress: 0, sent: .max))))
        _ = say(hello)
        var halfStep: HalfStep?
        for case .send(_, .solve(let step, _), _) in say(.ready(mapsStore: true)) { halfStep = step }
        let sums = BlockSums(squaredError: 1, penalty: 1, holdoutSquaredError: 0, ratingCount: .max, holdoutCount: .max)
        let solved = WorkerMessage.Solved(halfStep: try #require(halfStep), block: 0, sums: sums, seconds: 1)
        #expect(leaves(say(.solved(solved), payload: Payload(byteCount: 20 * 2 * 4) { _ in })))
    }

    @Test func ratingsThatDoNotFitAreRefused() {
        let payload = Self.block().encoded()
        #expect(throws: WireError.self) { try RatingsBlock(payload, rowCount: 5, columnCount: 30) }
        #expect(throws: WireError.self) { try RatingsBlock(payload, rowCount: 6, columnCount: 29) }
        for length in stride(from: 0, to: payload.bytes.count, by: 8) {
            #expect(throws: WireError.self) {
                try RatingsBlock(payload.slice(0..<length), rowCount: 6, columnCount: 30)
            }
        }
        // Whatever one byte becomes, what is accepted is sound: only values can have changed.
        for index in 0..<payload.bytes.count {
            let damaged = Payload(byteCount: payload.bytes.count) { bytes in
                bytes.copyMemory(from: payload.bytes)
                bytes[index] = 255
            }
            if let block = try? RatingsBlock(damaged, rowCount: 6, columnCount: 30) {
                #expect(block.ratings.defect() == nil && block.holdout?.defect() == nil)
                #expect(block.ratings.rowCount == 6 && block.ratings.columnCount == 30)
            }
        }
    }
}
