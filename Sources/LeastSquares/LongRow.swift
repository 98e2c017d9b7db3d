// Why: among real ratings a few items have as many as a whole block should, and a row that only one thread can work on
// leaves the others idle. So a long row is cut into parts,
//
//     F'F = F1'F1 + F2'F2 + ... + F8'F8
//
// which threads work on at the same time and whose sums are added in order. Whether a row is cut, and where, depends
// on its number of ratings alone; the bytes are those that one thread would give.

import CKernels

/// Solves the parts of one long row at a time on all threads.
final class LongRow {
    /// Parts of a long row: the most threads that it can use.
    private static let partCount = 8
    /// Ratings of the shortest long row: its parts are then worth the waking of a thread.
    static let leastRatingCount = 16_384

    private let kernels: Kernels
    private let stride: Int
    /// Floats of vectors that meet a row.
    private let vectorStride: Int
    private let threads: Int
    /// One of each a part, made when the first long row comes.
    private var panels = Scratch(count: 0)
    private var matrices = Scratch(count: 0)
    private var vectors = Scratch(count: 0)
    private var squares = [Double](repeating: 0, count: partCount)

    init(kernels: Kernels, stride: Int, vectorStride: Int, threads: Int) {
        self.kernels = kernels
        self.stride = stride
        self.vectorStride = vectorStride
        self.threads = min(threads, Self.partCount)
    }

    /// Adds the row's normal equations to `matrix` and `right`.
    func addNormalEquations(_ row: mf_row, matrix: UnsafeMutablePointer<Float>, right: UnsafeMutablePointer<Float>) {
        let (panelCount, matrixCount) = (MF_PANEL_ROWS * stride, stride * stride)
        panels.reserve(Self.partCount * panelCount)
        matrices.reserve(Self.partCount * matrixCount)
        vectors.reserve(Self.partCount * stride)
        matrices.clear()
        vectors.clear()
        let (panels, matrices, vectors) = (panels.floats, matrices.floats, vectors.floats)
        let add = kernels.table.pointee.add_normal_equations!
        forEachPart(of: row) { part, meetings, _ in
            add(meetings, panels + part * panelCount, matrices + part * matrixCount, vectors + part * stride)
        }
        for part in 0..<Self.partCount {
            Self.add(matrices + part * matrixCount, to: matrix, count: matrixCount)
            Self.add(vectors + part * stride, to: right, count: stride)
        }
    }

    /// The row's `visit_ratings`: the sum of the squares of t.
    func visit(
        _ row: mf_row, _ kind: mf_visit, _ p: UnsafePointer<Float>, t: UnsafeMutablePointer<Float>,
        q: UnsafeMutablePointer<Float>
    ) -> Double {
        vectors.reserve(Self.partCount * vectorStride)
        let (vectors, visit, stride) = (vectors.floats, kernels.table.pointee.visit_ratings!, vectorStride)
        let total = sum(over: row) { part, meetings, first in
            visit(meetings, kind, p, t + first, vectors + part * stride)
        }
        if kind != mf_visit_image {
            q.update(repeating: 0, count: stride)
            for part in 0..<Self.partCount { Self.add(vectors + part * stride, to: q, count: stride) }
        }
        return total
    }

    /// The row's `squared_error`.
    func squaredError(_ row: mf_row, _ x: UnsafePointer<Float>) -> Double {
        let squaredError = kernels.table.pointee.squared_error!
        return sum(over: row) { _, meetings, _ in squaredError(meetings, x) }
    }

    /// The sum, in order, of what `body` gives for each part.
    private func sum(over row: mf_row, _ body: (Int, UnsafePointer<mf_row>, Int) -> Double) -> Double {
        squares.withUnsafeMutableBufferPointer { squares in
            let results = squares.baseAddress!
            forEachPart(of: row) { results[$0] = body($0, $1, $2) }
        }
        return squares.reduce(0, +)
    }

    /// Runs `body` for each part: its number, its ratings, and which rating of the row is its first.
    private func forEachPart(of row: mf_row, _ body: (Int, UnsafePointer<mf_row>, Int) -> Void) {
        let threads = threads
        performConcurrently(threads) { thread in
            for part in Swift.stride(from: thread, to: Self.partCount, by: threads) {
                let first = row.count * part / Self.partCount, end = row.count * (part + 1) / Self.partCount
                var meetings = row
                meetings.columns += first
                meetings.values += first
                meetings.weights = row.weights.map { $0 + first }
                meetings.count = end - first
                body(part, &meetings, first)
            }
        }
    }

    private static func add(_ part: UnsafePointer<Float>, to sum: UnsafeMutablePointer<Float>, count: Int) {
        for index in 0..<count { sum[index] += part[index] }
    }
}
