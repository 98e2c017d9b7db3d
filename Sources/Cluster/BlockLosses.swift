// Why: a block whose ratings or size crash the solver would kill one worker after the other, and the job would never
// say why. So it is counted which block a lost worker was solving; after four the job fails and names it.
//
// Innocents: only the block that was first in a lost worker's line counts, and only when it is certain that this was
// the one being solved. A worker that comes back was not killed: its connection was, and that is no block's fault.

/// Which blocks of a half-step workers were lost over.
struct BlockLosses {
    /// So many workers lost over one block, the job fails.
    static let limit = 4

    /// The workers that were lost over each block, by name; nil for one whose loss cannot be a connection's.
    private var losses: [Int: [String?]] = [:]

    /// Takes in that a worker was lost while it solved `block`.
    /// - Parameter name: of the worker, if it may turn out that only its connection was lost.
    /// - Returns: whether that was one too many.
    mutating func note(_ block: Int, name: String?) -> Bool {
        losses[block, default: []].append(name)
        return losses[block]!.count >= Self.limit
    }

    /// Takes in that a worker has come back.
    mutating func forgive(_ name: String) {
        for block in losses.keys { losses[block]!.removeAll { $0 == name } }
    }
}
