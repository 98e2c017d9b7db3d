// Why: each row's solution is compared with the double-precision reference, at every level and shape.
//
// The bound. With u = 2^-24 and n, d the row's ratings and rank: adding n products in single precision errs by at
// most (n + 1) u times the sum of their magnitudes, in A and in b (Higham 2002, 3.1), and a Cholesky solution x
// solves (A + E) x = b with |E| <= (3 d + 1) u |U'||U| (theorem 10.4), whose norm is at most d |A|. So the residual
// that is left in the exact equations, b - A x, is at most
//
//     (n + 4 d + 8) u (S |x| + sqrt(S) |r|)        S = the sum of |f|^2 over the row's ratings, plus d lambda
//
// where S bounds the norms of A and of |F'||F|. Errors are random in sign, so a correct kernel stays far below; one
// that drops or doubles a single rating does not. The distance from the reference's x is the residual's over
// lambda, the least eigenvalue that A can have. Rows with few ratings are solved by the dual system, whose weights a
// answer to the same analysis with n and d exchanged: (FF' + E + lambda I) a = r leaves F'E a, within the same bound as
// |a| <= (|r| + sqrt(S) |x|) / lambda is what S |x| / lambda would be; ill-conditioned cases get that factor.
//
// With bfloat16 the reference is given the rounded factors. Their products are exact in single precision, and the rest
// is the same, so the bounds are too.

import LeastSquares
import Ratings
import TestKit
import Testing

@Suite struct ExactSolverTests {
    static let ranks = [1, 3, 8, 15, 16, 17, 33, 64, 100, 128, 256]
    static let counts = [0, 1, 2, 7, 8, 63, 64, 65, 500]

