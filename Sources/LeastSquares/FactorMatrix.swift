// Why: the factors of one side are the one large array that every thread of a process reads at random and that
// incoming blocks are written to. Rows are padded to whole vectors, so that no kernel has a remainder loop, and
// large matrices lie in 2 MiB pages, because a random row is otherwise a miss in the TLB before it is one in the cache.

import CKernels
import Failures
import Glibc

/// `rowCount` rows of `rank` factors in single precision and, if wanted, a bias each; zero at first.
///
/// A row of factors begins at a multiple of 64 bytes, and what stands between its ``rank`` and its ``stride`` is zero.
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
    public let hasBiases: Bool
    private let base: UnsafeMutablePointer<Float>
    private let memory: PageMemory

    /// - Precondition: `rank` is at least 1 and `rowCount` is not negative.
    /// - Throws: a ``Failure`` of kind `badData` when the size is beyond what can be addressed, and of kind
    ///   `system` when the operating system does not give the memory.
    public init(rowCount: Int, rank: Int, hasBiases: Bool = false) throws(Failure) {
        precondition(rank >= 1 && rowCount >= 0)
        let what = "\(rowCount) rows of \(rank) factors"
        guard let stride = Self.stride(forRank: rank),
            case let (floatCount, overflow) = max(rowCount, 1).multipliedReportingOverflow(
                by: hasBiases ? stride + 1 : stride), !overflow,
            floatCount <= PageMemory.maximumByteCount / MemoryLayout<Float>.stride
        else { throw Failure(.badData, "\(what) are too many to address", remedy: "lower the rank") }
        memory = try PageMemory(byteCount: floatCount * MemoryLayout<Float>.stride, for: what)
        base = memory.start.bindMemory(to: Float.self, capacity: floatCount)
        self.rowCount = rowCount
        self.rank = rank
        self.stride = stride
        self.hasBiases = hasBiases
    }

    /// Numbers of a row where rows are compact: ``rank`` factors and, if there is one, the bias.
    public var width: Int { hasBiases ? rank + 1 : rank }

    /// The biases of all rows, one after another; nil when there are none.
    public var biases: UnsafeMutablePointer<Float>? { hasBiases ? base + rowCount * stride : nil }

    /// The floats from one row to the next at rank `rank`, or nil when that overflows.
    package static func stride(forRank rank: Int) -> Int? {
        let lanes = MF_LANES
        let (sum, overflow) = rank.addingReportingOverflow(lanes - 1)
        return overflow ? nil : sum / lanes * lanes
    }

    /// Row `row`: ``stride`` floats, the first ``rank`` of which are the factors.
    @inline(__always)
    public func row(_ row: Int) -> UnsafeMutablePointer<Float> {
        precondition(row >= 0 && row < rowCount)
        return base + row * stride
    }

    /// Row 0, for kernels that find the others by ``stride``.
    var start: UnsafePointer<Float> { UnsafePointer(base) }

    /// Sets `rows` from `compact`: `rows.count` x ``width`` floats without padding, of any alignment.
    public func setRows(_ rows: Range<Int>, from compact: UnsafeRawPointer) {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= rowCount)
        let (floatByteCount, factorByteCount) = (MemoryLayout<Float>.stride, rank * MemoryLayout<Float>.stride)
        var source = compact
        for row in rows {
            memcpy(base + row * stride, source, factorByteCount)
            if let biases { memcpy(biases + row, source + factorByteCount, floatByteCount) }
            source += width * floatByteCount
        }
    }

    /// Copies `rows` to `compact`: room for `rows.count` x ``width`` floats without padding, of any alignment.
    public func copyRows(_ rows: Range<Int>, to compact: UnsafeMutableRawPointer) {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= rowCount)
        let (floatByteCount, factorByteCount) = (MemoryLayout<Float>.stride, rank * MemoryLayout<Float>.stride)
        var target = compact
        for row in rows {
            memcpy(target, base + row * stride, factorByteCount)
            if let biases { memcpy(target + factorByteCount, biases + row, floatByteCount) }
            target += width * floatByteCount
        }
    }
}
