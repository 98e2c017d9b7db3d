// Why: a text is cut into chunks of equal size that are parsed in parallel. A chunk has the lines that begin in it:
//
//     ...5\n1::2 | 804::5\n1::594::4\n1::9 | 19::4\n...
//      chunk 1   |        chunk 2          |  chunk 3          `1::2804::5` is chunk 1's, `1::919::4` is chunk 2's
//
// The cuts depend on the text alone, never on the number of threads.

import Failures
import Glibc

/// A part of a text.
struct TextChunk: Sendable, Hashable {
    /// The file's number.
    var file: Int
    var bytes: Range<Int>

    static let defaultByteCount = 1 << 22

    /// Cuts `files` into chunks.
    static func cut(_ files: [RatingFile], byteCount: Int) -> [TextChunk] {
        var chunks: [TextChunk] = []
        for (number, file) in files.enumerated() {
            var start = file.finding.start
            repeat {
                let end = min(start + byteCount, file.text.byteCount)
                chunks.append(TextChunk(file: number, bytes: start..<end))
                start = end
            } while start < file.text.byteCount
        }
        return chunks
    }

    /// Whether the chunk is not the first of its file.
    func isContinuation(of file: RatingFile) -> Bool { bytes.lowerBound > file.finding.start }
}

/// The lines of one chunk after the other, in memory that is used again.
struct ChunkBuffer {
    /// The lines that begin in the chunk; a line feed follows the last byte.
    private(set) var lines = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
    /// What is wrong with the line after ``lines``, given its number.
    private(set) var defect: ((Int) -> LineDefect)?
    private var memory = ElementBuffer<UInt8>(few: 0)

    /// Loads a chunk.
    mutating func load(_ chunk: TextChunk, of file: RatingFile) throws(Failure) {
        defect = nil
        lines = UnsafeBufferPointer(start: nil, count: 0)
        let isContinuation = chunk.isContinuation(of: file)
        // The byte before tells whether the chunk begins with a line.
        let start = chunk.bytes.lowerBound - (isContinuation ? 1 : 0)
        var overlap = 1 << 12
        while true {
            let end = min(chunk.bytes.upperBound + overlap, file.text.byteCount)
            try read(start..<end, of: file)
            let text = UnsafeBufferPointer(rebasing: memory.prefix[..<(end - start)])
            let size = chunk.bytes.upperBound - start
            var first = 0
            if isContinuation {
                guard let before = text[..<(size - 1)].firstIndex(of: UInt8(ascii: "\n")) else { return }
                first = before + 1
            }
            if let last = text[max(first, size - 1)...].firstIndex(of: UInt8(ascii: "\n")) {
                return take(first, last + 1)
            } else if end == file.text.byteCount {
                return take(first, text.count)
            } else if overlap > LineParser.maximumLineByteCount {
                let last = text[first..<size].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? first
                defect = LineDefect.tooLong
                return take(first, last)
            }
            overlap *= 16
        }
    }

    private mutating func read(_ range: Range<Int>, of file: RatingFile) throws(Failure) {
        if memory.count < range.count + 1 { memory = try ElementBuffer(count: range.count + 1) }
        try file.text.read(
            from: range.lowerBound,
            into: UnsafeMutableRawBufferPointer(
                rebasing: UnsafeMutableRawBufferPointer(memory.elements)[..<range.count]))
    }

    /// Makes the bytes from `first` up to `end` the lines, or those before the first line with a NUL in it.
    private mutating func take(_ first: Int, _ end: Int) {
        var end = end
        if end > first, let zero = memchr(memory.pointer + first, 0, end - first) {
            let place = UnsafePointer(memory.pointer).distance(
                to: UnsafePointer(zero.assumingMemoryBound(to: UInt8.self)))
            end = memory.prefix[first..<place].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? first
            defect = LineDefect.binary
        }
        memory.pointer[end] = UInt8(ascii: "\n")
        lines = UnsafeBufferPointer(rebasing: memory.prefix[first..<end])
    }
}
