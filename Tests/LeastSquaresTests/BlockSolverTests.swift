// Why: a block's result must not depend on threads or on what a solver did before, and must never be a NaN.

import Failures
import LeastSquares
import Ratings
import TestKit
import Testing

@Suite struct BlockSolverTests {
    /// A block with rows from empty to heavy, the same for the same seed.
    static func block(seed: UInt64, rank: Int) throws -> (
        ratings: CompressedRows, holdout: CompressedRows, fixed: FactorMatrix
    ) {
        var generator = SeededGenerator(seed: seed)
        let counts = (0..<150).map {
            $0 % 29 == 0 ? 0 : Int.random(in: 1...($0 % 10 == 0 ? 400 : 40), using: &generator)
        }
        return (
            .random(counts: counts, columnCount: 500, using: &generator),
            .random(counts: counts.map { $0 / 10 }, columnCount: 500, using: &generator),
            try .random(rowCount: 500, rank: rank, using: &generator)
        )
    }

    @Test("gives the same bytes for any number of threads", arguments: SolverKind.allCases, Precision.allCases)
    func threadsDoNotMatter(solver: SolverKind, precision: Precision) throws {
        let rank = 20
        let (ratings, holdout, fixed) = try Self.block(seed: 5, rank: rank)
        var configuration = SolverConfiguration.exact(rank: rank, scaling: .count)
        configuration.solver = solver
        configuration.precision = precision
        let one = try solve(ratings, holdout: holdout, fixed: fixed, configuration: configuration)
        for threads in [2, 3, 7] {
            let many = try solve(
                ratings, holdout: holdout, fixed: fixed, configuration: configuration, threads: threads)
            #expect(many.factors.map(\.bitPattern) == one.factors.map(\.bitPattern), "\(threads) threads, seed 5")
            #expect(many.sums == one.sums, "\(threads) threads, seed 5")
        }
    }

