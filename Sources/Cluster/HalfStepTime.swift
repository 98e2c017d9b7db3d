// Why: a sweep is slow because its rows take long, because one worker has to wait for another, or because of what has
// to travel; each has another remedy. Nobody compares clocks, so all of it is told from two things: when results reach
// the coordinator, and for how long a worker says that its solver was busy.
//
//     began                     a worker's last result          ended
//       |--------------------------------|--------------------|
//          solve: its solver is busy          wait: nothing is left for it, others still solve
//          exchange: the rest, when factors, ratings, orders and results are on their way
//
// A worker that joins in between waits until it is ready. Nothing of this changes what is solved.

import Ratings
import Training

/// The time of a half-step and what it was spent on, in seconds: means over the workers that were there at its end.
public struct HalfStepTime: Sendable, Hashable {
    /// From its beginning to its last result: ``solve``, ``wait`` and ``exchange`` together.
    public let seconds: Double
    /// A worker's solver was busy.
    public let solve: Double
    /// A worker had nothing to solve, because the other workers had the rest, or because it was not ready yet.
    public let wait: Double
    /// Factors, ratings, orders or results were on their way while a worker's solver had nothing to do.
    public let exchange: Double

    /// - Parameters:
    ///   - workers: those that are there when the half-step ends.
    ///   - ended: not before `began`, of the clock of the workers' times.
    package init(of workers: [WorkerTime], began: Duration, ended: Duration) {
        let seconds = (ended - began) / .seconds(1)
        var (solve, wait) = (0.0, 0.0)
        for worker in workers {
            let start = min(max(worker.readySince, began), ended)
            let last = min(max(worker.lastResult ?? start, start), ended)
            wait += (start - began + (ended - last)) / .seconds(1)
            // A worker cannot have been busy for longer than it was there, whatever it says.
            solve += min(worker.solveSeconds, (last - start) / .seconds(1))
        }
        self.seconds = seconds
        self.solve = workers.isEmpty ? 0 : solve / Double(workers.count)
        self.wait = workers.isEmpty ? seconds : wait / Double(workers.count)
        exchange = max(0, seconds - self.solve - self.wait)
    }
}

/// One worker's time in the present half-step.
package struct WorkerTime: Sendable, Hashable {
    /// When it could be given blocks for the first time.
    package var readySince = Duration.zero
    /// For how long its solver was busy with the blocks whose results counted.
    package private(set) var solveSeconds = 0.0
    /// When the last of them came.
    package private(set) var lastResult: Duration?
    private var blockCount = 0
    /// What its solver took for a block of each side in the half-step that it last had some in; nil before that.
    package private(set) var secondsPerBlock: BySide<Double?> = BySide(user: nil, item: nil)

    package init() {}

    /// Takes in a block's result.
    /// - Parameter seconds: what its solver took; not negative.
    package mutating func solved(_ side: Side, seconds: Double, now: Duration) {
        solveSeconds += seconds
        lastResult = now
        blockCount += 1
        secondsPerBlock[side] = solveSeconds / Double(blockCount)
    }

    package mutating func beginHalfStep() {
        (solveSeconds, lastResult, blockCount) = (0, nil, 0)
    }
}
