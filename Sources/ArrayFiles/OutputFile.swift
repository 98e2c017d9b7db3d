// Why: all files are written through this one place, front to back, and synced before they count.
//
// What nobody will read soon, such as a checkpoint, is better not kept in the page cache: to put it there costs about
// as much of a core as all the rest of writing it, and pushes out what is of use. Such files are written with O_DIRECT,
// by way of one aligned buffer; where the file system does not know it, as any other.

import CLinux
import Failures
import Glibc

/// A new file, open for writing.
final class OutputFile {
    let path: String
    private let descriptor: Int32
    /// What is not written yet of a file that goes past the cache; nil for any other.
    private var staging: Staging?
    /// Whether nothing was flushed yet.
    private var isEmpty = true

    /// - Parameter isCached: whether it goes through the page cache.
    init(path: String, isCached: Bool = true) throws(Failure) {
        self.path = path
        descriptor = try systemCall("create the file", at: path, kind: .cannotCreate) {
            open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        }
        if !isCached, setDirect(true) { staging = Staging() }
    }

    deinit { close(descriptor) }

    func write(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
        var rest = bytes[...]
        while let staging, !rest.isEmpty {
            rest = rest.dropFirst(staging.append(UnsafeRawBufferPointer(rebasing: rest)))
            if staging.isFull { try flush(staging) }
        }
        try put(UnsafeRawBufferPointer(rebasing: rest))
    }

    func write(_ bytes: [UInt8]) throws(Failure) {
        try bytes.withUnsafeBufferThrowing { elements throws(Failure) in try write(UnsafeRawBufferPointer(elements)) }
    }

    func sync() throws(Failure) {
        if let staging {
            // The end of the file is no whole block.
            _ = setDirect(false)
            try flush(staging)
            self.staging = nil
        }
        try systemCall("sync the file", at: path) { fsync(descriptor) }
    }

    private func flush(_ staging: Staging) throws(Failure) {
        do throws(Failure) {
            try put(staging.content)
        } catch {
            // Some file systems take the flag and refuse to write.
            guard isEmpty, setDirect(false), lseek(descriptor, 0, SEEK_SET) == 0 else { throw error }
            self.staging = nil
            try put(staging.content)
        }
        isEmpty = false
        staging.removeAll()
    }

    private func setDirect(_ isDirect: Bool) -> Bool {
        let flags = fcntl(descriptor, F_GETFL)
        return flags != -1
            && fcntl(descriptor, F_SETFL, isDirect ? flags | clinux_direct : flags & ~clinux_direct) == 0
    }

    private func put(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
        /// Linux writes at most 2 GiB a call; smaller pieces also let a signal through.
        let pieceByteCount = 1 << 26
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(pieceByteCount))
            let count = try systemCall("write the file", at: path) {
                Glibc.write(descriptor, piece.baseAddress, piece.count)
            }
            rest = rest.dropFirst(count)
        }
    }
}

/// Bytes at an aligned place.
private final class Staging {
    private let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    private var count = 0

    deinit { memory.deallocate() }

    var isFull: Bool { count == memory.count }
    var content: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[..<count]) }

    /// Takes in as many of `bytes` as there is room for.
    /// - Returns: how many.
    func append(_ bytes: UnsafeRawBufferPointer) -> Int {
        let taken = min(bytes.count, memory.count - count)
        UnsafeMutableRawBufferPointer(rebasing: memory[count..<count + taken])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<taken]))
        count += taken
        return taken
    }

    func removeAll() { count = 0 }
}
