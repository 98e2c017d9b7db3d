// Why: one libzmq context a process owns the I/O threads; every socket keeps it alive.

import CZeroMQ
import Failures

/// A libzmq context. Make one a process: closing one context can disturb CURVE in another (libzmq before 4.3.5).
public final class Context: @unchecked Sendable {
    // Unchecked: libzmq's contexts are thread-safe, and the handle never changes.
    let handle: UnsafeMutableRawPointer

    /// The oldest libzmq we work with; older ones have known security faults.
    static let oldestVersion = (4, 3, 3)

    /// - Throws: a ``Failure`` of kind `unavailable` when the system's libzmq is too old.
    public init() throws(Failure) {
        var (major, minor, patch) = (Int32(0), Int32(0), Int32(0))
        zmq_version(&major, &minor, &patch)
        let version = (Int(major), Int(minor), Int(patch))
        guard version >= Self.oldestVersion else {
            throw Failure(
                .unavailable, "libzmq \(version.0).\(version.1).\(version.2) is older than 4.3.3",
                remedy: "install a newer libzmq3-dev")
        }
        guard let handle = zmq_ctx_new() else { throw Failure(zeroMQ: "create a context", at: "") }
        self.handle = handle
        // Signals belong to the process's own threads.
        zmq_ctx_set(handle, ZMQ_BLOCKY, 0)
    }

    deinit { zmq_ctx_term(handle) }
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
