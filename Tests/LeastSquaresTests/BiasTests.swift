// Why: a bias is one more unknown of its row, scaled so that one ridge serves all, in a column that is not stored. The
// reference has it as the formula does: a 1 after the factors, and a ridge of its own.

import LeastSquares
import Ratings
import TestKit
import Testing

@Suite struct BiasTests {
    /// Below, at and above multiples of the padding, where the bias has room there and where it has none.
    static let ranks = [1, 3, 15, 16, 17, 31, 32, 64, 100, 128, 130]
    static let counts = [0, 1, 2, 7, 31, 63, 64, 65, 500]

    static func configuration(
        rank: Int, solver: SolverKind, steps: Int = 3, precision: Precision = .fp32, biasRegularization: Double = 0.02,
        scaling: RegularizationScaling = .none
    ) -> SolverConfiguration {
        SolverConfiguration(
            rank: rank, regularization: 0.1, scaling: scaling, solver: solver, precision: precision,
            conjugateGradientSteps: steps, intercept: 0.25, biasRegularization: biasRegularization)
    }

    /// What row `row` adds to the objective with the unknowns `x`, its bias last.
    static func objective(
        _ x: [Double], row: Int, _ ratings: CompressedRows, _ fixed: FactorMatrix, _ configuration: SolverConfiguration
    ) -> Double {
        let (met, values) = Reference.meetings(
            ofRow: row, of: ratings, fixed: fixed, intercept: configuration.intercept)
        let error = zip(met, values).reduce(0.0) { total, rating in
            let left = rating.1 - zip(rating.0, x).reduce(0) { $0 + $1.0 * $1.1 }
            return total + left * left
        }
        let ridge = configuration.regularization(ofRowWith: values.count, others: fixed.rowCount)
        let biasRidge = ridge / configuration.regularization * configuration.biasRegularization!
        return error + ridge * x.dropLast().reduce(0) { $0 + $1 * $1 } + biasRidge * x.last! * x.last!
    }

