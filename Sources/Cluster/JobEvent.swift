// Why: what happens in a job, for people: the view, the log and tests read these; the coordinator decides nothing by
// them.

import Failures
import Ratings
import Training

/// Something worth telling about a running job.
public enum JobEvent: Sendable {
    /// The job has not enough workers to begin.
    case workerWaits(name: String, workers: Int, needed: Int)
    case workerJoined(name: String, threads: Int, mapsStore: Bool, workers: Int)
    case workerLeft(name: String, reason: String, workers: Int)
    /// A worker's membership is over, be it with the job.
    case membershipEnded(WorkerAccount)
    /// A worker that cannot take part.
    case workerRefused(name: String, reason: String, workers: Int)
    /// Nothing was heard of a worker for a while, so its blocks are given to others too.
    case workerSuspected(name: String, silence: Duration)
    /// A suspected worker was heard again.
    case workerRecovered(name: String)
    /// A block with which one worker is overdue is given to another too.
    case blockCopied(Side, block: Int, from: String, to: String)
    /// The job begins; `need` is that of the worker with the most threads, and its ratings those of its share.
    case jobBegan(need: MemoryNeed, ratings: ByteSize, workers: Int)
    /// A worker has so little room for ratings that its share of them does not fit: some are sent again every sweep.
    case workerIsShortOfMemory(name: String, room: ByteSize, share: ByteSize)
    /// The job goes on from a checkpoint, with this half-step; `sweeps` were done before.
    case resumed(HalfStep, sweeps: [SweepRecord])
    case halfStepBegan(HalfStep, rows: Int)
    /// So much is solved so far: rows, and the fraction of the blocks, which are of equal cost while rows are not.
    case halfStepProgressed(HalfStep, rows: Int, fraction: Double)
    case halfStepEnded(HalfStep, objective: Objective, time: HalfStepTime)
    case sweepEnded(SweepRecord)
    /// Extrapolated item factors did not lower the objective; the users are solved again without.
    case extrapolationWithdrawn(sweep: Int)
    /// So many sweeps were no better on the held-out ratings than the kept one that the job is over.
    case stoppedEarly(sweep: Int, kept: Int)
    /// Something odd that the job survived.
    case warning(String)
}

/// How a job ended.
public enum JobOutcome: Sendable {
    /// The factors of each side, one payload a block, in block order.
    /// - keptSweep: the one whose factors these are, where early stopping chose it.
    case done(factors: BySide<[Payload]>, sweeps: [SweepRecord], converged: Bool, keptSweep: Int?)
    /// Someone asked for it.
    case stopped(reason: String)
    case failed(Failure)
}

/// Why a message was not acted on.
public enum DropReason: String, Sendable, Hashable, CaseIterable {
    /// From another job or another epoch.
    case foreign
    /// From a worker that is not known (any more).
    case unknownWorker
    /// What is not needed any more: a result for another half-step or a solved block, factors or ratings that are here.
    case stale
    /// Cannot be read, or does not fit the job.
    case malformed
}
