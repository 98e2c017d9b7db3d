// Why: the factors of one side are the one large array that every thread of a process reads at random and that
// incoming blocks are written to. Rows are padded to whole vectors, so that no kernel has a remainder loop, and
// large matrices lie in 2 MiB pages, because a random row is otherwise a miss in the TLB before it is one in the cache.

import CKernels
import Failures
import Glibc

/// `rowCount` rows of `rank` factors in single precision, zero at first.
///
/// A row begins at a multiple of 64 bytes, and what stands between its ``rank`` and its ``stride`` is zero.
public final class FactorMatrix: @unchecked Sendable {
    // Unchecked: the object itself never changes; the floats behind it are written by whoever owns the phase.
    // The rule that makes this sound is that of the half-step: a matrix that is being written to (rows that
    // arrive) is not read by a solver until all the rows that the solver needs are there, and the handing over
    // between threads goes through a queue or a lock.

    public let rowCount: Int
    /// d, 1 or more.
    public let rank: Int
    /// Floats from one row to the next: ``rank`` rounded up to a multiple of 16.
    public let stride: Int
    private let base: UnsafeMutablePointer<Float>
    private let mapping: UnsafeMutableRawBufferPointer

    private static let hugePageByteCount = 2 << 20

    /// - Precondition: `rank` is at least 1 and `rowCount` is not negative.
    /// - Throws: a ``Failure`` of kind `badData` when the size is beyond what can be addressed, and of kind
    ///   `system` when the operating system does not give the memory.
    public init(rowCount: Int, rank: Int) throws(Failure) {
        precondition(rank >= 1 && rowCount >= 0)
        let (mapping, base, stride) = try Self.map(rowCount: rowCount, rank: rank)
        self.rowCount = rowCount
        self.rank = rank
        self.stride = stride
        self.mapping = mapping
        self.base = base
    }

    deinit { munmap(mapping.baseAddress!, mapping.count) }

    /// The floats from one row to the next at rank `rank`, or nil when that overflows.
    package static func stride(forRank rank: Int) -> Int? {
        let lanes = MF_LANES
        let (sum, overflow) = rank.addingReportingOverflow(lanes - 1)
        return overflow ? nil : sum / lanes * lanes
    }

    /// Fresh pages are zero, and take no memory until they are touched.
    private static func map(
        rowCount: Int, rank: Int
    ) throws(Failure) -> (UnsafeMutableRawBufferPointer, UnsafeMutablePointer<Float>, stride: Int) {
        guard let stride = Self.stride(forRank: rank),
            case let (floatCount, overflow) = max(rowCount, 1).multipliedReportingOverflow(by: stride), !overflow,
            floatCount <= (Int.max - hugePageByteCount) / MemoryLayout<Float>.stride
        else {
            throw Failure(.badData, "\(rowCount) rows of \(rank) factors are too many to address", remedy: "lower the rank")
        }
        let byteCount = floatCount * MemoryLayout<Float>.stride
        let isLarge = byteCount >= hugePageByteCount
        // Room to begin at a multiple of the page size that we hope for.
        let mappedByteCount = isLarge ? byteCount + hugePageByteCount : byteCount
        guard let start = mmap(nil, mappedByteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            start != MAP_FAILED
        else {
            throw Failure(
                .system, "cannot take \(mappedByteCount >> 20) MiB for \(rowCount) rows of \(rank) factors",
                remedy: "free some memory, or lower the rank")
        }
        var first = start
        if isLarge {
            first = UnsafeMutableRawPointer(bitPattern: (UInt(bitPattern: start) + UInt(hugePageByteCount) - 1)
                & ~UInt(hugePageByteCount - 1))!
            // Only advice: without huge pages everything is the same, but slower.
            _ = madvise(first, byteCount, MADV_HUGEPAGE)
        }
        return (
            UnsafeMutableRawBufferPointer(start: start, count: mappedByteCount),
            first.bindMemory(to: Float.self, capacity: floatCount), stride
        )
    }

    /// Row `row`: ``stride`` floats, the first ``rank`` of which are the factors.
    @inline(__always)
    public func row(_ row: Int) -> UnsafeMutablePointer<Float> {
        precondition(row >= 0 && row < rowCount)
        return base + row * stride
    }

    /// Row 0, for kernels that find the others by ``stride``.
    var start: UnsafePointer<Float> { UnsafePointer(base) }

    /// Sets `rows` from `compact`: `rows.count` x ``rank`` floats without padding, of any alignment.
    public func setRows(_ rows: Range<Int>, from compact: UnsafeRawPointer) {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= rowCount)
        let byteCount = rank * MemoryLayout<Float>.stride
        for (offset, row) in rows.enumerated() { memcpy(base + row * stride, compact + offset * byteCount, byteCount) }
    }

    /// Copies `rows` to `compact`: room for `rows.count` x ``rank`` floats without padding, of any alignment.
    public func copyRows(_ rows: Range<Int>, to compact: UnsafeMutableRawPointer) {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= rowCount)
        let byteCount = rank * MemoryLayout<Float>.stride
        for (offset, row) in rows.enumerated() { memcpy(compact + offset * byteCount, base + row * stride, byteCount) }
    }
}