    @Test("every solver reaches the reference's objective", arguments: KernelLevel.available, ranks)
    func reachesTheSolution(level: KernelLevel, rank: Int) throws {
        var generator = SeededGenerator(seed: UInt64(rank))
        let fixed = try FactorMatrix.random(rowCount: 600, rank: rank, hasBiases: true, using: &generator)
        let ratings = CompressedRows.random(counts: Self.counts, columnCount: 600, using: &generator)
        let holdout = CompressedRows.random(counts: Self.counts.map { $0 / 2 }, columnCount: 600, using: &generator)
        let warm = try FactorMatrix.random(rowCount: ratings.rowCount, rank: rank, hasBiases: true, using: &generator)
        for (solver, precision) in product(SolverKind.allCases, Precision.allCases) {
            for (biasRegularization, scaling) in [(0.1, RegularizationScaling.none), (0.02, .count), (1.5, .none)] {
                let configuration = Self.configuration(
                    rank: rank, solver: solver, steps: 4 * rank + 8, precision: precision,
                    biasRegularization: biasRegularization, scaling: scaling)
                let note: Comment = "\(solver), \(precision), \(biasRegularization), \(scaling), seed \(rank)"
                let (solved, sums) = try solve(
                    ratings, holdout: holdout, fixed: fixed, configuration: configuration, level: level, warm: warm)
                let rows = try FactorMatrix(solved, rank: rank, hasBiases: true)
                let met = try fixed.met(in: precision)
                for row in 0..<ratings.rowCount {
                    let x = (0...rank).map { Double(solved[row * (rank + 1) + $0]) }
                    let exact = try #require(
                        Reference.solution(ofRow: row, of: ratings, fixed: met, configuration: configuration))
                    if Self.counts[row] == 0 {
                        #expect(x.allSatisfy { $0 == 0 }, note)
                        continue
                    }
                    let least = Self.objective(exact, row: row, ratings, met, configuration)
                    let found = Self.objective(x, row: row, ratings, met, configuration)
                    // Single precision leaves a residual of about (n + 4 d) u of the sums, whose square counts.
                    #expect(found - least <= 1e-5 * (least + 0.01), "row \(row): \(found), \(least); \(note)")
                }
                let error = Reference.squaredError(of: ratings, rows: rows, fixed: met, intercept: 0.25)
                #expect(abs(sums.squaredError - error) <= 1e-4 * (1 + error), note)
                let penalty = Reference.penalty(of: ratings, rows: rows, configuration: configuration)
                #expect(abs(sums.penalty - penalty) <= 1e-5 * penalty, note)
                let heldOut = Reference.squaredError(of: holdout, rows: rows, fixed: fixed, intercept: 0.25)
                #expect(abs(sums.holdoutSquaredError - heldOut) <= 1e-4 * (1 + heldOut), note)
            }
        }
    }

    @Test("a few steps from where a row is lower its objective", arguments: [3, 16, 64, 100], [SolverKind.cg, .auto])
    func descends(rank: Int, solver: SolverKind) throws {
        var generator = SeededGenerator(seed: UInt64(rank))
        let fixed = try FactorMatrix.random(rowCount: 600, rank: rank, hasBiases: true, using: &generator)
        let ratings = CompressedRows.random(counts: Self.counts, columnCount: 600, using: &generator)
        let warm = try FactorMatrix.random(
            rowCount: ratings.rowCount, rank: rank, scale: 0.1, hasBiases: true, using: &generator)
        let configuration = Self.configuration(rank: rank, solver: solver)
        let (solved, _) = try solve(ratings, fixed: fixed, configuration: configuration, warm: warm)
        for row in 0..<ratings.rowCount where Self.counts[row] > 0 {
            let before = (0..<rank).map { Double(warm.row(row)[$0]) } + [Double(warm.biases![row])]
            let after = (0...rank).map { Double(solved[row * (rank + 1) + $0]) }
            let (was, now) = (
                Self.objective(before, row: row, ratings, fixed, configuration),
                Self.objective(after, row: row, ratings, fixed, configuration)
            )
            #expect(now <= was * (1 + 1e-5), "row \(row)")
        }
    }

    @Test(
        "a long row has the same bytes for any number of threads, and the right ones",
        arguments: [SolverKind.exact, .cg, .auto], [16, 33])
    func longRows(solver: SolverKind, rank: Int) throws {
        var generator = SeededGenerator(seed: 5)
        let fixed = try FactorMatrix.random(rowCount: 20_000, rank: rank, hasBiases: true, using: &generator)
        let ratings = CompressedRows.random(counts: [17_000, 3], columnCount: 20_000, using: &generator)
        let configuration = Self.configuration(rank: rank, solver: solver, steps: 30)
        let (one, oneSums) = try solve(ratings, fixed: fixed, configuration: configuration)
        let (three, threeSums) = try solve(ratings, fixed: fixed, configuration: configuration, threads: 3)
        #expect(one == three && oneSums == threeSums)
        let exact = try #require(Reference.solution(ofRow: 0, of: ratings, fixed: fixed, configuration: configuration))
        for k in 0...rank { #expect(abs(Double(one[k]) - exact[k]) < 1e-4, "unknown \(k)") }
    }

    @Test("what single precision cannot solve, double precision does")
    func solvesInDouble() throws {
        var generator = SeededGenerator(seed: 9)
        let fixed = try FactorMatrix.random(rowCount: 50, rank: 16, scale: 1e6, hasBiases: true, using: &generator)
        let ratings = CompressedRows.random(counts: [40, 16], columnCount: 50, using: &generator)
        var configuration = Self.configuration(rank: 16, solver: .exact)
        (configuration.regularization, configuration.biasRegularization) = (1e-6, 1e-6)
        let (solved, _) = try solve(ratings, fixed: fixed, configuration: configuration)
        #expect(solved.allSatisfy { $0.isFinite })
        let exact = try #require(Reference.solution(ofRow: 0, of: ratings, fixed: fixed, configuration: configuration))
        #expect(abs(Double(solved[16]) - exact[16]) <= 1e-2 * abs(exact[16]))
    }

    @Test("without regularization a row needs a rating more than it has factors")
    func singular() throws {
        var generator = SeededGenerator(seed: 3)
        let fixed = try FactorMatrix.random(rowCount: 50, rank: 4, hasBiases: true, using: &generator)
        var configuration = Self.configuration(rank: 4, solver: .exact)
        (configuration.regularization, configuration.biasRegularization) = (0, 0)
        let few = CompressedRows.random(counts: [4], columnCount: 50, using: &generator)
        #expect(throws: (any Error).self) { try solve(few, fixed: fixed, configuration: configuration) }
        let enough = CompressedRows.random(counts: [9], columnCount: 50, using: &generator)
        _ = try solve(enough, fixed: fixed, configuration: configuration)
    }
}
