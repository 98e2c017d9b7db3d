// Why: stores are larger than memory and shared by several processes, so files are mapped and not read in.

import Failures
import Glibc

/// A whole file, mapped for reading as long as this object lives.
///
/// A file that is cut short under a live mapping raises SIGBUS at the next access. Our own writers never
/// change a file in place (see ``DirectoryReplacement``): a replaced file keeps its old content for those who mapped it.
public final class MappedFile: Sendable {
    public let path: String
    /// The file's bytes, valid as long as this object: hold it in a variable, and beyond the last use of the bytes
    /// with `withExtendedLifetime`, or give it to an ``ArrayView`` as the owner.
    // Safe to share: the mapping is read-only and lives as long as the object.
    nonisolated(unsafe) public let bytes: UnsafeRawBufferPointer

    /// Maps the file at `path`.
    /// - Throws: a ``Failure`` of kind `noInput` when it cannot be opened or is no regular file.
    public init(path: String) throws(Failure) {
        self.path = path
        let descriptor = try systemCall("open the file", at: path) { open(path, O_RDONLY | O_CLOEXEC) }
        defer { close(descriptor) }
        var status = stat()
        try systemCall("examine the file", at: path) { fstat(descriptor, &status) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw Failure(.noInput, "is not a regular file", at: path, remedy: "give the path of a file")
        }
        let byteCount = Int(status.st_size)
        guard byteCount > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let start = mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
            throw Failure(systemError: errno, "map the file", at: path)
        }
        bytes = UnsafeRawBufferPointer(start: start, count: byteCount)
    }

    deinit {
        if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
    }
}

/// The content of a small file.
/// - Throws: a ``Failure`` of kind `noInput` when it cannot be opened or is no regular file.
public func readFile(_ path: String) throws(Failure) -> [UInt8] {
    let file = try MappedFile(path: path)
    // The mapping must outlive the copying, and nothing else refers to it.
    return withExtendedLifetime(file) { Array(file.bytes) }
}
