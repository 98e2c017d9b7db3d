// Why: what a worker says to the coordinator.

import LeastSquares
import Ranking
import Ratings
import Training

/// From a worker to the coordinator.
public enum WorkerMessage: WireMessage, Hashable {
    /// I am here. Said every 100 ms until answered, then every second until welcomed.
    case hello(Hello)
    /// I have taken in the job; `mapsStore` says that I need no ratings from you.
    case ready(mapsStore: Bool)
    /// You may send so many payloads more.
    case credit(Int)
    /// I am alive, am through with so many words to solve (be it that they were no longer needed), and sent so many
    /// messages before this one, hellos not counted.
    case heartbeat(progress: UInt64, sent: UInt64)
    /// I was told to solve, and lack this.
    case need(Need)
    /// A block's new factors (the payload) and its sums.
    case solved(Solved)
    /// The block cannot be solved, here or anywhere.
    case failed(BlockFailure)
    /// I have the ratings of these blocks on my disk.
    case cached(Side, blocks: [Int])
    /// I am leaving, or have read that the job is over. The most memory that I had resident was so many bytes; 0 where
    /// that is not known.
    case goodbye(reason: String, peakMemory: Int = 0)

    public struct Hello: Sendable, Hashable {
        /// For people: host and process.
        public var name: String
        public var threads: Int
        /// The raw values of the kernel levels that this worker has; a coordinator may know fewer or more.
        public var kernelLevels: [String]
        /// Payloads that may be under way to this worker.
        public var credit: Int
        /// The most memory that it may take; nil when it was given no limit.
        public var memoryLimit: ByteSize?

        public init(name: String, threads: Int, kernelLevels: [String], credit: Int, memoryLimit: ByteSize? = nil) {
            self.name = name
            self.threads = threads
            self.kernelLevels = kernelLevels
            self.credit = credit
            self.memoryLimit = memoryLimit
        }
    }

    public enum Need: Sendable, Hashable {
        case ratings(Side, block: Int)
        case factors(Side, block: Int)
    }

    public struct Solved: Sendable, Hashable {
        public var halfStep: HalfStep
        public var block: Int
        public var sums: BlockSums
        /// For how long the solver was busy with it.
        public var seconds: Double
        /// The best of its items for the sampled users, in the order of the sample; see ``SampleRanker``.
        public var lists: [RankedList]

        public init(halfStep: HalfStep, block: Int, sums: BlockSums, seconds: Double, lists: [RankedList] = []) {
            self.halfStep = halfStep
            self.block = block
            self.sums = sums
            self.seconds = seconds
            self.lists = lists
        }
    }

    public struct BlockFailure: Sendable, Hashable {
        public var halfStep: HalfStep
        public var block: Int
        public var what: String
        public var place: String
        public var remedy: String

        public init(halfStep: HalfStep, block: Int, what: String, place: String, remedy: String) {
            self.halfStep = halfStep
            self.block = block
            self.what = what
            self.place = place
            self.remedy = remedy
        }
    }
}

extension WorkerMessage {
    public var type: UInt16 {
        switch self {
        case .hello: 1
        case .ready: 2
        case .credit: 3
        case .heartbeat: 4
        case .need: 5
        case .solved: 6
        case .failed: 7
        case .goodbye: 8
        case .cached: 9
        }
    }

    public func write(to writer: inout WireWriter) {
        switch self {
        case .hello(let hello):
            writer.text(hello.name, atMost: Limits.nameByteCount)
            writer.integer(UInt32(hello.threads))
            writer.list(hello.kernelLevels) { writer, level in writer.text(level) }
            writer.integer(UInt32(hello.credit))
            writer.integer(UInt64(hello.memoryLimit?.bytes ?? 0))
        case .ready(let mapsStore):
            writer.flag(mapsStore)
        case .credit(let count):
            writer.integer(UInt32(count))
        case .heartbeat(let progress, let sent):
            writer.integer(progress)
            writer.integer(sent)
        case .need(.ratings(let side, let block)):
            writer.text("ratings")
            writer.block(side, block)
        case .need(.factors(let side, let block)):
            writer.text("factors")
            writer.block(side, block)
        case .solved(let solved):
            writer.halfStep(solved.halfStep)
            writer.integer(UInt32(solved.block))
            writer.number(solved.sums.squaredError)
            writer.number(solved.sums.penalty)
            writer.number(solved.sums.holdoutSquaredError)
            writer.integer(UInt64(solved.sums.ratingCount))
            writer.integer(UInt64(solved.sums.holdoutCount))
            writer.number(solved.seconds)
            writer.list(solved.lists) { writer, list in writer.rankedList(list) }
        case .failed(let failure):
            writer.halfStep(failure.halfStep)
            writer.integer(UInt32(failure.block))
            writer.text(failure.what)
            writer.text(failure.place)
            writer.text(failure.remedy)
        case .goodbye(let reason, let peakMemory):
            writer.text(reason)
            writer.integer(UInt64(peakMemory))
        case .cached(let side, let blocks):
            writer.blocks(side, blocks)
        }
    }

