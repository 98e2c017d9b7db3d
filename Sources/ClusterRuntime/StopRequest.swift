// Why: a signal, or a caller, asks a running coordinator or worker to end; its thread sleeps in `Socket.wait`.

import Failures
import Synchronization
import ZeroMQ

/// Asks, from any thread, a runtime to end soon and cleanly.
public final class StopRequest: Sendable {
    private let reason = Mutex<String?>(nil)
    let waker: Waker

    public init() throws(Failure) { waker = try Waker() }

    /// Asks; only the first reason counts.
    public func stop(reason: String) {
        self.reason.withLock { if $0 == nil { $0 = reason } }
        waker.wake()
    }

    /// Wakes the runtime's thread, to look whatever else it waits for.
    public func wake() { waker.wake() }

    /// Why it was asked for; nil when it was not.
    public var requested: String? { reason.withLock { $0 } }
}
