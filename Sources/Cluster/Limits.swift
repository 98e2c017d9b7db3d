// Why: every length that a peer names is checked against one of these before memory is taken for it.

import Training

/// The bounds on what a message may hold.
public enum Limits {
    /// The version of the protocol; peers with another one are refused.
    public static let protocolVersion: UInt16 = 5
    /// A header with the longest lists of blocks in it, of both sides, and room to spare.
    public static let headerByteCount = 8 << 20
    /// The largest payload: a chunk of ratings, or a block of factors (one row at the highest rank fits many times).
    public static let payloadByteCount = max(BlockPlan.maximumFactorByteCount, ratingsChunkByteCount)
    /// Ratings of a block travel in chunks of this size.
    public static let ratingsChunkByteCount = 1 << 20
    /// The longest frame that a socket takes in.
    public static let frameByteCount = max(headerByteCount, payloadByteCount)
    /// Paths, reasons.
    public static let textByteCount = 4096
    /// What a worker calls itself.
    public static let nameByteCount = 256
    /// Versions of factors, and half-steps: a sweep makes two, and an extrapolation that is withdrawn two more.
    public static let version = 4 * JobConfiguration.maximumSweeps
    /// Blocks of one side.
    public static let blockCount = 1 << 19
    /// Payloads that a worker lets the coordinator have under way to it.
    public static let credit = 8
    /// Blocks that a worker has at a time: the one it solves, and those whose way to it this hides.
    public static let blocksInFlight = 3
    /// Kernel levels that a worker may name, and the length of a name.
    public static let kernelLevelCount = 16
    public static let kernelLevelByteCount = 32
    public static let workerCount = 4096
    /// How long a block may have taken.
    public static let seconds = 1e9
    public static let threadCount = 4096
    /// The ratings of one block; more than any real row has.
    public static let ratingsByteCount = 1 << 36
}
