// Why: whatever we write goes through one type that creates a file that was not there, writes all of what it is given,
// and syncs.

import Failures
import Glibc

/// Writes a file that is no array (JSON, text lines), which must not exist, and syncs it.
public func writeFile(_ bytes: UnsafeRawBufferPointer, to path: String) throws(Failure) {
    let file = try OutputFile(path: path)
    try file.write(bytes)
    try file.sync()
}

/// Writes a file that is no array (JSON, text lines), which must not exist, and syncs it.
public func writeFile(_ bytes: [UInt8], to path: String) throws(Failure) {
    try bytes.withUnsafeBufferThrowing { elements throws(Failure) in
        try writeFile(UnsafeRawBufferPointer(elements), to: path)
    }
}

/// A new file, open for writing.
final class OutputFile {
    let path: String
    private let descriptor: Int32

    init(path: String) throws(Failure) {
        self.path = path
        descriptor = try systemCall("create the file", at: path, kind: .cannotCreate) {
            open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        }
    }

    deinit { close(descriptor) }

    func write(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
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

    func write(_ bytes: [UInt8]) throws(Failure) {
        try bytes.withUnsafeBufferThrowing { elements throws(Failure) in try write(UnsafeRawBufferPointer(elements)) }
    }

    func sync() throws(Failure) {
        try systemCall("sync the file", at: path) { fsync(descriptor) }
    }
}
