// Why: what one thread needs to solve rows one after another. It grows to what the largest row needs and is then
// only reused: no memory is taken per row.

import CKernels
import Ratings

/// Aligned floats that are kept from row to row.
struct Scratch: ~Copyable {
    private(set) var floats: UnsafeMutablePointer<Float>
    private(set) var count: Int

    init(count: Int) {
        self.count = max(count, MF_LANES)
        floats = Self.allocate(self.count)
    }

    deinit { floats.deallocate() }

    /// Makes room for `count` floats; what was there is lost when there was less.
    mutating func reserve(_ count: Int) {
        guard count > self.count else { return }
        floats.deallocate()
        self.count = max(count, self.count * 2)
        floats = Self.allocate(self.count)
    }

    /// Sets all floats to 0.
    mutating func clear() { floats.update(repeating: 0, count: count) }

    private static func allocate(_ count: Int) -> UnsafeMutablePointer<Float> {
        UnsafeMutableRawPointer.allocate(byteCount: count * MemoryLayout<Float>.stride, alignment: 64)
            .bindMemory(to: Float.self, capacity: count)
    }
}

/// One thread's kernels and memory.
final class Workspace {
    let kernels: Kernels
    let configuration: SolverConfiguration
    let fixed: FixedSide
    /// Floats of vectors that meet a row's factors.
    let stride: Int
    private var values = Scratch(count: 0)
    private var weights = Scratch(count: 0)
    var errors = Scratch(count: 0)
    private var equations: RowEquations
    private var nonnegativeRow: NonnegativeRow
    private(set) var vectors: Scratch
    /// The row's unknowns: its factors, and with biases its bias divided by c.
    private(set) var solution: Scratch

    init(configuration: SolverConfiguration, kernels: Kernels, fixed: FixedSide, stride: Int) {
        self.kernels = kernels
        self.configuration = configuration
        self.fixed = fixed
        self.stride = FactorMatrix.stride(forRank: configuration.width)!
        equations = RowEquations(configuration: configuration, kernels: kernels, stride: stride)
        nonnegativeRow = NonnegativeRow(configuration: configuration, kernels: kernels)
        vectors = Scratch(count: 4 * self.stride)
        solution = Scratch(count: self.stride)
    }

    /// Solves row `row` of the task.
    /// - Parameter parts: what works on a long row with all threads; nil for other rows.
    /// - Returns: false when its system is singular or not finite; nothing is written then.
    func solve(_ row: Int, of task: BlockTask, parts: LongRow? = nil) -> Bool {
        let (rank, width) = (configuration.rank, configuration.width)
        let range = task.ratings.range(of: row)
        let ridge = configuration.regularization(ofRowWith: range.count, others: task.ratings.columnCount)
        solution.floats.update(repeating: 0, count: stride)
        if !range.isEmpty {
            let meetings = decode(range, of: task.ratings)
            guard
                let error = solve(meetings, ridge: ridge, from: task.solved, row: task.firstRow + row, parts)
                    ?? solveInDouble(meetings, ridge: ridge)
            else { return false }
            task.results[row].squaredError = error
        }
        let output = task.output + row * width
        output.update(from: solution.floats, count: width)
        if configuration.hasBiases { output[rank] *= configuration.biasFactor }
        task.results[row].penalty = ridge * configuration.squaredNorm(of: output)
        // Held-out pairs are not numbers to come near to with the implicit loss, but items to rank.
        guard configuration.implicit == nil else { return true }
        if let holdout = task.holdout, case let range = holdout.range(of: row), !range.isEmpty {
            task.results[row].holdoutSquaredError = squaredError(decode(range, of: holdout, asSolved: true))
        }
        return true
    }

    /// The ratings at `range`, decoded; valid until the next call.
    private func decode(_ range: Range<Int>, of ratings: CompressedRows, asSolved: Bool = false) -> mf_row {
        values.reserve(range.count)
        ratings.values.decode(range, minus: configuration.intercept, to: values.floats)
        var meetings = fixed.meetings(
            columns: ratings.columns.elements.baseAddress! + range.lowerBound, values: values.floats,
            count: range.count,
            asSolved: asSolved)
        if let biases = fixed.factors?.biases {
            for index in 0..<range.count { values.floats[index] -= biases[Int(meetings.columns[index])] }
        }
        if let implicit = configuration.implicit {
            weights.reserve(range.count)
            implicit.weigh(values.floats, weights.floats, count: range.count)
            meetings.weights = UnsafePointer(weights.floats)
        }
        return meetings
    }

    /// Solves in single precision, for ``solution``, which is zero before.
    /// - Returns: the squared error, or nil when single precision does not do.
    private func solve(
        _ meetings: mf_row, ridge: Double, from present: FactorMatrix, row: Int, _ parts: LongRow?
    ) -> Double? {
        let method = configuration.method(ratingCount: meetings.count)
        // With fewer ratings than factors and nothing added the system is singular, whatever rounding makes of it.
        if method.isExact && isSingular(meetings, ridge: ridge) { return nil }
        let error: Double
        switch method {
        case .none: return 0
        case .conjugateGradient(let steps, let preconditioned):
            errors.reserve(2 * meetings.count)
            start(from: present, row: row)
            // Without the preconditioner that a row counts on, it takes the steps that it saves.
            let inverse = preconditioned ? fixed.preconditioner : nil
            let wanted = preconditioned && inverse == nil ? configuration.conjugateGradientSteps : steps
            error =
                configuration.implicit == nil
                ? descend(meetings, ridge: Float(ridge), inverse: inverse, steps: wanted, parts)
                : descendOverAllPairs(meetings, ridge: Float(ridge), inverse: inverse, steps: wanted, parts)
        case .nonnegative:
            start(from: present, row: row)
            equations.set(meetings, plus: fixed.whole, parts)
            guard nonnegativeRow.solve(equations, ridge: Float(ridge), x: solution.floats) else { return nil }
            error = loss(meetings, parts)
        case .primal:
            guard solvePrimal(meetings, ridge: ridge, parts) else { return nil }
            error = loss(meetings, parts)
        case .dual:
            guard solveDual(meetings, ridge: ridge) else { return nil }
            error = loss(meetings, parts)
        }
        // An infinity or a NaN among the factors is one in the sum of their errors too.
        return error.isFinite ? error : nil
    }