    @Test(
        "a row so long that threads share it gives the same bytes for any number of them, and the right ones",
        arguments: SolverKind.allCases, Precision.allCases)
    func longRows(solver: SolverKind, precision: Precision) throws {
        var generator = SeededGenerator(seed: 13)
        let counts = [20_000, 30, 16_384, 16_383]
        let fixed = try FactorMatrix.random(rowCount: 21_000, rank: 18, using: &generator)
        let ratings = CompressedRows.random(counts: counts, columnCount: 21_000, using: &generator)
        var configuration = SolverConfiguration.exact(rank: 18, scaling: .count)
        configuration.solver = solver
        configuration.precision = precision
        configuration.conjugateGradientSteps = 20
        let one = try solve(ratings, fixed: fixed, configuration: configuration)
        for threads in [2, 3, 9] {
            let many = try solve(ratings, fixed: fixed, configuration: configuration, threads: threads)
            #expect(many.factors.map(\.bitPattern) == one.factors.map(\.bitPattern), "\(threads) threads, seed 13")
            #expect(many.sums == one.sums, "\(threads) threads, seed 13")
        }
        let met = try fixed.met(in: precision)
        for row in 0..<counts.count {
            let exact = try #require(
                Reference.solution(ofRow: row, of: ratings, fixed: met, configuration: configuration))
            let distance = ExactSolverTests.norm(
                zip(exact, one.factors[row * 18..<(row + 1) * 18]).map { $0 - Double($1) })
            #expect(distance <= 1e-4 * ExactSolverTests.norm(exact), "row \(row), seed 13")
        }
    }

    @Test("gives the same bytes when a block is cut into slices, and for a solver used again")
    func slicesDoNotMatter() throws {
        let (ratings, holdout, fixed) = try Self.block(seed: 6, rank: 20)
        let configuration = SolverConfiguration.exact(rank: 20)
        let whole = try solve(ratings, holdout: holdout, fixed: fixed, configuration: configuration)
        let solver = try BlockSolver(configuration: configuration, kernels: .best, threads: 2)
        try solver.fix(fixed)
        let present = try FactorMatrix(rowCount: 150, rank: 20)
        var factors: [Float] = []
        var sums = BlockSums.zero
        for rows in [0..<1, 1..<70, 70..<150] {
            var output = [Float](repeating: .nan, count: rows.count * 20)
            sums =
                sums
                + (try solver.solve(
                    ratings.slice(rows), holdout: holdout.slice(rows), rows: rows, side: .item, solved: present,
                    into: &output))
            factors += output
        }
        #expect(factors.map(\.bitPattern) == whole.factors.map(\.bitPattern), "seed 6")
        #expect(sums.ratingCount == whole.sums.ratingCount && sums.holdoutCount == holdout.count)
        #expect(abs(sums.squaredError - whole.sums.squaredError) < 1e-9 * whole.sums.squaredError, "seed 6")
    }

    @Test("sums the held-out errors of the factors it found")
    func holdout() throws {
        let (ratings, holdout, fixed) = try Self.block(seed: 8, rank: 6)
        let configuration = SolverConfiguration.exact(rank: 6, intercept: 0.5)
        let (factors, sums) = try solve(ratings, holdout: holdout, fixed: fixed, configuration: configuration)
        let rows = try FactorMatrix(rowCount: 150, rank: 6) { factors[$0 * 6 + $1] }
        let expected = Reference.squaredError(of: holdout, rows: rows, fixed: fixed, intercept: 0.5)
        #expect(abs(sums.holdoutSquaredError - expected) < 1e-5 * expected, "seed 8")
        #expect(sums.holdoutCount == holdout.count)
        let without = try solve(ratings, fixed: fixed, configuration: configuration)
        #expect(without.sums.holdoutSquaredError == 0 && without.sums.holdoutCount == 0)
        #expect(without.factors == factors)
    }

    @Test("names the first row that is singular, and the remedy", arguments: [1, 3])
    func singular(threads: Int) throws {
        var generator = SeededGenerator(seed: 9)
        let fixed = try FactorMatrix.random(rowCount: 50, rank: 4, using: &generator)
        // Fewer ratings than factors, and nothing added to the diagonal.
        let ratings = CompressedRows.random(counts: [10, 0, 20, 3, 30, 2], columnCount: 50, using: &generator)
        let failure = #expect(throws: Failure.self) {
            try solve(ratings, fixed: fixed, configuration: .exact(rank: 4, regularization: 0), threads: threads)
        }
        #expect(failure?.kind == .badData)
        #expect(failure?.what.contains("user row 3 ") == true)
        #expect(failure?.remedy.contains("raise the regularization") == true)
    }

    @Test("refuses factors that are equal or not finite rather than give a NaN")
    func notFinite() throws {
        let ratings = CompressedRows([(0..<10).map { ($0, 1) }], columnCount: 10)
        let equal = try FactorMatrix(rowCount: 10, rank: 2) { _, _ in 1 }
        for poison: Float in [.nan, .infinity, -.infinity] {
            let poisoned = try FactorMatrix(rowCount: 10, rank: 2) { row, index in row == 4 && index == 1 ? poison : 1 }
            for (solver, precision) in product(SolverKind.allCases, Precision.allCases) {
                var configuration = SolverConfiguration.exact(rank: 2, precision: precision)
                configuration.solver = solver
                #expect(throws: Failure.self, "\(poison), \(solver), \(precision)") {
                    try solve(ratings, fixed: poisoned, configuration: configuration)
                }
            }
        }
        #expect(throws: Failure.self) {
            try solve(ratings, fixed: equal, configuration: .exact(rank: 2, regularization: 0))
        }
    }

    @Test("the objective never rises from half-step to half-step")
    func objectiveFalls() throws {
        var generator = SeededGenerator(seed: 12)
        let byUser = CompressedRows.random(
            counts: (0..<60).map { _ in Int.random(in: 1...30, using: &generator) }, columnCount: 40, using: &generator)
        var columns: [[(column: Int, value: Float)]] = Array(repeating: [], count: 40)
        for row in 0..<60 {
            for index in byUser.range(of: row) {
                guard case .float32(let values) = byUser.values else { return }
                columns[Int(byUser.columns[index])].append((row, values[index]))
            }
        }
        let matrix = RatingMatrix(byUser: byUser, byItem: CompressedRows(columns, columnCount: 60))
        let configuration = SolverConfiguration.exact(rank: 5, regularization: 0.05, scaling: .count)
        let users = try FactorMatrix(rowCount: 60, rank: 5)
        let items = try FactorMatrix.random(rowCount: 40, rank: 5, scale: 0.1, using: &generator)
        var previous = Double.infinity
        for _ in 0..<10 {
            users.setRows(0..<60, from: try solve(matrix.byUser, fixed: items, configuration: configuration).factors)
            let afterUsers = Reference.objective(of: matrix, users: users, items: items, configuration: configuration)
            items.setRows(0..<40, from: try solve(matrix.byItem, fixed: users, configuration: configuration).factors)
            let afterItems = Reference.objective(of: matrix, users: users, items: items, configuration: configuration)
            // Rounding in single precision may move a stationary objective by a few units in its last place.
            #expect(afterUsers <= previous * (1 + 1e-6) && afterItems <= afterUsers * (1 + 1e-6), "seed 12")
            previous = afterItems
        }
    }
}
