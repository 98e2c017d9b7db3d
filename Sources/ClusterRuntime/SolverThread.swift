// Why: solving must not hold up the thread that owns the socket, or a busy worker would look like a dead one. One
// thread solves block after block (each with `concurrentPerform` inside) and puts the results where the socket's
// thread finds them.

import Cluster
import Dispatch
import Failures
import Foundation
import LeastSquares
import Ratings
import Synchronization
import Training
import ZeroMQ

/// The thread on which a worker prepares its memory and solves its blocks, in the order it is told to.
final class SolverThread: Sendable {
    /// What the thread did.
    enum Result: Sendable {
        /// With the store, if it is mapped, else with the blocks that are in the cache.
        case prepared(WorkerMemory, store: RatingStore?, cached: BySide<[Int]>)
        /// The memory cannot be had, or the kernels; or the mapped store was changed.
        case unfit(Failure)
        case solved(HalfStep, block: Int, WorkerMemory.Solution, seconds: Double)
        case failed(HalfStep, block: Int, Failure)
        /// From the cache's queue: a block's ratings are on disk, or were fetched from there; nil if they are no use.
        case saved(Side, block: Int)
        case loaded(Side, block: Int, Payload?)
    }

    private struct Queue {
        var work: [@Sendable () -> Result?] = []
        var results: [Result] = []
        var isClosed = false
    }

    private let queue = Mutex(Queue())
    private let available = DispatchSemaphore(value: 0)
    private let waker: Waker

    /// - Parameter waker: woken when there is a result.
    init(waker: Waker) {
        self.waker = waker
        let thread = Thread { self.run() }
        thread.name = "solver"
        thread.stackSize = 8 << 20
        thread.start()
    }

    /// Has `work` done after all that was submitted before.
    func submit(_ work: @escaping @Sendable () -> Result?) {
        queue.withLock { $0.work.append(work) }
        available.signal()
    }

    /// The results so far, in the order of the work.
    func takeResults() -> [Result] {
        queue.withLock { queue in
            let results = queue.results
            queue.results = []
            return results
        }
    }

    /// Adds a result that another thread has.
    func report(_ result: Result) {
        queue.withLock { $0.results.append(result) }
        waker.wake()
    }

    /// Ends the thread after the work it is doing; the rest is dropped.
    func close() {
        queue.withLock {
            $0.isClosed = true
            $0.work = []
        }
        available.signal()
    }

    private func run() {
        while true {
            available.wait()
            let (work, isClosed) = queue.withLock { queue -> ((@Sendable () -> Result?)?, Bool) in
                (queue.work.isEmpty ? nil : queue.work.removeFirst(), queue.isClosed)
            }
            if isClosed { return }
            if let result = work?() { report(result) }
        }
    }
}
