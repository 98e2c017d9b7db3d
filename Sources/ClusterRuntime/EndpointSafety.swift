// Why: safe unless told otherwise. What other machines, or other users of this one, can reach is refused before
// anything is opened there, unless keys or the file system keep strangers out.

import Failures
import Glibc

extension Endpoint {
    /// Refuses to listen where strangers can connect, unless there are keys or `isInsecure`.
    ///
    /// Makes the folder of an `ipc://` path, for this user alone, if it is not there.
    /// - Throws: a ``Failure`` of kind `usage`.
    public func requireSafeToListen(hasKeys: Bool, isInsecure: Bool) throws(Failure) {
        if case .ipc(let path) = transport {
            return try Self.requirePrivateFolder(of: path, mayBeOpen: hasKeys || isInsecure)
        }
        guard isLocal || hasKeys || isInsecure else {
            throw Failure(
                .usage, "other machines can connect to this address, and nothing would authenticate them",
                at: description,
                remedy:
                    "give --key and --allow (see mf keygen --help), listen on 127.0.0.1, or say --insecure on a network that you trust"
            )
        }
    }

    /// Refuses to take the word of whoever answers at an address of another machine, unless there are keys or
    /// `isInsecure`.
    /// - Throws: a ``Failure`` of kind `usage`.
    public func requireSafeToConnect(hasKeys: Bool, isInsecure: Bool) throws(Failure) {
        guard isLocal || hasKeys || isInsecure else {
            throw Failure(
                .usage, "the coordinator is on another machine, and nothing would prove that it is yours",
                at: description,
                remedy:
                    "give --key and --coordinator-key (see mf keygen --help), or say --insecure on a network that you trust"
            )
        }
    }

    private static func requirePrivateFolder(of path: String, mayBeOpen: Bool) throws(Failure) {
        let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        if mkdir(folder, 0o700) == 0 || mayBeOpen { return }
        var status = stat()
        try systemCall("look at the folder", at: folder, kind: .cannotCreate) { stat(folder, &status) }
        guard status.st_uid == geteuid(), status.st_mode & 0o077 == 0 else {
            throw Failure(
                .usage, "other users can enter the folder of this address", at: "ipc://\(path)",
                remedy:
                    "give a path in a folder that only you can enter (chmod 700 \(folder)), or one that is not there yet"
            )
        }
    }
}
