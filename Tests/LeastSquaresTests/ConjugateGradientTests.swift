// Why: conjugate gradients stop before the solution by design, so they are held to what holds at every step: the
// row's objective falls, the errors they carry along are the true ones, and with many steps they do reach the solution.

import LeastSquares
import Ratings
import TestKit
import Testing

@Suite struct ConjugateGradientTests {
    static let ranks = [1, 3, 8, 15, 16, 17, 33, 64, 100, 128, 256]
    static let counts = [0, 1, 2, 7, 8, 63, 64, 65, 500]

    static func configuration(
        rank: Int, steps: Int, solver: SolverKind = .cg, precision: Precision = .fp32
    ) -> SolverConfiguration {
        SolverConfiguration(
            rank: rank, regularization: 0.1, scaling: .count, solver: solver, precision: precision,
            conjugateGradientSteps: steps, intercept: 0.25)
    }

    /// |r - F x|^2 + ridge |x|^2 of one row, in double precision.
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
        return error + ridge * x.reduce(0) { $0 + $1 * $1 }
    }

    @Test(
        "each step lowers every row's objective, and the errors reported are the true ones",
        arguments: KernelLevel.available, ranks)
    func descends(level: KernelLevel, rank: Int) throws {
        var generator = SeededGenerator(seed: UInt64(rank))
        let fixed = try FactorMatrix.random(rowCount: 600, rank: rank, using: &generator)
        let ratings = CompressedRows.random(counts: Self.counts, columnCount: 600, using: &generator)
        let present = try FactorMatrix.random(rowCount: ratings.rowCount, rank: rank, scale: 0.1, using: &generator)
        for precision in Precision.allCases {
            let met = try fixed.met(in: precision)
            var previous = (0..<ratings.rowCount).map { row in
                Self.objective(
                    (0..<rank).map { Double(present.row(row)[$0]) }, row: row, ratings, met,
                    Self.configuration(rank: rank, steps: 1))
            }
            for steps in 1...3 {
                let configuration = Self.configuration(rank: rank, steps: steps, precision: precision)
                let (factors, sums) = try solve(
                    ratings, fixed: fixed, configuration: configuration, level: level, warm: present)
                let solved = try FactorMatrix(rowCount: ratings.rowCount, rank: rank) { factors[$0 * rank + $1] }
                for row in 0..<ratings.rowCount {
                    let x = (0..<rank).map { Double(solved.row(row)[$0]) }
                    let objective = Self.objective(x, row: row, ratings, met, configuration)
                    // Rounding moves a row that has reached its solution by about d u of the sums it is made of.
                    #expect(
                        objective <= previous[row] + 1e-5 * (previous[row] + 1),
                        "row \(row), step \(steps), \(precision), seed \(rank)")
                    previous[row] = objective
                }
                let error = Reference.squaredError(of: ratings, rows: solved, fixed: met, intercept: 0.25)
                #expect(
                    abs(sums.squaredError - error) <= 1e-4 * (error + 1), "step \(steps), \(precision), seed \(rank)")
            }
        }
    }

    /// The condition number here is at most (0.09 (sqrt(n) + sqrt(d))^2 + 0.1 n) / (0.1 n) < 300: the error falls by
    /// (sqrt(300) - 1) / (sqrt(300) + 1) a step at worst, and is below 1e-3 long before 60. A preconditioner changes
    /// the way there, not the end. Rows of 500 are long enough for it at ranks up to 100.
    @Test(
        "many steps reach the exact solution, with the preconditioner and without",
        arguments: KernelLevel.available, ranks)
    func converges(level: KernelLevel, rank: Int) throws {
        var generator = SeededGenerator(seed: UInt64(rank))
        let fixed = try FactorMatrix.random(rowCount: 600, rank: rank, scale: 0.3, using: &generator)
        let ratings = CompressedRows.random(counts: Self.counts, columnCount: 600, using: &generator)
        for (solver, precision) in product([SolverKind.cg, .auto], Precision.allCases) {
            let configuration = Self.configuration(rank: rank, steps: 60, solver: solver, precision: precision)
            let met = try fixed.met(in: precision)
            let (factors, _) = try solve(ratings, fixed: fixed, configuration: configuration, level: level)
            for row in 0..<ratings.rowCount {
                let exact = try #require(
                    Reference.solution(ofRow: row, of: ratings, fixed: met, configuration: configuration))
                let distance = ExactSolverTests.norm(
                    zip(exact, factors[row * rank..<(row + 1) * rank]).map { $0 - Double($1) })
                #expect(
                    distance <= 1e-3 * ExactSolverTests.norm(exact), "row \(row), \(solver), \(precision), seed \(rank)"
                )
            }
        }
    }

    @Test(
        "the preconditioner brings a long row nearer in one step than three steps do without",
        arguments: RegularizationScaling.samples)
    func preconditionerHelps(scaling: RegularizationScaling) throws {
        // Factors of very different sizes, as trained ones are: what plain steps are slow with.
        var generator = SeededGenerator(seed: 31)
        let rank = 24
        let fixed = try FactorMatrix(rowCount: 3_000, rank: rank) { _, index in generator.normal() / Float(1 + index) }
        let ratings = CompressedRows.random(counts: [1_500, 2_500], columnCount: 3_000, using: &generator)
        func distance(_ solver: SolverKind) throws -> Double {
            var configuration = Self.configuration(rank: rank, steps: 3, solver: solver)
            (configuration.regularization, configuration.scaling) = (0.01, scaling)
            let (factors, _) = try solve(ratings, fixed: fixed, configuration: configuration)
            return try (0..<2).reduce(0) { total, row in
                let exact = try #require(
                    Reference.solution(ofRow: row, of: ratings, fixed: fixed, configuration: configuration))
                return total
                    + ExactSolverTests.norm(
                        zip(exact, factors[row * rank..<(row + 1) * rank]).map { $0 - Double($1) })
            }
        }
        #expect(try distance(.auto) < distance(.cg), "seed 31")
    }

    @Test("a row that counts on a preconditioner that cannot be had takes the steps without")
    func noPreconditioner() throws {
        // One factor is 0 everywhere and nothing is added to the diagonal: there is no inverse.
        var generator = SeededGenerator(seed: 32)
        let fixed = try FactorMatrix(rowCount: 600, rank: 24) { _, index in index == 5 ? 0 : generator.normal() }
        let ratings = CompressedRows.random(counts: [300, 500], columnCount: 600, using: &generator)
        func factors(_ solver: SolverKind) throws -> [UInt32] {
            var configuration = Self.configuration(rank: 24, steps: 3, solver: solver)
            configuration.regularization = 0
            return try solve(ratings, fixed: fixed, configuration: configuration).factors.map(\.bitPattern)
        }
        #expect(try factors(.auto) == factors(.cg), "seed 32")
    }

    @Test("a row that stands at its solution stays there")
    func fixedPoint() throws {
        var generator = SeededGenerator(seed: 21)
        let fixed = try FactorMatrix.random(rowCount: 100, rank: 20, using: &generator)
        let ratings = CompressedRows.random(counts: [5, 50, 100], columnCount: 100, using: &generator)
        let configuration = Self.configuration(rank: 20, steps: 3)
        let solution = try FactorMatrix(rowCount: 3, rank: 20) { row, index in
            Float(Reference.solution(ofRow: row, of: ratings, fixed: fixed, configuration: configuration)![index])
        }
        let (factors, _) = try solve(ratings, fixed: fixed, configuration: configuration, warm: solution)
        for row in 0..<3 {
            for index in 0..<20 { #expect(abs(factors[row * 20 + index] - solution.row(row)[index]) < 1e-5, "seed 21") }
        }
    }

    @Test("the method of a row depends on its ratings and the rank alone")
    func methods() {
        var configuration = SolverConfiguration.exact(rank: 64)
        #expect(configuration.method(ratingCount: 0) == .none)
        #expect(configuration.method(ratingCount: 31) == .dual)
        #expect(configuration.method(ratingCount: 32) == .primal)
        configuration.solver = .auto
        #expect(configuration.method(ratingCount: 31) == .conjugateGradient(steps: 3, preconditioned: false))
        #expect(configuration.method(ratingCount: 255) == .conjugateGradient(steps: 3, preconditioned: false))
        #expect(configuration.method(ratingCount: 256) == .conjugateGradient(steps: 2, preconditioned: true))
        #expect(configuration.method(ratingCount: 1024) == .conjugateGradient(steps: 1, preconditioned: true))
        configuration.conjugateGradientSteps = 1
        #expect(configuration.method(ratingCount: 1024) == .conjugateGradient(steps: 1, preconditioned: true))
        configuration.rank = 16
        #expect(configuration.method(ratingCount: 31) == .primal)
        configuration.solver = .cg
        #expect(configuration.method(ratingCount: 31) == .conjugateGradient(steps: 1, preconditioned: false))
    }
}
