// Why: addresses are checked before anything is started, with words about addresses instead of libzmq's.

import ArrayFiles
import Failures
import Glibc

/// Where a coordinator listens: `tcp://HOST:PORT` (port `*` for any free one) or `ipc://PATH`.
public struct Endpoint: Sendable, Hashable, CustomStringConvertible {
    public enum Transport: Sendable, Hashable {
        case tcp(host: String, port: String)
        case ipc(path: String)
    }

    public let transport: Transport

    /// The longest path of a Unix domain socket, less its terminating zero.
    private static let maximumPathByteCount = 107

    /// - Throws: a ``Failure`` of kind `usage`.
    public init(_ text: String) throws(Failure) {
        func bad(_ what: String) -> Failure {
            Failure(
                .usage, what, at: text,
                remedy: "write it as tcp://HOST:PORT, such as tcp://127.0.0.1:5555, or ipc://PATH")
        }
        if text.hasPrefix("tcp://") {
            let rest = text.dropFirst(6)
            guard let colon = rest.lastIndex(of: ":"), colon != rest.startIndex else {
                throw bad("the address has no port")
            }
            let port = String(rest[rest.index(after: colon)...])
            guard port == "*" || UInt16(port).map({ $0 > 0 }) == true else { throw bad("the port \(port) is none") }
            transport = .tcp(host: String(rest[..<colon]), port: port)
        } else if text.hasPrefix("ipc://") {
            let path = String(text.dropFirst(6))
            guard !path.isEmpty else { throw bad("the address has no path") }
            // To libzmq these are no files: an abstract address, to which every user of the host can connect, and a
            // folder that it makes.
            guard !path.hasPrefix("@"), path != "*" else { throw bad("the address is no path of a file") }
            guard path.utf8.count <= Self.maximumPathByteCount else {
                throw Failure(
                    .usage, "the path is longer than the \(Self.maximumPathByteCount) bytes a socket can have",
                    at: text,
                    remedy: "choose a shorter one")
            }
            transport = .ipc(path: path)
        } else {
            throw bad("not an address of a kind we know")
        }
    }

    public var description: String {
        switch transport {
        case .tcp(let host, let port): "tcp://\(host):\(port)"
        case .ipc(let path): "ipc://\(path)"
        }
    }

    /// Whether only processes of this machine can reach it.
    public var isLocal: Bool {
        switch transport {
        case .tcp(let host, _): host == "localhost" || host == "[::1]" || Self.isLoopback(host)
        case .ipc: true
        }
    }

    /// Whether `host` is an IPv4 address in 127.0.0.0/8.
    private static func isLoopback(_ host: String) -> Bool { address(host).map { $0 >> 24 == 127 } ?? false }

    /// The IPv4 address that is written in `host`; nil when it is a name, or something else.
    static func address(_ host: String) -> UInt32? {
        var address = in_addr()
        return inet_pton(AF_INET, host, &address) == 1 ? UInt32(bigEndian: address.s_addr) : nil
    }

    /// The form for libzmq, which knows no names of interfaces' addresses when it binds.
    var forBinding: String { description.replacing("tcp://localhost:", with: "tcp://127.0.0.1:") }
}

/// Keeps two processes from listening on one `ipc://` path: libzmq would let the second steal it in silence. At its end
/// it removes the socket and itself.
final class EndpointLock: Sendable {
    private let lock: FileLock
    private let path: String

    private static let suffix = ".lock"

    /// - Throws: a ``Failure`` of kind `unavailable` when another process holds the lock.
    init(ipcPath path: String) throws(Failure) {
        while true {
            let lock = try FileLock(
                path: path + Self.suffix,
                taken: Failure(
                    .unavailable, "another process listens there", at: "ipc://\(path)",
                    remedy: "end it, or choose another path"))
            if lock.isAtItsPath {
                (self.lock, self.path) = (lock, path)
                return
            }
        }
    }

    // As long as the lock is held nobody else listens there, so what is removed is ours.
    deinit {
        var status = stat()
        if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK { unlink(path) }
        unlink(path + Self.suffix)
    }
}
