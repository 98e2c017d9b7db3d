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

    private let marker: String

    /// Makes an empty temporary directory beside `destination`.
    /// - Parameters:
    ///   - destination: the path of the finished directory; its parent must exist.
    ///   - marker: the file by which a directory of this kind is known, such as `store.json`.
    /// - Throws: a ``Failure`` of kind `cannotCreate`, or `usage` when the path is empty.
    public init(destination: String, marker: String) throws(Failure) {
        try Self.refuseForeign(destination, marker: marker)
        let (parent, name) = try Self.place(of: destination)
        let temporary = (parent == "/" ? "" : parent) + "/.\(name).tmp-\(getpid())"
        try? FileManager.default.removeItem(atPath: temporary)
        try systemCall("create the folder", at: temporary, kind: .cannotCreate) { mkdir(temporary, 0o755) }
        self.destination = (parent == "/" ? "" : parent) + "/" + name
        self.temporary = temporary
        self.marker = marker
    }

    /// The folder in which `destination` is to stand, and its name there.
    static func place(of destination: String) throws(Failure) -> (parent: String, name: String) {
        guard !destination.isEmpty else {
            throw Failure(.usage, "the path of the folder to write is empty", remedy: "give a path")
        }
        let url = URL(fileURLWithPath: destination).standardizedFileURL
        return (url.deletingLastPathComponent().path, url.lastPathComponent)
    }

    /// Requires that `parent`, in which `destination` is to stand, can be written to.
    static func requireFolder(_ parent: String, for destination: String) throws(Failure) {
        guard FileManager.default.fileExists(atPath: parent) else {
            throw Failure(
                .cannotCreate, "the folder \(parent) does not exist", at: destination, remedy: "create it first")
        }
        guard access(parent, W_OK | X_OK) == 0 else {
            throw Failure(systemError: errno, "write to the folder \(parent)", at: destination, kind: .cannotCreate)
        }
    }

    /// Refuses a destination that holds anything other than an old result of ours, or that cannot be written to.
    /// Commands call this before hours of work, and not only at their end.
    ///
    /// What is replaced is removed, so nothing is taken for ours on the strength of a name: the marker must be a
    /// description that we have sealed (see ``SealedJSON``), and beside it there may only be files of the kinds that
    /// we write.
    public static func refuseForeign(_ destination: String, marker: String) throws(Failure) {
        let (parent, name) = try place(of: destination)
        try requireFolder(parent, for: destination)
        func foreign(_ what: String) -> Failure {
            Failure(.cannotCreate, what, at: destination, remedy: "choose another path, or remove what is there")
        }
        let path = (parent == "/" ? "" : parent) + "/" + name
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        if status.st_mode & S_IFMT == S_IFLNK {
            throw foreign("a symbolic link is in the way")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw foreign("a file is in the way") }
        guard let content = try? FileManager.default.contentsOfDirectory(atPath: path) else {
            throw foreign("the folder exists and cannot be read, so it is not replaced")
        }
        if content.isEmpty { return }
        guard content.contains(marker), SealedJSON.isOurs(path + "/" + marker) else {
            throw foreign("the folder exists and holds no \(marker) of ours, so it is not replaced")
        }
        for file in content.sorted() {
            guard ownSuffixes.contains(where: { file.hasSuffix($0) }), lstat(path + "/" + file, &status) == 0,
                status.st_mode & S_IFMT == S_IFREG
            else { throw foreign("the folder also holds \(file), which is not ours, so it is not replaced") }
        }
    }

    /// How the names of the files end that we write.
    private static let ownSuffixes = [".npy", ".json", "_ids.txt"]

    /// The path of a file of the directory while it is in the making.
    public func path(_ file: String) -> String { temporary + "/" + file }

    /// Puts the directory in its place, replacing an older one at once.
    public consuming func commit() throws(Failure) {
        let (temporary, destination) = (temporary, destination)
        try syncDirectory(temporary)
        // Once more: much may have happened since the first look.
        try Self.refuseForeign(destination, marker: marker)
        if FileManager.default.fileExists(atPath: destination) {
            try systemCall("replace the folder", at: destination, kind: .cannotCreate) {
                renameat2(AT_FDCWD, temporary, AT_FDCWD, destination, clinux_rename_exchange)
            }
            try? FileManager.default.removeItem(atPath: temporary)
        } else {
            try systemCall("rename the folder", at: destination, kind: .cannotCreate) { rename(temporary, destination) }
        }
        committed = true
        try syncDirectory(URL(fileURLWithPath: destination).deletingLastPathComponent().path)
    }

    deinit {
        if !committed { try? FileManager.default.removeItem(atPath: temporary) }
    }
}
