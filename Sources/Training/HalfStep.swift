// Why: a half-step names everything that its results depend on, so that a worker can check that it has just that,
// and a late result cannot pass for another's.

import Ratings

/// One side solved with the other fixed.
public struct HalfStep: Sendable, Hashable, Codable {
    /// Counts all half-steps of the job from 0, the opening one and repeated ones too.
    public let index: Int
    /// The side that is solved.
    public let side: Side
    /// 1 for the first sweep.
    public let sweep: Int
    /// The version of the fixed side's factors that it reads. Versions of a side only rise; 0 are the initial factors.
    public let fixedVersion: Int
    /// The version of the solved side's factors from which it starts.
    public let priorVersion: Int
    /// The version of the solved side's factors that it makes.
    public let solvedVersion: Int
    /// Whether the results are not the side's new factors yet, but extrapolated first; see ``Extrapolation``.
    public let isExtrapolated: Bool

    public init(
        index: Int, side: Side, sweep: Int, fixedVersion: Int, priorVersion: Int, solvedVersion: Int,
        isExtrapolated: Bool
    ) {
        self.index = index
        self.side = side
        self.sweep = sweep
        self.fixedVersion = fixedVersion
        self.priorVersion = priorVersion
        self.solvedVersion = solvedVersion
        self.isExtrapolated = isExtrapolated
    }

    /// Whether it is the first of the job, which makes the item factors from which the first sweep starts.
    public var isOpening: Bool { index == 0 }
    public var endsSweep: Bool { side == .item && !isOpening }
}
