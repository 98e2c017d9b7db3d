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

    private static func allocate(_ count: Int) -> UnsafeMutablePointer<Float> {
        UnsafeMutableRawPointer.allocate(byteCount: count * MemoryLayout<Float>.stride, alignment: 64)
            .bindMemory(to: Float.self, capacity: count)
    }
}

/// One thread's kernels and memory.
final class Workspace {
    private let kernels: Kernels
    private let configuration: SolverConfiguration
    private let stride: Int
    private var values = Scratch(count: 0)
    private var panel: Scratch
    private var matrix: Scratch
    private var solution: Scratch

    init(configuration: SolverConfiguration, kernels: Kernels, stride: Int) {
        self.kernels = kernels
        self.configuration = configuration
        self.stride = stride
        panel = Scratch(count: MF_PANEL_ROWS * stride)
        matrix = Scratch(count: stride * stride)
        solution = Scratch(count: stride)
    }

    /// Solves row `row` of the task.
    /// - Returns: false when its system is singular or not finite; nothing is written then.
    func solve(_ row: Int, of task: BlockTask) -> Bool {
        let rank = configuration.rank
        let range = task.ratings.range(of: row)
        let output = task.output + row * rank
        if range.isEmpty {
            output.update(repeating: 0, count: rank)
        } else {
            let meetings = decode(range, of: task.ratings, fixed: task.fixed)
            let ridge = configuration.regularization(ofRowWith: range.count)
            guard solveExactly(meetings, ridge: ridge) || solveInDouble(row, of: task) else { return false }
            let squaredError = withUnsafePointer(to: meetings) { kernels.table.pointee.squared_error($0, solution.floats) }
            var square = 0.0
            for index in 0..<rank { square += Double(solution.floats[index]) * Double(solution.floats[index]) }
            guard squaredError.isFinite, square.isFinite else { return false }
            task.results[row].squaredError = squaredError
            task.results[row].penalty = square == 0 ? 0 : ridge * square
            output.update(from: solution.floats, count: rank)
        }
        if let holdout = task.holdout { task.results[row].holdoutSquaredError = squaredError(row, of: holdout, task) }
        return true
    }

    /// The ratings at `range`, decoded; valid until the next call.
    private func decode(_ range: Range<Int>, of ratings: CompressedRows, fixed: FactorMatrix) -> mf_row {
        values.reserve(range.count)
        ratings.values.decode(range, minus: configuration.intercept, to: values.floats)
        return mf_row(
            factors: fixed.start, stride: stride, columns: ratings.columns.elements.baseAddress.map { $0 + range.lowerBound },
            values: values.floats, count: range.count)
    }

    /// Normal equations by Cholesky.
    private func solveExactly(_ meetings: mf_row, ridge: Double) -> Bool {
        // With fewer ratings than factors and nothing added the system is singular, whatever rounding makes of it.
        if ridge == 0 && meetings.count < configuration.rank { return false }
        let table = kernels.table.pointee
        matrix.floats.update(repeating: 0, count: stride * stride)
        solution.floats.update(repeating: 0, count: stride)
        withUnsafePointer(to: meetings) {
            table.add_normal_equations($0, panel.floats, matrix.floats, solution.floats)
        }
        guard table.solve(matrix.floats, stride, configuration.rank, Float(ridge), solution.floats) < 0 else { return false }
        return (0..<configuration.rank).allSatisfy { solution.floats[$0].isFinite }
    }

    /// The same in double precision, for the rare row that single precision cannot solve. Slow, and takes memory.
    private func solveInDouble(_ row: Int, of task: BlockTask) -> Bool {
        if configuration.regularization == 0 && task.ratings.range(of: row).count < configuration.rank { return false }
        guard let exact = Reference.solution(ofRow: row, of: task.ratings, fixed: task.fixed, configuration: configuration)
        else { return false }
        for (index, value) in exact.enumerated() { solution.floats[index] = Float(value) }
        return true
    }

    /// The squared error of row `row` of held-out ratings, with the factors that stand in the output.
    private func squaredError(_ row: Int, of holdout: CompressedRows, _ task: BlockTask) -> Double {
        let range = holdout.range(of: row)
        if range.isEmpty { return 0 }
        solution.floats.update(repeating: 0, count: stride)
        solution.floats.update(from: task.output + row * configuration.rank, count: configuration.rank)
        let meetings = decode(range, of: holdout, fixed: task.fixed)
        return withUnsafePointer(to: meetings) { kernels.table.pointee.squared_error($0, solution.floats) }
    }
}
