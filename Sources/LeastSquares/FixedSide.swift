// Why: what all rows of a half-step need of the fixed side is made once, before the first of them is solved: its
// factors in the precision in which rows meet them, and a preconditioner.
//
// The preconditioner. A row with n ratings has the matrix A = F'F + lambda_n I, and the more ratings it has, the nearer
// F'F comes to n C, C being the mean of f f' over the fixed side. So (C + lambda_n / n I)^-1 is, but for a factor
// that conjugate gradients do not see, nearly the inverse of A, whatever the row: one or two steps then do what
// takes three without. (Where lambda_n does not grow with n, it is that of a row with as many ratings as the sample.) A
// sample of a few times d rows is enough for C; low rows are rated most, and are drawn most. With the implicit loss all
// rows have c0 G in common, and (c0 G + lambda I)^-1 is the preconditioner of each.

import CKernels
import Failures
import Ratings

/// The factors of the side that is fixed in a half-step, as the rows that are being solved meet them.
final class FixedSide: @unchecked Sendable {
    // Unchecked: `set` runs before the threads that solve are started, and these only read.
    private(set) var factors: FactorMatrix?
    private let configuration: SolverConfiguration
    private let kernels: Kernels
    private let stride: Int
    /// The factors in bfloat16, if the precision is that.
    private var words: PageMemory?
    private var hasInverse = false
    private var inverse = Scratch(count: 0)
    private var gram: WholeGram?

    init(configuration: SolverConfiguration, kernels: Kernels, stride: Int) {
        self.configuration = configuration
        self.kernels = kernels
        self.stride = stride
        if let implicit = configuration.implicit, implicit.unseenConfidence > 0 { gram = WholeGram(stride: stride) }
    }

    /// Takes the memory for up to `rowCount` rows.
    /// - Throws: a ``Failure`` of kind `system` when there is none.
    func reserve(rowCount: Int) throws(Failure) {
        // Half of what the factors take, whose size did not overflow, and a group.
        let byteCount = max(rowCount, 1) * wordStride * MemoryLayout<UInt32>.stride
        // The two sides take turns in the memory of the larger one.
        guard configuration.precision == .bf16, words.map({ $0.byteCount < byteCount }) ?? true else { return }
        words = nil
        words = try PageMemory(
            byteCount: byteCount, for: "\(rowCount) rows of \(configuration.rank) factors in bfloat16")
    }

    /// Takes what it needs of `factors`, with `threads` threads; again whenever they have changed.
    /// - Throws: a ``Failure`` of kind `system` when there is no memory for them in bfloat16.
    func set(_ factors: FactorMatrix, threads: Int, parts: LongRow) throws(Failure) {
        precondition(factors.rank == configuration.rank && factors.hasBiases == configuration.hasBiases)
        self.factors = factors
        if configuration.precision == .bf16 { try round(factors, threads: threads) }
        sumWhole(of: factors, parts)
        hasInverse = false
        guard configuration.usesPreconditioner else { return }
        if configuration.implicit == nil { estimateInverse(of: factors) } else { invertWhole(of: factors) }
    }

    /// The ratings `columns` and `values` of a row, and the factors that they meet; with `asSolved` in single precision
    /// whatever the configuration says, as the model will have them.
    func meetings(
        columns: UnsafePointer<UInt32>, values: UnsafePointer<Float>, count: Int, asSolved: Bool = false
    ) -> mf_row {
        let words = asSolved ? nil : words.map { UnsafePointer($0.start.assumingMemoryBound(to: UInt32.self)) }
        return mf_row(
            factors: factors!.start, words: words, stride: stride, columns: columns, values: values, count: count,
            weights: nil, constant: configuration.biasFactor, constant_column: configuration.rank)
    }