    /// Sets ``solution`` to the present unknowns of row `row`.
    private func start(from present: FactorMatrix, row: Int) {
        solution.floats.update(from: present.row(row), count: configuration.rank)
        if let biases = present.biases { solution.floats[configuration.rank] = biases[row] / configuration.biasFactor }
    }

    /// Whether a row has fewer ratings than factors and nothing added.
    private func isSingular(_ meetings: mf_row, ridge: Double) -> Bool {
        ridge == 0 && fixed.whole == nil && meetings.count < configuration.width
    }

    /// Conjugate gradients from ``solution``.
    /// - Returns: the squared error.
    private func descend(
        _ meetings: mf_row, ridge: Float, inverse: UnsafePointer<Float>?, steps: Int, _ parts: LongRow?
    ) -> Double {
        let table = kernels.table.pointee
        let g = vectors.floats
        var descent = mf_descent(
            x: solution.floats, g: g, p: g + stride, q: g + 2 * stride, z: g + 3 * stride, inverse: inverse, least: 0)
        guard let parts else {
            return withUnsafePointer(to: meetings) {
                table.conjugate_gradient($0, steps, ridge, errors.floats, &descent)
            }
        }
        // The kernel's own loop, with its visits in parts.
        let images = errors.floats + meetings.count
        var error = parts.visit(meetings, mf_visit_residual, descent.x, t: errors.floats, q: descent.q)
        var square = table.begin_descent(stride, ridge, &descent)
        for step in 1...steps where square != 0 {
            let isLast = step == steps
            let kind = isLast ? mf_visit_image : mf_visit_product
            let imageSquare = parts.visit(meetings, kind, descent.p, t: images, q: descent.q)
            let alpha = table.step_length(stride, ridge, square, imageSquare, &descent)
            square = table.descend(stride, ridge, square, alpha, isLast, &descent)
            error = table.reduce_errors(errors.floats, images, alpha, meetings.count)
        }
        return error
    }

    private func solvePrimal(_ meetings: mf_row, ridge: Double, _ parts: LongRow?) -> Bool {
        equations.set(meetings, plus: fixed.whole, parts)
        guard equations.solve(ridge: Float(ridge)) else { return false }
        solution.floats.update(from: equations.right.floats, count: stride)
        return true
    }

    private func solveDual(_ meetings: mf_row, ridge: Double) -> Bool {
        let table = kernels.table.pointee
        let dualStride = FactorMatrix.stride(forRank: meetings.count)!
        // The weights take the place of the ratings, and have room in `vectors`: the stride is at most d's.
        let weights = vectors.floats, matrix = equations.matrix.floats
        weights.update(repeating: 0, count: dualStride)
        weights.update(from: meetings.values, count: meetings.count)
        withUnsafePointer(to: meetings) { table.set_dual_equations($0, matrix, dualStride) }
        let constant = meetings.constant
        for row in 0..<(constant == 0 ? 0 : meetings.count) {
            for column in 0..<meetings.count { matrix[row * dualStride + column] += constant * constant }
        }
        guard table.solve(matrix, dualStride, meetings.count, Float(ridge), weights) < 0 else { return false }
        var weighted = meetings
        weighted.values = UnsafePointer(weights)
        withUnsafePointer(to: weighted) { table.add_multiples($0, solution.floats) }
        if constant != 0 {
            let sum = (0..<meetings.count).reduce(0.0) { $0 + Double(weights[$1]) }
            solution.floats[configuration.rank] = constant * Float(sum)
        }
        return true
    }

    /// The primal in double precision, for the rare row that single precision cannot solve. Slow, and takes memory.
    private func solveInDouble(_ meetings: mf_row, ridge: Double) -> Double? {
        if isSingular(meetings, ridge: ridge) { return nil }
        let equations = Reference.NormalEquations(
            factors: (0..<meetings.count).map { fixed.factors(ofRow: Int(meetings.columns[$0])) },
            values: (0..<meetings.count).map { Double(meetings.values[$0]) },
            weights: meetings.weights.map { weights in (0..<meetings.count).map { Double(weights[$0]) } },
            whole: fixed.wholeInDouble, rank: configuration.width, ridge: ridge)
        let constrained = configuration.isNonnegative ? configuration.rank : 0
        guard let exact = equations.solution(nonnegative: constrained) else { return nil }
        for (index, value) in exact.enumerated() { solution.floats[index] = Float(value) }
        let error = loss(meetings, nil)
        return error.isFinite ? error : nil
    }

    /// The part of the loss that ``solution`` leaves of a row: its squared error, unless the loss is implicit.
    private func loss(_ meetings: mf_row, _ parts: LongRow?) -> Double {
        if configuration.implicit != nil { return lossOverAllPairs(meetings, parts) }
        return parts?.squaredError(meetings, solution.floats) ?? squaredError(meetings)
    }

    /// The squared error of ``solution``.
    private func squaredError(_ meetings: mf_row) -> Double {
        withUnsafePointer(to: meetings) { kernels.table.pointee.squared_error($0, solution.floats) }
    }
}
