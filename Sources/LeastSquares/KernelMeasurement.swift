// Why: `mf bench kernels` measures the kernels by themselves, and what the machine could do at best in the same run.

import CKernels
import Failures
import Ratings

/// Measures one level's kernels on one thread.
public struct KernelMeasurement {
    private let kernels: Kernels

    public init(kernels: Kernels) { self.kernels = kernels }

    /// The rate of multiply-adds in single precision from registers, in operations a second.
    public func peakOperationsPerSecond() -> Double {
        var sink = Scratch(count: MF_LANES)
        sink.clear()
        let rounds = 2_000_000
        var operations = 0
        let seconds = Self.fastest(of: 10) { operations = kernels.table.pointee.multiply_add(rounds, sink.floats) }
        return Double(operations) / seconds
    }

    /// The rate of reading memory in order, far beyond the caches, in bytes a second.
    public func bandwidth() throws(Failure) -> Double {
        let matrix = try FactorMatrix(rowCount: 1 << 20, rank: 128)
        for row in 0..<matrix.rowCount { matrix.row(row)[0] = 1 }
        let count = matrix.rowCount * matrix.stride
        let seconds = Self.fastest(of: 3) { _ = kernels.table.pointee.sum_all(matrix.start, count) }
        return Double(count * MemoryLayout<Float>.stride) / seconds
    }

    /// The seconds that a row takes.
    public struct RowSeconds: Sendable {
        /// Gathering the factors, Gram matrix and right-hand side.
        public var normalEquations: Double
        /// Cholesky and both triangular solves.
        public var solution: Double
        /// Three steps of conjugate gradients.
        public var conjugateGradient: Double
        /// One step with the preconditioner, which is how `auto` solves the longest rows; nil at ranks where it does
        /// not.
        public var preconditioned: Double?
        /// The dual system, whole; nil where the row has too many ratings for it.
        public var dual: Double?
    }

    /// Measures rows with `count` ratings of `factors`, of which low rows are rated more often.
    public func rowSeconds(count: Int, factors: FactorMatrix, precision: Precision) throws(Failure) -> RowSeconds {
        let (rank, stride) = (factors.rank, factors.stride)
        let ridge: Float = 1
        let fixed = FixedSide(
            configuration: SolverConfiguration(
                rank: rank, regularization: Double(ridge), scaling: .none, solver: .auto, precision: precision,
                intercept: 0),
            kernels: kernels, stride: stride)
        try fixed.set(
            factors, threads: 1, parts: LongRow(kernels: kernels, stride: stride, vectorStride: stride, threads: 1))
        // Enough rows that no two in a row meet the same factors in the first-level cache.
        let rows = max(4, 8_000 / count)
        var generator = SplitMix64(seed: 1)
        let columns = (0..<rows * count).map { _ in
            let uniform = Double(generator.next() >> 11) * 0x1p-53
            return UInt32(Double(factors.rowCount) * uniform * uniform * uniform)
        }
        let values = Scratch(count: count), errors = Scratch(count: 2 * count)
        for index in 0..<count { values.floats[index] = Float(index % 5) - 2 }
        let panel = Scratch(count: MF_PANEL_ROWS * stride), vectors = Scratch(count: 4 * stride)
        var matrix = Scratch(count: stride * stride), right = Scratch(count: stride)
        let table = kernels.table.pointee

        func perRow(_ body: (UnsafePointer<mf_row>) -> Void) -> Double {
            columns.withUnsafeBufferPointer { columns in
                Self.fastest(of: 5) {
                    for row in 0..<rows {
                        var meetings = fixed.meetings(
                            columns: columns.baseAddress! + row * count, values: values.floats, count: count)
                        body(&meetings)
                    }
                } / Double(rows)
            }
        }
        func descend(steps: Int, inverse: UnsafePointer<Float>?) -> Double {
            perRow {
                right.clear()
                let g = vectors.floats
                var descent = mf_descent(
                    x: right.floats, g: g, p: g + stride, q: g + 2 * stride, z: g + 3 * stride, inverse: inverse,
                    least: 0)
                _ = table.conjugate_gradient($0, steps, ridge, errors.floats, &descent)
            }
        }
        let normalEquations = perRow {
            matrix.clear()
            table.add_normal_equations($0, panel.floats, matrix.floats, right.floats)
        }
        // The fastest of the solves alone: each needs a matrix of its own, made in between.
        var solution = Double.infinity
        _ = perRow {
            matrix.clear()
            right.clear()
            table.add_normal_equations($0, panel.floats, matrix.floats, right.floats)
            let start = ContinuousClock.now
            _ = table.solve(matrix.floats, stride, rank, ridge, right.floats)
            solution = min(solution, start.duration(to: .now) / .seconds(1))
        }
        var dual: Double?
        if count < rank, let dualStride = FactorMatrix.stride(forRank: count) {
            dual = perRow {
                right.clear()
                vectors.floats.update(from: values.floats, count: count)
                table.set_dual_equations($0, matrix.floats, dualStride)
                _ = table.solve(matrix.floats, dualStride, count, ridge, vectors.floats)
                var weighted = $0.pointee
                weighted.values = UnsafePointer(vectors.floats)
                table.add_multiples(&weighted, right.floats)
            }
        }
        return RowSeconds(
            normalEquations: normalEquations, solution: solution,
            conjugateGradient: descend(steps: 3, inverse: nil),
            preconditioned: fixed.preconditioner.map { descend(steps: 1, inverse: $0) }, dual: dual)
    }

    /// The shortest of `times` runs: what disturbs a run only makes it longer.
    private static func fastest(of times: Int, _ body: () -> Void) -> Double {
        var best = Double.infinity
        for _ in 0..<times {
            let start = ContinuousClock.now
            body()
            best = min(best, start.duration(to: .now) / .seconds(1))
        }
        return best
    }
}
