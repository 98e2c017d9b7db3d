// Why: one libzmq context a process owns the I/O threads; every socket keeps it alive.

import CZeroMQ
import Failures

/// A libzmq context. Make one a process: closing one context can disturb CURVE in another (libzmq before 4.3.5).
public final class Context: Sendable {
    // Safe to share: libzmq's contexts are thread-safe, and the handle never changes.
    nonisolated(unsafe) let handle: UnsafeMutableRawPointer

    /// The oldest libzmq we work with; older ones have known security faults.
    static let oldestVersion = (4, 3, 3)

    /// - Throws: a ``Failure`` of kind `unavailable` when the system's libzmq is too old.
    public init() throws(Failure) {
        var (major, minor, patch) = (Int32(0), Int32(0), Int32(0))
        zmq_version(&major, &minor, &patch)
        try Self.requireVersion((Int(major), Int(minor), Int(patch)))
        guard let handle = zmq_ctx_new() else { throw Failure(zeroMQ: "create a context", at: "") }
        self.handle = handle
        // Sockets linger as each was told to, and not for ever.
        zmq_ctx_set(handle, ZMQ_BLOCKY, 0)
    }

    /// - Throws: a ``Failure`` of kind `unavailable` when `version` is older than ``oldestVersion``.
    package static func requireVersion(_ version: (major: Int, minor: Int, patch: Int)) throws(Failure) {
        func text(_ version: (Int, Int, Int)) -> String { "\(version.0).\(version.1).\(version.2)" }
        guard version < oldestVersion else { return }
        throw Failure(
            .unavailable, "libzmq \(text(version)) is older than \(text(oldestVersion))",
            remedy: "install a newer libzmq3-dev")
    }

    /// Waits, when the last socket is gone, until its messages are sent or its linger is over.
    deinit { zmq_ctx_term(handle) }

    /// Runs `body` with a context, and ends the context before returning.
    ///
    /// A process that exits while a context is alive loses what its closed sockets have not sent yet. So the last
    /// words of a program are safe only if the context is known to have ended: keep neither it nor a socket
    /// beyond `body`.
    public static func use<Result>(_ body: (Context) throws(Failure) -> Result) throws(Failure) -> Result {
        weak var witness: Context?
        let result: Result
        do {
            let context = try Context()
            witness = context
            result = try body(context)
        }
        precondition(witness == nil, "a context was kept beyond its use")
        return result
    }
}

extension Failure {
    /// The failure of a libzmq call, from its errno.
    init(zeroMQ operation: String, at endpoint: String, kind: Kind? = nil, remedy: String? = nil) {
        let code = zmq_errno()
        let reason = String(cString: zmq_strerror(code))
        let found: (kind: Kind, remedy: String) =
            switch code {
            case EADDRINUSE:
                (.unavailable, "another process listens there: end it, or choose another address")
            case EADDRNOTAVAIL, ENODEV:
                (.unavailable, "this host has no such address: give one that it has")
            case EINVAL, EPROTONOSUPPORT, ENOCOMPATPROTO:
                (.usage, "write the address as tcp://HOST:PORT or ipc://PATH")
            case EACCES, EPERM:
                (.cannotCreate, "choose a port above 1023, or a folder that you may write to")
            case EMFILE: (.system, "raise the limit on open files (ulimit -n)")
            default: (.unavailable, "")
            }
        self.init(
            kind ?? found.kind, "cannot \(operation): \(reason)", at: endpoint, remedy: remedy ?? found.remedy)
    }
}