    public init(type: UInt16, from reader: inout WireReader) throws(WireError) {
        switch type {
        case 1:
            self = .hello(
                Hello(
                    name: try reader.words(atMost: Limits.nameByteCount),
                    threads: try reader.count(UInt32.self, in: 1...Limits.threadCount),
                    kernelLevels: try reader.list(atMost: Limits.kernelLevelCount) { reader throws(WireError) in
                        try reader.text(atMost: Limits.kernelLevelByteCount)
                    },
                    // Credit comes back half of it at a time, so less would run dry.
                    credit: try reader.count(UInt32.self, in: Limits.credit / 2...Limits.credit),
                    memoryLimit: try reader.memoryLimit()))
        case 2: self = .ready(mapsStore: try reader.flag())
        case 3: self = .credit(try reader.count(UInt32.self, in: 1...Limits.credit))
        case 4: self = .heartbeat(progress: try reader.integer(), sent: try reader.integer())
        case 5:
            let kind = try reader.words()
            let (side, block) = try reader.block()
            switch kind {
            case "ratings": self = .need(.ratings(side, block: block))
            case "factors": self = .need(.factors(side, block: block))
            default: throw WireError("unknown need \(kind)")
            }
        case 6:
            let halfStep = try reader.halfStep()
            let block = try reader.count(UInt32.self, in: 0...Limits.blockCount)
            let sums = BlockSums(
                squaredError: try reader.double(), penalty: try reader.double(),
                holdoutSquaredError: try reader.double(), ratingCount: try reader.count(UInt64.self, in: 0...Int.max),
                holdoutCount: try reader.count(UInt64.self, in: 0...Int.max))
            let seconds = try reader.seconds()
            let lists = try reader.list(atMost: Limits.rankedUserCount) { reader throws(WireError) in
                try reader.rankedList()
            }
            guard zip(lists, lists.dropFirst()).allSatisfy({ $0.place < $1.place }) else {
                throw WireError("the ranked lists are out of order")
            }
            self = .solved(Solved(halfStep: halfStep, block: block, sums: sums, seconds: seconds, lists: lists))
        case 7:
            self = .failed(
                BlockFailure(
                    halfStep: try reader.halfStep(), block: try reader.count(UInt32.self, in: 0...Limits.blockCount),
                    what: try reader.words(), place: try reader.words(), remedy: try reader.words()))
        case 8:
            self = .goodbye(reason: try reader.words(), peakMemory: try reader.count(UInt64.self, in: 0...Int.max))
        case 9:
            let (side, blocks) = try reader.blocks()
            self = .cached(side, blocks: blocks)
        default: throw WireError("unknown message type \(type)")
        }
    }
}

extension WireWriter {
    mutating func side(_ side: Side) { integer(UInt8(side == .user ? 0 : 1)) }

    mutating func block(_ side: Side, _ block: Int) {
        self.side(side)
        integer(UInt32(block))
    }

    /// Blocks of one side.
    mutating func blocks(_ side: Side, _ blocks: [Int]) {
        self.side(side)
        list(blocks) { writer, block in writer.integer(UInt32(block)) }
    }

    /// A list with scores of single precision, as products of factors are.
    fileprivate mutating func rankedList(_ list: RankedList) {
        integer(UInt16(list.place))
        self.list(list.items) { writer, item in
            writer.integer(UInt32(item.item))
            writer.number(Float(item.score))
        }
    }

    mutating func halfStep(_ halfStep: HalfStep) {
        integer(UInt32(halfStep.index))
        side(halfStep.side)
        integer(UInt32(halfStep.sweep))
        integer(UInt32(halfStep.fixedVersion))
        integer(UInt32(halfStep.priorVersion))
        integer(UInt32(halfStep.solvedVersion))
        flag(halfStep.isExtrapolated)
    }
}

extension WireReader {
    mutating func blocks() throws(WireError) -> (Side, [Int]) {
        let side = try side()
        return (
            side,
            try list(atMost: Limits.blockCount) { reader throws(WireError) in
                try reader.count(UInt32.self, in: 0...Limits.blockCount)
            }
        )
    }

    mutating func side() throws(WireError) -> Side { try count(UInt8.self, in: 0...1) == 0 ? .user : .item }

    mutating func block() throws(WireError) -> (Side, Int) {
        (try side(), try count(UInt32.self, in: 0...Limits.blockCount))
    }

    fileprivate mutating func rankedList() throws(WireError) -> RankedList {
        let place = try count(UInt16.self, in: 0...Limits.rankedUserCount - 1)
        let items = try list(atMost: Limits.rankedItemCount) { reader throws(WireError) in
            ScoredItem(item: try reader.count(UInt32.self, in: 0...Int(UInt32.max)), score: Double(try reader.float()))
        }
        let list = RankedList(place: place, items: items)
        guard list.isSound else { throw WireError("a ranked list is none") }
        return list
    }

    /// A length of time.
    fileprivate mutating func seconds() throws(WireError) -> Double {
        let seconds = try double()
        guard (0...Limits.seconds).contains(seconds) else { throw WireError("a length of time is out of its range") }
        return seconds
    }

    /// Bytes; 0 for none.
    fileprivate mutating func memoryLimit() throws(WireError) -> ByteSize? {
        let bytes = try count(UInt64.self, in: 0...Int.max)
        return bytes == 0 ? nil : ByteSize(bytes)
    }

    mutating func halfStep() throws(WireError) -> HalfStep {
        HalfStep(
            index: try count(UInt32.self, in: 0...Limits.version), side: try side(),
            sweep: try count(UInt32.self, in: 1...JobConfiguration.maximumSweeps),
            fixedVersion: try count(UInt32.self, in: 0...Limits.version),
            priorVersion: try count(UInt32.self, in: 0...Limits.version),
            solvedVersion: try count(UInt32.self, in: 1...Limits.version), isExtrapolated: try flag())
    }
}
