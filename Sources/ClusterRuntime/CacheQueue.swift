// Why: disks are slow, and neither the socket nor the solver may wait for one. A queue of its own saves and loads the
// ratings of blocks, in order. A cache that cannot be written to costs a warning and not the job.

import Cluster
import Dispatch
import Failures
import Logging
import Ratings
import Synchronization

/// Saves to and loads from a ``RatingsCache``.
final class CacheQueue: Sendable {
    private let cache: RatingsCache
    private let logger: Logger
    private let queue = DispatchQueue(label: "cache")
    private let isWritable = Mutex(true)
    /// Bytes of what is to be saved, and how many these may be: with a memory limit, ratings that were released must
    /// not live on here because the disk is slow.
    private let pending = Mutex(0)
    private let mostPending: Int

    private static let mostPendingUnderALimit = 16 << 20

    init(_ cache: RatingsCache, hasMemoryLimit: Bool, logger: Logger) {
        self.cache = cache
        mostPending = hasMemoryLimit ? Self.mostPendingUnderALimit : .max
        self.logger = logger
    }

    /// Saves the ratings of a block, and calls `done` on the queue when they are on disk. Too much at once is not
    /// saved: there will be another occasion if it is sent again.
    func save(
        _ job: JobDescription, _ side: Side, _ block: Int, _ payload: Payload, done: @escaping @Sendable () -> Void
    ) {
        let byteCount = payload.bytes.count
        let hasRoom = pending.withLock { pending in
            guard pending == 0 || byteCount <= mostPending - pending else { return false }
            pending += byteCount
            return true
        }
        guard hasRoom else { return }
        queue.async { [self] in
            defer { pending.withLock { $0 -= byteCount } }
            guard isWritable.withLock({ $0 }) else { return }
            do throws(Failure) {
                try cache.save(job, side, block, payload)
                done()
            } catch {
                isWritable.withLock { $0 = false }
                logger.warning("nothing more is kept in the cache: \(error)")
            }
        }
    }

    /// Loads the ratings of a block, and calls `done` on the queue with them; with nil, and a warning, if they are of
    /// no use.
    func load(_ job: JobDescription, _ side: Side, _ block: Int, done: @escaping @Sendable (Payload?) -> Void) {
        queue.async { [self] in
            do throws(Failure) {
                done(try cache.load(job, side, block))
            } catch {
                logger.warning("cached ratings are not used, and asked for instead: \(error)")
                done(nil)
            }
        }
    }

    /// Waits until all is saved.
    func finish() { queue.sync {} }
}
