// Why: stores are larger than memory and shared by several processes, so files are mapped and not read in.

import Failures
import Glibc

/// A whole file, mapped for reading as long as this object lives.
///
/// A file that is cut short under a live mapping raises SIGBUS at the next access, and one that is written to changes
/// under it; ``change()`` tells. Our own writers never change a file in place (see ``DirectoryReplacement``): a
/// replaced file keeps its old content for those who mapped it.
public final class MappedFile: Sendable {
    public let path: String
    /// The file's bytes, valid as long as this object: hold it in a variable, and beyond the last use of the bytes
    /// with `withExtendedLifetime`, or give it to an ``ArrayView`` as the owner.
    // Safe to share: the mapping is read-only and lives as long as the object.
    nonisolated(unsafe) public let bytes: UnsafeRawBufferPointer
    /// Open as long as the mapping is, to look at the file wherever it has been moved.
    private let descriptor: Int32
    private let stamp: Stamp

    /// What tells one content of a file from another, without reading it.
    private struct Stamp: Equatable, Sendable {
        let byteCount: Int
        let seconds: Int
        let nanoseconds: Int

        init(of descriptor: Int32, path: String) throws(Failure) {
            var status = stat()
            try systemCall("examine the file", at: path) { fstat(descriptor, &status) }
            guard status.st_mode & S_IFMT == S_IFREG else {
                throw Failure(.noInput, "is not a regular file", at: path, remedy: "give the path of a file")
            }
            byteCount = Int(status.st_size)
            (seconds, nanoseconds) = (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
        }
    }

    /// Maps the file at `path`.
    /// - Throws: a ``Failure`` of kind `noInput` when it cannot be opened or is no regular file.
    public init(path: String) throws(Failure) {
        let descriptor = try systemCall("open the file", at: path) { open(path, O_RDONLY | O_CLOEXEC) }
        do throws(Failure) {
            stamp = try Stamp(of: descriptor, path: path)
            bytes = try Self.map(descriptor, byteCount: stamp.byteCount, path: path)
        } catch {
            close(descriptor)
            throw error
        }
        self.path = path
        self.descriptor = descriptor
    }

    private static func map(
        _ descriptor: Int32, byteCount: Int, path: String
    ) throws(Failure) -> UnsafeRawBufferPointer {
        guard byteCount > 0 else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        guard let start = mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
            throw Failure(systemError: errno, "map the file", at: path)
        }
        return UnsafeRawBufferPointer(start: start, count: byteCount)
    }

    deinit {
        if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
        close(descriptor)
    }

    /// What has happened to the file since it was mapped: cut short, written to, or no longer to be looked at. Nil when
    /// nothing has; a file that was replaced by another of its name, or removed, is as it was.
    /// - Returns: a ``Failure`` of kind `inputOutput`.
    public func change() -> Failure? {
        let present: Stamp
        do throws(Failure) { present = try Stamp(of: descriptor, path: path) } catch { return error }
        guard present != stamp else { return nil }
        let what = present.byteCount < stamp.byteCount ? "cut short" : "changed"
        return Failure(
            .inputOutput, "the file was \(what) while in use", at: path,
            remedy: "restore it or make it again, never change it in place, and start again")
    }
}

/// The most bytes of a file that is read whole: those of a model's description after a million sweeps, and titles.
private let mostBytesRead = 1 << 30

/// The content of a small file.
/// - Throws: a ``Failure``: `noInput` when it cannot be opened or is no regular file; `badData` when it has more than
///   1 GiB.
public func readFile(_ path: String) throws(Failure) -> [UInt8] {
    let file = try MappedFile(path: path)
    guard file.bytes.count <= mostBytesRead else {
        throw Failure(
            .badData, "has \(file.bytes.count) bytes, and no such file has more than \(mostBytesRead)", at: path,
            remedy: "check the path")
    }
    // The mapping must outlive the copying, and nothing else refers to it.
    return withExtendedLifetime(file) { Array(file.bytes) }
}
