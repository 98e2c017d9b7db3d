// Why: training is a fixed sequence of half-steps. Which side is solved, and which versions of the factors it
// reads and writes, follows from its number alone:
//
//     half-step   0      1      2      3      ...
//     solves      users  items  users  items
//     sweep       1      1      2      2
//
// The version of a side's factors is how often it has been solved: 0 for the initial ones.

import Ratings

/// One side solved with the other fixed.
public struct HalfStep: Sendable, Hashable, Comparable {
    /// 0 for the first of the job.
    public let index: Int

    public init(index: Int) {
        precondition(index >= 0)
        self.index = index
    }

    /// The side that is solved.
    public var side: Side { index % 2 == 0 ? .user : .item }
    /// 1 for the first sweep.
    public var sweep: Int { index / 2 + 1 }
    public var endsSweep: Bool { side == .item }
    public var next: HalfStep { HalfStep(index: index + 1) }

    /// The version of the solved side's factors that this half-step makes.
    public var solvedVersion: Int { sweep }
    /// The version of the fixed side's factors that it reads.
    public var fixedVersion: Int { side == .user ? sweep - 1 : sweep }

    public static func < (left: HalfStep, right: HalfStep) -> Bool { left.index < right.index }
}
