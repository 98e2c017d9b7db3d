// Why: whether a worker is alive can only be guessed, from what was heard of it and when. Two mistakes are possible:
// to wait for one that is dead, and to give up one that is slow. So there are two answers to silence. After a short
// one a worker is *suspected*: its blocks are given to others as well, which costs nothing but work, and what it
// still sends is welcome. Only after a long one is it *evicted*.
//
// A worker whose solver is wedged still speaks, for its socket has a thread of its own. It is found by what it owes:
// every word to solve is answered by a result, or counted in the heartbeats' progress when it came to nothing.
//
// Anything received counts as life, and results, credit and a rising progress as getting on. So a slow link, over
// which a payload takes seconds, is neither silence nor standing still.

/// What is thought of one worker's life, by the times that are passed in.
package struct FaultDetector {
    package struct Timeouts: Sendable, Hashable {
        /// Silent for so long, a worker is suspected.
        package var suspicion: Duration
        /// Silent for so long, it is taken for dead.
        package var silence: Duration
        /// Without getting on for so long while it has blocks to solve, it is taken for wedged.
        package var progress: Duration
        /// To take in the job, which means to read the store, it has longer.
        package var preparation: Duration { progress * 4 }

        package init(suspicion: Duration, silence: Duration, progress: Duration) {
            self.suspicion = suspicion
            self.silence = silence
            self.progress = progress
        }
    }

    package enum Verdict: Sendable, Hashable {
        case alive
        case suspected
        case dead
        case wedged
    }

    private var lastHeard: Duration
    private var lastProgress: Duration
    /// Words to solve that it was sent, and those that it is through with, as far as is known.
    private var toldCount: UInt64 = 0
    private var doneCount: UInt64 = 0
    /// Since when it has been taking in the job, if it has.
    private var preparingSince: Duration?
    /// Whether it is suspected: from the verdict until it is heard again.
    package private(set) var isSuspected = false

    package init(now: Duration) {
        lastHeard = now
        lastProgress = now
    }

    /// Words to solve that it has not answered, as far as is known.
    package var owed: UInt64 { toldCount - doneCount }

    /// Takes in that something came from it.
    /// - Returns: whether it was suspected until now.
    package mutating func hear(now: Duration) -> Bool {
        lastHeard = now
        defer { isSuspected = false }
        return isSuspected
    }

    /// Takes in that it was sent the job.
    package mutating func beginPreparing(now: Duration) { preparingSince = preparingSince ?? now }

    /// Takes in that it is ready.
    package mutating func endPreparing() { preparingSince = nil }

    /// Takes in that it was told to solve a block.
    package mutating func tell(now: Duration) {
        // Idle until now, it has not failed to get on.
        if owed == 0 { lastProgress = now }
        toldCount += 1
    }

    /// Takes in that it has dealt with something it was sent.
    package mutating func progress(now: Duration) { lastProgress = now }

    /// Takes in that it has answered a word to solve.
    package mutating func answer(now: Duration) {
        lastProgress = now
        doneCount = min(doneCount + 1, toldCount)
    }

    /// Takes in the progress count of a heartbeat, which includes every answer that came before.
    package mutating func report(progress: UInt64, now: Duration) {
        // More than it was told would be a lie.
        let progress = min(progress, toldCount)
        guard progress > doneCount else { return }
        doneCount = progress
        lastProgress = now
    }

    /// What is to be thought of it now.
    package mutating func judge(_ timeouts: Timeouts, now: Duration) -> Verdict {
        let silence = now - lastHeard
        if silence > timeouts.silence { return .dead }
        if owed > 0, now - lastProgress > timeouts.progress { return .wedged }
        if let preparingSince, now - preparingSince > timeouts.preparation { return .wedged }
        isSuspected = isSuspected || silence > timeouts.suspicion
        return isSuspected ? .suspected : .alive
    }
}