    /// Checks every row of `factors` against the bound above.
    static func expectSolves(
        _ factors: [Float], _ ratings: CompressedRows, _ fixed: FactorMatrix, _ configuration: SolverConfiguration,
        _ note: Comment
    ) throws {
        let rank = configuration.rank
        let fixed = try fixed.met(in: configuration.precision)
        for row in 0..<ratings.rowCount {
            let x = factors[row * rank..<(row + 1) * rank].map(Double.init)
            let (met, values) = Reference.meetings(
                ofRow: row, of: ratings, fixed: fixed, intercept: configuration.intercept)
            if values.isEmpty {
                #expect(x.allSatisfy { $0 == 0 }, note)
                continue
            }
            let ridge = configuration.regularization(ofRowWith: values.count, others: fixed.rowCount)
            let equations = Reference.NormalEquations(factors: met, values: values, rank: rank, ridge: ridge)
            let exact = try #require(equations.solution(), note)
            let residual = (0..<rank).map { i in
                (0..<rank).reduce(equations.right[i]) { $0 - equations.matrix[i * rank + $1] * x[$1] }
            }
            let size = met.joined().reduce(0) { $0 + $1 * $1 } + Double(rank) * ridge
            var bound =
                Double(values.count + 4 * rank + 8) * 0x1p-24 * (size * norm(x) + size.squareRoot() * norm(values))
            if configuration.method(ratingCount: values.count) == .dual {
                // a is e / lambda, e being the errors that x leaves.
                let errors = zip(met, values).map { factors, value in
                    value - zip(factors, x).reduce(0) { $0 + $1.0 * $1.1 }
                }
                bound += Double(values.count + 4 * rank + 8) * 0x1p-24 * size * size.squareRoot() * norm(errors) / ridge
            }
            #expect(norm(residual) <= bound, "row \(row), \(values.count) ratings: residual; \(note)")
            #expect(
                norm(zip(x, exact).map(-)) <= bound / ridge, "row \(row), \(values.count) ratings: distance; \(note)")
        }
    }

    static func norm(_ vector: [Double]) -> Double { vector.reduce(0) { $0 + $1 * $1 }.squareRoot() }

    @Test("agrees with the reference", arguments: KernelLevel.available, ranks)
    func agrees(level: KernelLevel, rank: Int) throws {
        var generator = SeededGenerator(seed: UInt64(rank))
        let fixed = try FactorMatrix.random(rowCount: 600, rank: rank, using: &generator)
        let ratings = CompressedRows.random(counts: Self.counts, columnCount: 600, using: &generator)
        for (scaling, precision) in product(RegularizationScaling.samples, Precision.allCases) {
            let configuration = SolverConfiguration.exact(
                rank: rank, scaling: scaling, precision: precision, intercept: 0.25)
            let (factors, sums) = try solve(ratings, fixed: fixed, configuration: configuration, level: level)
            try Self.expectSolves(factors, ratings, fixed, configuration, "seed \(rank), \(scaling), \(precision)")

            let solved = try FactorMatrix(rowCount: ratings.rowCount, rank: rank) { factors[$0 * rank + $1] }
            let error = Reference.squaredError(
                of: ratings, rows: solved, fixed: try fixed.met(in: precision), intercept: 0.25)
            // Each error is a dot product of d terms in single precision, whose relative error is below 1e-4 here.
            #expect(abs(sums.squaredError - error) <= 1e-4 * Self.norm([1, error]), "seed \(rank)")
            let penalty = Reference.penalty(of: ratings, rows: solved, configuration: configuration)
            #expect(abs(sums.penalty - penalty) <= 1e-12 * penalty, "seed \(rank)")
            #expect(sums.ratingCount == Self.counts.reduce(0, +))
        }
    }

    @Test("stays within the bound on ill-conditioned systems", arguments: KernelLevel.available, [3, 17, 64, 100])
    func illConditioned(level: KernelLevel, rank: Int) throws {
        // All factors nearly along one direction: A has one large eigenvalue, and the others are near lambda.
        var generator = SeededGenerator(seed: 7)
        let direction = (0..<rank).map { _ in generator.normal() }
        let fixed = try FactorMatrix(rowCount: 300, rank: rank) { _, index in
            direction[index] + 1e-3 * generator.normal()
        }
        let ratings = CompressedRows.random(counts: [1, 5, 64, 65, 300], columnCount: 300, using: &generator)
        for (regularization, precision) in product([1e-1, 1e-3, 1e-6], Precision.allCases) {
            let configuration = SolverConfiguration.exact(
                rank: rank, regularization: regularization, precision: precision)
            let (factors, _) = try solve(ratings, fixed: fixed, configuration: configuration, level: level)
            try Self.expectSolves(factors, ratings, fixed, configuration, "lambda \(regularization), \(precision)")
        }
    }

    @Test("takes huge and tiny factors and ratings", arguments: KernelLevel.available)
    func extremeScales(level: KernelLevel) throws {
        // Factors of 1e15 and 1e-15 have squares that single precision still holds; those of 1e25 have not, and
        // the row is solved in double precision.
        for scale: Float in [1e-15, 1e-6, 1e6, 1e15, 1e25] {
            var generator = SeededGenerator(seed: 11)
            let fixed = try FactorMatrix.random(rowCount: 80, rank: 9, scale: scale, using: &generator)
            let ratings = CompressedRows.random(
                counts: [1, 5, 40, 80], columnCount: 80, valueScale: min(scale, 1e12), using: &generator)
            let ridge = Double(scale) * Double(scale)
            let configuration = SolverConfiguration.exact(rank: 9, regularization: ridge)
            let (factors, _) = try solve(ratings, fixed: fixed, configuration: configuration, level: level)
            try Self.expectSolves(factors, ratings, fixed, configuration, "scale \(scale)")
        }
    }

    @Test(
        "rounds to bfloat16 by the definition, at every level and for every last group",
        arguments: KernelLevel.available)
    func rounding(level: KernelLevel) throws {
        // One rating of 1 and nothing to regularize but a little: x is f / (f.f + lambda), and its direction is f's.
        for rank in [1, 16, 17, 32, 40, 64, 100] {
            var generator = SeededGenerator(seed: UInt64(rank))
            let fixed = try FactorMatrix(rowCount: 3, rank: rank) { row, _ in
                // Halfway cases too: nine significant bits, of which the last decides.
                row == 0 ? Float(257 + 2 * Int.random(in: 0..<128, using: &generator)) : generator.normal()
            }
            let met = try fixed.met(in: .bf16)
            let ratings = CompressedRows((0..<3).map { [($0, 1)] }, columnCount: 3)
            let configuration = SolverConfiguration.exact(rank: rank, regularization: 1e-3, precision: .bf16)
            let (factors, _) = try solve(ratings, fixed: fixed, configuration: configuration, level: level)
            for row in 0..<3 {
                let square = (0..<rank).reduce(1e-3) { $0 + Double(met.row(row)[$1]) * Double(met.row(row)[$1]) }
                for index in 0..<rank {
                    let wanted = Double(met.row(row)[index]) / square
                    // A number that is rounded otherwise differs by 2^-8 of itself.
                    #expect(
                        abs(Double(factors[row * rank + index]) - wanted) <= 1e-4 * abs(wanted),
                        "rank \(rank), row \(row)")
                }
            }
        }
    }

    @Test("solves with lambda 0 when there are enough ratings")
    func unregularized() throws {
        var generator = SeededGenerator(seed: 3)
        let truth: [Float] = [1, -2, 0.5, 3]
        let fixed = try FactorMatrix.random(rowCount: 12, rank: 4, using: &generator)
        let ratings = CompressedRows(
            [(0..<12).map { row in (row, (0..<4).reduce(0) { $0 + truth[$1] * fixed.row(row)[$1] }) }], columnCount: 12)
        let (factors, sums) = try solve(ratings, fixed: fixed, configuration: .exact(rank: 4, regularization: 0))
        for (found, wanted) in zip(factors, truth) { #expect(abs(found - wanted) < 1e-4) }
        #expect(sums.squaredError < 1e-8 && sums.penalty == 0)
    }
}

/// All pairs of an element of each.
func product<First, Second>(_ first: some Sequence<First>, _ second: some Collection<Second>) -> [(First, Second)] {
    first.flatMap { left in second.map { (left, $0) } }
}
