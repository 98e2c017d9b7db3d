// Why: a half-step ends with its last block, so one slow worker holds up all others. When the pool is empty, an idle
// worker is given a block that another is overdue with; the first result counts, and both would be equal. At most
// two work on one block. What is overdue is measured against the blocks of the same side, which are of equal cost.
//
// The slower worker is told nothing. It drops the block by itself when the factors reach it before its solver does;
// to stop a solver in the middle would save a block's time at most, now and then.

/// How long the blocks of a side have taken lately, and when one is overdue.
package struct Stragglers {
    /// Times that are remembered; an odd number, so that the median is one of them.
    private static let sampleCount = 63
    /// Overdue is what takes so many times the median; more where the ratings have to be sent, which costs the
    /// coordinator something and takes its time.
    private static let patience = 1.5
    private static let patienceBeforeSending = 2.5

    private var sample: [Duration] = []
    private var next = 0

    package init() {}

    /// Takes in how long a block took: from when nothing was before it in its worker's line to its result.
    package mutating func note(_ duration: Duration) {
        if sample.count < Self.sampleCount {
            sample.append(duration)
        } else {
            sample[next] = duration
            next = (next + 1) % Self.sampleCount
        }
    }

    /// A block that one worker has.
    package struct Candidate: Sendable, Hashable {
        package var block: Int
        /// Since when its worker has been at the first block of its line.
        package var since: Duration

        package init(block: Int, since: Duration) {
            self.block = block
            self.since = since
        }
    }

    /// Which block an idle worker should solve too: the one that its worker has been at the longest, if it is overdue.
    /// - Parameters:
    ///   - candidates: blocks that one worker has, those of a worker in the order of its line.
    ///   - hasRatings: whether the idle worker has the ratings of a block.
    package func choose(_ candidates: [Candidate], now: Duration, hasRatings: (Int) -> Bool) -> Candidate? {
        guard !sample.isEmpty, !candidates.isEmpty else { return nil }
        let median = sample.sorted()[sample.count / 2]
        var chosen: Candidate?
        for candidate in candidates where chosen.map({ candidate.since < $0.since }) ?? true {
            let patience = hasRatings(candidate.block) ? Self.patience : Self.patienceBeforeSending
            if now - candidate.since > median * patience { chosen = candidate }
        }
        return chosen
    }
}