    /// The factors of row `row` as they are met, and the constant that a bias meets: `width` of them.
    func factors(ofRow row: Int) -> [Double] {
        let constant = configuration.hasBiases ? [Double(configuration.biasFactor)] : []
        guard let words else { return (0..<configuration.rank).map { Double(factors!.row(row)[$0]) } + constant }
        let start = words.start.assumingMemoryBound(to: UInt32.self) + row * wordStride
        return (0..<configuration.rank).map { index in
            let (group, within) = index.quotientAndRemainder(dividingBy: 2 * MF_LANES)
            let word = start[group * MF_LANES + within % MF_LANES]
            return Double(Float(bitPattern: within < MF_LANES ? word << 16 : word & 0xFFFF_0000))
        } + constant
    }

    /// With the implicit loss c0 times the Gram matrix of all factors as they are met, D x D, symmetric, whole; nil
    /// where that is 0.
    var whole: UnsafePointer<Float>? { gram.map { UnsafePointer($0.scaled.floats) } }

    /// The same, d x d.
    var wholeInDouble: [Double]? {
        whole.map { whole in
            (0..<configuration.rank).flatMap { i in (0..<configuration.rank).map { Double(whole[i * stride + $0]) } }
        }
    }

    /// The preconditioner, of a row's unknowns; nil when there is none.
    var preconditioner: UnsafePointer<Float>? { hasInverse ? UnsafePointer(inverse.floats) : nil }

    /// Words of a row in bfloat16: two factors each, in groups of 32 factors.
    private var wordStride: Int { (stride + 2 * MF_LANES - 1) / (2 * MF_LANES) * MF_LANES }

    private func round(_ factors: FactorMatrix, threads: Int) throws(Failure) {
        try reserve(rowCount: factors.rowCount)
        let output = Output(words: words!.start.assumingMemoryBound(to: UInt32.self))
        let (stride, wordStride, round) = (stride, wordStride, kernels.table.pointee.round_factors!)
        performConcurrently(threads) { thread in
            let first = factors.rowCount * thread / threads, end = factors.rowCount * (thread + 1) / threads
            round(factors.start + first * stride, end - first, stride, output.words + first * wordStride)
        }
    }

    private struct Output: @unchecked Sendable {
        // Unchecked: each thread writes the rows that are its own.
        let words: UnsafeMutablePointer<UInt32>
    }

    private func estimateInverse(of factors: FactorMatrix) {
        let rank = configuration.rank
        // At the highest rank that has a preconditioner still 4 d.
        let count = min(16 * rank, 4096, factors.rowCount)
        guard count > 0 else { return }
        let columns = (0..<count).map { sample in
            // Row t^3 of all, for evenly spread t.
            let t = (Double(sample) + 0.5) / Double(count)
            return UInt32(Double(factors.rowCount) * t * t * t)
        }
        var values = Scratch(count: count)
        values.clear()
        var equations = RowEquations(configuration: configuration, kernels: kernels, stride: stride)
        columns.withUnsafeBufferPointer { columns in
            equations.set(meetings(columns: columns.baseAddress!, values: values.floats, count: count), plus: nil, nil)
        }
        let ridge = configuration.regularization(ofRowWith: count, others: factors.rowCount)
        // Where that fails, rows do with conjugate gradients as they are.
        hasInverse = equations.invert(ridge: Float(ridge), into: &inverse)
    }

    private func sumWhole(of factors: FactorMatrix, _ parts: LongRow) {
        let scale = configuration.implicit?.unseenConfidence ?? 0
        gram?.set(rowCount: factors.rowCount, scale: scale, parts: parts) { first, columns, values, count in
            var row = meetings(columns: columns, values: values, count: count)
            row.factors += first * stride
            row.words = row.words.map { $0 + first * wordStride }
            return row
        }
    }

    /// Sets the preconditioner of the implicit loss: what all rows have in common, inverted.
    private func invertWhole(of factors: FactorMatrix) {
        guard let whole else { return }
        let matrix = Scratch(count: stride * stride)
        matrix.floats.update(from: whole, count: stride * stride)
        inverse.reserve(stride * stride)
        let ridge = configuration.regularization(ofRowWith: configuration.rank, others: factors.rowCount)
        hasInverse =
            kernels.table.pointee.invert(
                matrix.floats, stride, configuration.rank, Float(ridge), inverse.floats) < 0
    }
}
