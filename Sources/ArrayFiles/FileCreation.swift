// Why: a text of a few gigabytes appears under its name whole or not at all, as our folders do (DirectoryReplacement);
// but nothing tells that a text which is there already is ours, so it is never replaced.

import Failures
import Foundation

/// A file in the making.
///
/// Call ``commit()`` to put it in its place; a file that goes out of scope without it is removed.
public struct FileCreation: ~Copyable {
    /// Where it will stand.
    public let destination: String
    private let temporary: String
    private let file: OutputFile
    private var committed = false

    /// Makes an empty temporary file beside `destination`.
    /// - Throws: a ``Failure`` of kind `cannotCreate`, or `usage` when the path is empty.
    public init(destination: String) throws(Failure) {
        try Self.refuseExisting(destination)
        let (parent, name) = try DirectoryReplacement.place(of: destination)
        let folder = parent == "/" ? "" : parent
        let temporary = folder + "/.\(name).tmp-\(getpid())"
        unlink(temporary)
        let file = try OutputFile(path: temporary)
        self.destination = folder + "/" + name
        self.temporary = temporary
        self.file = file
    }

    /// Refuses a destination that is there already, or that cannot be written to. Commands call this before they work.
    public static func refuseExisting(_ destination: String) throws(Failure) {
        let (parent, name) = try DirectoryReplacement.place(of: destination)
        try DirectoryReplacement.requireFolder(parent, for: destination)
        var status = stat()
        guard lstat((parent == "/" ? "" : parent) + "/" + name, &status) != 0 else {
            throw Failure(
                .cannotCreate, "something is there already, and is not replaced", at: destination,
                remedy: "choose another path, or remove what is there")
        }
    }

    /// Writes the next bytes.
    public func append(_ bytes: UnsafeRawBufferPointer) throws(Failure) { try file.write(bytes) }

    /// Writes the next text, in UTF-8.
    public func append(_ text: String) throws(Failure) { try file.write(Array(text.utf8)) }

    /// Syncs the file and puts it in its place.
    public consuming func commit() throws(Failure) {
        try file.sync()
        // Once more: much may have happened since the first look.
        try Self.refuseExisting(destination)
        let (temporary, destination) = (temporary, destination)
        try systemCall("rename the file", at: destination, kind: .cannotCreate) { rename(temporary, destination) }
        committed = true
        try syncDirectory(URL(fileURLWithPath: destination).deletingLastPathComponent().path)
    }

    deinit {
        if !committed { unlink(temporary) }
    }
}
