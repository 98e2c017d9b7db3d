// Why: a store or a model is a directory of files that belong together. It appears whole or not at all:
//
//     write into   .NAME.tmp-PID    beside the destination
//     sync         every file, then the directory
//     rename       onto NAME (exchanged with what stood there, which is then removed)
//     sync         the parent directory
//
// A process that dies on the way leaves only a hidden temporary directory, and the old NAME as it was.

import CLinux
import Failures
import Foundation

/// A directory in the making.
///
/// Call ``commit()`` to put it in its place; a replacement that goes out of scope without it is removed.
public struct DirectoryReplacement: ~Copyable {
    /// Where it will stand.
    public let destination: String
    /// Where to write its files until then.
    public let temporary: String
    private var committed = false

    /// Makes an empty temporary directory beside `destination`.
    /// - Parameters:
    ///   - destination: the path of the finished directory; its parent must exist.
    ///   - marker: a file that proves that an existing directory at `destination` is of our kind, such as
    ///     `store.json`. Anything else that stands there is never replaced.
    /// - Throws: a ``Failure`` of kind `cannotCreate`.
    public init(destination: String, marker: String) throws(Failure) {
        let name = URL(fileURLWithPath: destination).lastPathComponent
        let parent = URL(fileURLWithPath: destination).deletingLastPathComponent().path
        let temporary = (parent == "/" ? "" : parent) + "/.\(name).tmp-\(getpid())"
        try Self.refuseForeign(destination, marker: marker)
        try? FileManager.default.removeItem(atPath: temporary)
        try systemCall("create the folder", at: temporary, kind: .cannotCreate) { mkdir(temporary, 0o755) }
        self.destination = parent == "/" ? "/\(name)" : "\(parent)/\(name)"
        self.temporary = temporary
    }

    /// Refuses a destination that holds something other than an old result of ours, or that cannot be written to.
    /// Commands call this before hours of work, and not only at their end.
    public static func refuseForeign(_ destination: String, marker: String) throws(Failure) {
        let parent = URL(fileURLWithPath: destination).deletingLastPathComponent().path
        guard FileManager.default.fileExists(atPath: parent) else {
            throw Failure(.cannotCreate, "the folder \(parent) does not exist", at: destination, remedy: "create it first")
        }
        guard access(parent, W_OK | X_OK) == 0 else {
            throw Failure(systemError: errno, "write to the folder \(parent)", at: destination, kind: .cannotCreate)
        }
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: destination, isDirectory: &isDirectory) else { return }
        guard isDirectory.boolValue else {
            throw Failure(.cannotCreate, "a file is in the way", at: destination, remedy: "choose another path")
        }
        if FileManager.default.fileExists(atPath: destination + "/" + marker) { return }
        if let content = try? FileManager.default.contentsOfDirectory(atPath: destination), content.isEmpty { return }
        throw Failure(
            .cannotCreate, "the folder exists and holds no \(marker), so it is not replaced", at: destination,
            remedy: "choose another path, or remove the folder")
    }

    /// The path of a file of the directory while it is in the making.
    public func path(_ file: String) -> String { temporary + "/" + file }

    /// Puts the directory in its place, replacing an older one at once.
    public consuming func commit() throws(Failure) {
        let (temporary, destination) = (temporary, destination)
        try Self.syncDirectory(temporary)
        if FileManager.default.fileExists(atPath: destination) {
            try systemCall("replace the folder", at: destination, kind: .cannotCreate) {
                renameat2(AT_FDCWD, temporary, AT_FDCWD, destination, clinux_rename_exchange)
            }
            try? FileManager.default.removeItem(atPath: temporary)
        } else {
            try systemCall("rename the folder", at: destination, kind: .cannotCreate) { rename(temporary, destination) }
        }
        committed = true
        try Self.syncDirectory(URL(fileURLWithPath: destination).deletingLastPathComponent().path)
    }

    deinit {
        if !committed { try? FileManager.default.removeItem(atPath: temporary) }
    }

    private static func syncDirectory(_ path: String) throws(Failure) {
        let descriptor = try systemCall("open the folder", at: path) { open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        defer { close(descriptor) }
        try systemCall("sync the folder", at: path) { fsync(descriptor) }
    }
}
