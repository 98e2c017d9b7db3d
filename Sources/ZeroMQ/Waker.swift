// Why: one thread owns all of a process's sockets and sleeps in `Socket.wait`; other threads wake it.

import CLinux
import Failures
import Glibc

/// Wakes a thread that waits in ``Socket/wait(milliseconds:or:)``; an eventfd.
public final class Waker: Sendable {
    let descriptor: Int32

    public init() throws(Failure) {
        descriptor = try systemCall("create an eventfd", at: "") { clinux_eventfd() }
    }

    deinit { close(descriptor) }

    /// Wakes the waiting thread, or the next one to wait. Safe from any thread.
    public func wake() {
        var one: UInt64 = 1
        // A full counter (EAGAIN) is awake already.
        _ = write(descriptor, &one, MemoryLayout<UInt64>.size)
    }

    func reset() {
        var count: UInt64 = 0
        _ = read(descriptor, &count, MemoryLayout<UInt64>.size)
    }
}
