// Why: what the coordinator says to a worker.

import Ratings
import Training

/// From the coordinator to a worker.
public enum CoordinatorMessage: WireMessage, Hashable {
    /// You are in: this is the job. So many messages were sent to you before this one, if any.
    case welcome(JobDescription, sent: UInt64)
    /// You are not in, or no longer.
    case refused(Refusal, reason: String)
    /// I am alive, and sent you so many messages before this one, welcomes not counted. Also the answer to a hello
    /// before the job begins.
    case heartbeat(sent: UInt64)
    /// Part of a block's ratings (the payload), see `RatingsBlock`.
    case ratings(RatingsChunk)
    /// A block's factors (the payload).
    case factors(Side, block: Int, version: Int)
    /// Solve this block of the half-step's side.
    case solve(HalfStep, block: Int)
    /// You need not keep the ratings of these blocks.
    case release(Side, blocks: [Int])
    /// The job is over; answered with a goodbye.
    case finish(Finish, reason: String)

    public enum Refusal: String, Sendable, Hashable {
        /// You are unknown, or were taken for dead: begin again under a new routing id.
        case rejoin
        /// You lack what the job needs; there is no use in coming back.
        case unfit
    }

    public enum Finish: String, Sendable, Hashable {
        case done
        case stopped
        case failed
        /// Another job follows: join anew.
        case next
    }

    public struct RatingsChunk: Sendable, Hashable {
        public var side: Side
        public var block: Int
        /// Bytes of all chunks together.
        public var totalByteCount: Int
        /// Where this chunk begins.
        public var offset: Int

        public init(side: Side, block: Int, totalByteCount: Int, offset: Int) {
            self.side = side
            self.block = block
            self.totalByteCount = totalByteCount
            self.offset = offset
        }
    }
}

extension CoordinatorMessage {
    public var type: UInt16 {
        switch self {
        case .welcome: 101
        case .refused: 102
        case .heartbeat: 103
        case .ratings: 104
        case .factors: 105
        case .solve: 106
        case .finish: 107
        case .release: 108
        }
    }

    public func write(to writer: inout WireWriter) {
        switch self {
        case .welcome(let job, let sent):
            job.write(to: &writer)
            writer.integer(sent)
        case .refused(let refusal, let reason):
            writer.text(refusal.rawValue)
            writer.text(reason)
        case .heartbeat(let sent): writer.integer(sent)
        case .ratings(let chunk):
            writer.block(chunk.side, chunk.block)
            writer.integer(UInt64(chunk.totalByteCount))
            writer.integer(UInt64(chunk.offset))
        case .factors(let side, let block, let version):
            writer.block(side, block)
            writer.integer(UInt32(version))
        case .solve(let halfStep, let block):
            writer.halfStep(halfStep)
            writer.integer(UInt32(block))
        case .finish(let finish, let reason):
            writer.text(finish.rawValue)
            writer.text(reason)
        case .release(let side, let blocks): writer.blocks(side, blocks)
        }
    }

    public init(type: UInt16, from reader: inout WireReader) throws(WireError) {
        switch type {
        case 101: self = .welcome(try JobDescription(from: &reader), sent: try reader.integer())
        case 102: self = .refused(try reader.choice(Refusal.self), reason: try reader.words())
        case 103: self = .heartbeat(sent: try reader.integer())
        case 104:
            let (side, block) = try reader.block()
            self = .ratings(
                RatingsChunk(
                    side: side, block: block,
                    totalByteCount: try reader.count(UInt64.self, in: 0...Limits.ratingsByteCount),
                    offset: try reader.count(UInt64.self, in: 0...Limits.ratingsByteCount)))
        case 105:
            let (side, block) = try reader.block()
            self = .factors(
                side, block: block, version: try reader.count(UInt32.self, in: 1...Limits.version))
        case 106:
            self = .solve(
                try reader.halfStep(), block: try reader.count(UInt32.self, in: 0...Limits.blockCount))
        case 107: self = .finish(try reader.choice(Finish.self), reason: try reader.words())
        case 108:
            let (side, blocks) = try reader.blocks()
            self = .release(side, blocks: blocks)
        default: throw WireError("unknown message type \(type)")
        }
    }
}
