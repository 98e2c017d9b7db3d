// Why: with the implicit loss every row meets the whole fixed side, through one matrix that is the same for all rows:
//
//     c0 G = c0 (F1'F1 + F2'F2 + ...)
//
// in segments of a fixed number of rows, whose Gram matrices are added in order, in double precision. Each is made as
// that of a long row is, in parts that do not depend on the number of threads; so every worker makes the same bytes.

import CKernels
import Ratings

/// c0 G of a fixed side.
package final class WholeGram {
    /// Rows of a segment: few enough that single precision is exact to about 2^-20 within it.
    private static let segmentRowCount = 1 << 16

    private let stride: Int
    private var sums: [Double]
    private var matrix: Scratch
    private var right: Scratch
    private var values: Scratch
    private var columns: [UInt32] = []
    /// D x D, symmetric, whole.
    private(set) var scaled: Scratch

    init(stride: Int) {
        self.stride = stride
        sums = Array(repeating: 0, count: stride * stride)
        matrix = Scratch(count: stride * stride)
        scaled = Scratch(count: stride * stride)
        right = Scratch(count: stride)
        values = Scratch(count: 0)
    }

    /// Bytes that it takes at rank stride `stride`, at the most.
    package static func byteCount(stride: Int) -> Int {
        2 * stride * stride * MemoryLayout<Double>.stride + 2 * segmentRowCount * MemoryLayout<Float>.stride
    }

    /// Sets ``scaled`` to `scale` F'F.
    /// - Parameters:
    ///   - rowCount: rows of the fixed side.
    ///   - segment: the rows that `columns` names, counted from row `first` of the fixed side, each with a value of 0.
    func set(
        rowCount: Int, scale: Double, parts: LongRow,
        segment: (
            _ first: Int, _ columns: UnsafePointer<UInt32>, _ values: UnsafePointer<Float>, _ count: Int
        ) -> mf_row
    ) {
        let longest = min(rowCount, Self.segmentRowCount)
        if columns.count < longest { columns = (0..<longest).map(UInt32.init) }
        values.reserve(longest)
        values.clear()
        for index in sums.indices { sums[index] = 0 }
        for first in Swift.stride(from: 0, to: rowCount, by: Self.segmentRowCount) {
            matrix.clear()
            columns.withUnsafeBufferPointer { columns in
                let row = segment(first, columns.baseAddress!, values.floats, min(rowCount - first, longest))
                parts.addNormalEquations(row, matrix: matrix.floats, right: right.floats)
            }
            for index in sums.indices { sums[index] += Double(matrix.floats[index]) }
        }
        for i in 0..<stride {
            for j in i..<stride {
                let element = Float(scale * sums[i * stride + j])
                scaled.floats[i * stride + j] = element
                scaled.floats[j * stride + i] = element
            }
        }
    }
}
