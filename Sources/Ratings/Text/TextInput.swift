// Why: readers want any part of a text, more than once (ids may turn out to be strings; an error needs its line), in
// parallel and without holding all of it. Files give that as they are; standard input and pipes are first copied to
// an unnamed temporary file. Parts are read and not mapped: a file that somebody cuts short while we read it is then an
// error and not a SIGBUS.

import Failures
import Foundation

/// A text that can be read at any place.
final class TextInput: Sendable {
    /// What messages call it.
    let name: String
    let byteCount: Int
    /// Nil for a file that is opened for each part: a folder may have more files than a process may have open.
    private let descriptor: Int32?

    /// - Parameter path: a file, or `-` for standard input.
    /// - Throws: a ``Failure`` of kind `noInput` when it cannot be read, `inputOutput` when it cannot be copied.
    init(path: String) throws(Failure) {
        if path == "-" {
            name = "standard input"
            (descriptor, byteCount) = try Self.spool(STDIN_FILENO, name: name)
            return
        }
        name = path
        let file = try systemCall("open the file", at: path, kind: .noInput) { open(path, O_RDONLY | O_CLOEXEC) }
        defer { close(file) }
        var status = stat()
        try systemCall("examine the file", at: path) { fstat(file, &status) }
        switch status.st_mode & S_IFMT {
        case S_IFREG:
            (descriptor, byteCount) = (nil, Int(status.st_size))
        case S_IFIFO, S_IFSOCK, S_IFCHR:
            (descriptor, byteCount) = try Self.spool(file, name: path)
        default:
            throw Failure(.noInput, "is neither a file nor a pipe", at: path, remedy: "give the path of a rating file")
        }
    }

    deinit { if let descriptor { close(descriptor) } }

    /// Fills `buffer` with the bytes from `start` on.
    /// - Precondition: the text has that many.
    func read(from start: Int, into buffer: UnsafeMutableRawBufferPointer) throws(Failure) {
        precondition(start + buffer.count <= byteCount)
        let descriptor: Int32
        if let open = self.descriptor {
            descriptor = open
        } else {
            descriptor = try systemCall("open the file", at: name, kind: .noInput) { open(name, O_RDONLY | O_CLOEXEC) }
        }
        defer { if self.descriptor == nil { close(descriptor) } }
        var filled = 0
        while filled < buffer.count {
            let count = try systemCall("read the file", at: name) {
                pread(descriptor, buffer.baseAddress! + filled, buffer.count - filled, off_t(start + filled))
            }
            if count == 0 { break }
            filled += count
        }
        guard filled == buffer.count else {
            throw Failure(.inputOutput, "the file became shorter while it was read", at: name, remedy: "try again")
        }
    }

    /// Copies what `source` has to give into a temporary file without a name.
    private static func spool(_ source: Int32, name: String) throws(Failure) -> (descriptor: Int32, byteCount: Int) {
        let folder = FileManager.default.temporaryDirectory.path
        var template = Array("\(folder)/swift-mf-input-XXXXXX".utf8CString)
        let copy = try systemCall("create a temporary file", at: folder, kind: .cannotCreate) { mkstemp(&template) }
        unlink(template)
        do throws(Failure) {
            let buffer = try ElementBuffer<UInt8>(count: 1 << 20)
            var byteCount = 0
            while true {
                let count = try systemCall("read", at: name) { Glibc.read(source, buffer.pointer, buffer.count) }
                if count == 0 { return (copy, byteCount) }
                var written = 0
                while written < count {
                    written += try systemCall("write a temporary file", at: folder) {
                        write(copy, buffer.pointer + written, count - written)
                    }
                }
                byteCount += count
            }
        } catch {
            close(copy)
            throw error
        }
    }
}
