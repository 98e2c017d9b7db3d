// Why: of all rows without negative factors the solution is the one that satisfies the optimality conditions: where a
// factor is above 0 the gradient is 0, and where it is 0 the gradient is not below. They are checked in double
// precision.

import LeastSquares
import Ratings
import TestKit
import Testing

@Suite struct NonnegativeTests {
    static let ranks = [1, 3, 15, 16, 17, 33, 64, 100]
    static let counts = [0, 1, 2, 7, 31, 64, 65, 500]

    static func configuration(
        rank: Int, hasBiases: Bool, precision: Precision = .fp32, implicit: ImplicitLoss? = nil
    ) -> SolverConfiguration {
        SolverConfiguration(
            rank: rank, regularization: 0.1, scaling: implicit == nil ? .count : .none, solver: .auto,
            precision: precision, intercept: 0, implicit: implicit,
            biasRegularization: hasBiases ? 0.02 : nil, isNonnegative: true)
    }

    /// Checks the optimality conditions of `row`, as far as single precision can meet them.
    static func expectOptimal(
        _ x: [Double], _ row: Int, _ ratings: CompressedRows, _ fixed: FactorMatrix,
        _ configuration: SolverConfiguration, _ note: Comment
    ) {
        let equations = Reference.equations(ofRow: row, of: ratings, fixed: fixed, configuration: configuration)
        let count = x.count
        let diagonal = (0..<count).reduce(0) { $0 + equations.matrix[$1 * count + $1] }
        let size =
            diagonal * (x.reduce(0) { $0 + $1 * $1 }).squareRoot()
            + equations.right.reduce(0) { $0 + abs($1) } + 1e-9
        // As in ExactSolverTests, but relative to the trace: the sums are of n products, the solves of d.
        let bound = Double(ratings.range(of: row).count + 4 * count + 64) * 0x1p-24 * size
        for i in 0..<count {
            let gradient = (0..<count).reduce(-equations.right[i]) { $0 + equations.matrix[i * count + $1] * x[$1] }
            if i < configuration.rank {
                #expect(x[i] >= 0, "row \(row), factor \(i); \(note)")
                #expect(gradient >= -bound, "row \(row), factor \(i): \(gradient); \(note)")
                if x[i] == 0 { continue }
            }
            #expect(abs(gradient) <= bound, "row \(row), unknown \(i): \(gradient), bound \(bound); \(note)")
        }
    }

    @Test("satisfies the optimality conditions", arguments: KernelLevel.available, ranks)
    func isOptimal(level: KernelLevel, rank: Int) throws {
        var generator = SeededGenerator(seed: UInt64(rank))
        let ratings = CompressedRows.random(counts: Self.counts, columnCount: 600, using: &generator)
        for (hasBiases, precision) in product([false, true], Precision.allCases) {
            let fixed = try FactorMatrix.random(rowCount: 600, rank: rank, hasBiases: hasBiases, using: &generator)
            let configuration = Self.configuration(rank: rank, hasBiases: hasBiases, precision: precision)
            let (solved, sums) = try solve(ratings, fixed: fixed, configuration: configuration, level: level)
            let met = try fixed.met(in: precision)
            let note: Comment = "biases \(hasBiases), \(precision), seed \(rank)"
            for row in 0..<ratings.rowCount where Self.counts[row] > 0 {
                let x = (0..<configuration.width).map { Double(solved[row * configuration.width + $0]) }
                Self.expectOptimal(x, row, ratings, met, configuration, note)
                let exact = try #require(
                    Reference.solution(ofRow: row, of: ratings, fixed: met, configuration: configuration), note)
                // The least eigenvalue is that of the regularization.
                for (found, right) in zip(x, exact) { #expect(abs(found - right) <= 2e-3 * (1 + abs(right)), note) }
            }
            let rows = try FactorMatrix(solved, rank: rank, hasBiases: hasBiases)
            let error = Reference.squaredError(of: ratings, rows: rows, fixed: met, intercept: 0)
            #expect(abs(sums.squaredError - error) <= 1e-4 * (1 + error), note)
            // Where a row starts from changes nothing but roundings.
            let warm = try FactorMatrix.random(
                rowCount: ratings.rowCount, rank: rank, hasBiases: hasBiases, using: &generator)
            let (again, _) = try solve(ratings, fixed: fixed, configuration: configuration, level: level, warm: warm)
            for (one, other) in zip(solved, again) { #expect(abs(one - other) <= 1e-3 * (1 + abs(one)), note) }
        }
    }

    @Test("and so it does with the implicit loss", arguments: [1, 16, 33])
    func isOptimalOverAllPairs(rank: Int) throws {
        var generator = SeededGenerator(seed: UInt64(rank))
        let fixed = try FactorMatrix.random(rowCount: 600, rank: rank, scale: 0.1, using: &generator)
        let ratings = SyntheticRatings.positive(
            CompressedRows.random(counts: Self.counts, columnCount: 600, using: &generator))
        let configuration = Self.configuration(
            rank: rank, hasBiases: false, implicit: ImplicitLoss(confidence: .linear(alpha: 3), unseenConfidence: 0.5))
        let (solved, _) = try solve(ratings, fixed: fixed, configuration: configuration)
        for row in 0..<ratings.rowCount where Self.counts[row] > 0 {
            let x = (0..<rank).map { Double(solved[row * rank + $0]) }
            Self.expectOptimal(x, row, ratings, fixed, configuration, "seed \(rank)")
        }
        #expect(solved.contains(0) && solved.contains { $0 > 0 })
    }

    @Test("gives the same bytes for any number of threads")
    func threads() throws {
        var generator = SeededGenerator(seed: 7)
        let fixed = try FactorMatrix.random(rowCount: 20_000, rank: 20, hasBiases: true, using: &generator)
        let ratings = CompressedRows.random(
            counts: [17_000] + (0..<60).map { $0 * 3 }, columnCount: 20_000, using: &generator)
        let configuration = Self.configuration(rank: 20, hasBiases: true)
        let one = try solve(ratings, fixed: fixed, configuration: configuration)
        let three = try solve(ratings, fixed: fixed, configuration: configuration, threads: 3)
        #expect(one.factors == three.factors && one.sums == three.sums)
    }
}

extension SyntheticRatings {
    /// The same ratings, none below 0.
    fileprivate static func positive(_ rows: CompressedRows) -> CompressedRows {
        CompressedRows(
            (0..<rows.rowCount).map { row in
                let range = rows.range(of: row)
                var values = [Float](repeating: 0, count: range.count)
                values.withUnsafeMutableBufferPointer { values in
                    if let start = values.baseAddress { rows.values.decode(range, minus: 0, to: start) }
                }
                return zip(range, values).map { (column: Int(rows.columns[$0]), value: abs($1)) }
            }, columnCount: rows.columnCount)
    }
}
