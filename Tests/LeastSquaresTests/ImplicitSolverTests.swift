// Why: rows of the implicit loss are compared with the double-precision reference, which forms their systems by
// visiting every row of the fixed side, at every level and shape.
//
// The bound is that of ExactSolverTests, with the sums over the whole fixed side in place of those over the row's
// ratings:
//
//     |b - A x| <= (n + N + 4 d + 8) u (S |x| + sqrt(S) sqrt(sum c))
//
// where S = sum c |f|^2 + c0 sum over all N rows |f|^2 + d lambda bounds the norm of A, and sqrt(S) sqrt(sum c) that
// of b.

import Foundation
import LeastSquares
import Ratings
import TestKit
import Testing

@Suite struct ImplicitSolverTests {
    static let ranks = [1, 3, 8, 15, 16, 17, 33, 64, 100, 128]
    static let counts = [0, 1, 2, 7, 8, 63, 64, 65, 500]
    static let losses = [
        ImplicitLoss(confidence: .linear(alpha: 4)),
        ImplicitLoss(confidence: .log(alpha: 2, epsilon: 0.1), unseenConfidence: 0.1),
        ImplicitLoss(confidence: .value, unseenConfidence: 0),
    ]

    static func configuration(
        rank: Int, _ loss: ImplicitLoss, solver: SolverKind = .exact, scaling: RegularizationScaling = .none,
        precision: Precision = .fp32, steps: Int = 3
    ) -> SolverConfiguration {
        SolverConfiguration(
            rank: rank, regularization: 0.5, scaling: scaling, solver: solver, precision: precision,
            conjugateGradientSteps: steps, intercept: 0, implicit: loss)
    }

    /// Rows with `counts` pairs, of values from 0 on.
    static func rows(_ counts: [Int], columnCount: Int, using generator: inout SeededGenerator) -> CompressedRows {
        CompressedRows(
            counts.map { count in
                let columns = (0..<columnCount).shuffled(using: &generator).prefix(count).sorted()
                return columns.map { ($0, generator.normal().magnitude) }
            }, columnCount: columnCount)
    }

    static func matrix(_ factors: [Float], rank: Int) throws -> FactorMatrix {
        try FactorMatrix(rowCount: factors.count / rank, rank: rank) { factors[$0 * rank + $1] }
    }

    /// Checks every row of `factors` against the bound above.
    static func expectSolves(
        _ factors: [Float], _ ratings: CompressedRows, _ fixed: FactorMatrix, _ configuration: SolverConfiguration,
        _ note: Comment
    ) throws {
        let rank = configuration.rank, loss = try #require(configuration.implicit)
        let met = try fixed.met(in: configuration.precision)
        func square(_ row: Int) -> Double { (0..<rank).reduce(0) { $0 + pow(Double(met.row(row)[$1]), 2) } }
        let whole = (0..<met.rowCount).reduce(0) { $0 + square($1) }
        for row in 0..<ratings.rowCount {
            let x = factors[row * rank..<(row + 1) * rank].map(Double.init), range = ratings.range(of: row)
            if range.isEmpty {
                #expect(x.allSatisfy { $0 == 0 }, note)
                continue
            }
            let equations = Reference.equations(ofRow: row, of: ratings, fixed: met, configuration: configuration)
            let exact = try #require(equations.solution(), note)
            let residual = (0..<rank).map { i in
                (0..<rank).reduce(equations.right[i]) { $0 - equations.matrix[i * rank + $1] * x[$1] }
            }
            let ridge = configuration.regularization(ofRowWith: range.count, others: met.rowCount)
            let (_, values) = Reference.meetings(ofRow: row, of: ratings, fixed: met, intercept: 0)
            let confidences = values.map { Double(loss.confidence(of: Float($0))) }
            let own = zip(range, confidences).reduce(0) { $0 + $1.1 * square(Int(ratings.columns[$1.0])) }
            let size = own + loss.unseenConfidence * whole + Double(rank) * ridge
            let bound =
                Double(range.count + met.rowCount + 4 * rank + 8) * 0x1p-24
                * (size * ExactSolverTests.norm(x) + size.squareRoot() * confidences.reduce(0, +).squareRoot())
            #expect(ExactSolverTests.norm(residual) <= bound, "row \(row), \(range.count) pairs: residual; \(note)")
            #expect(ExactSolverTests.norm(zip(x, exact).map(-)) <= bound / ridge, "row \(row): distance; \(note)")
        }
    }

    @Test("agrees with the reference", arguments: KernelLevel.available, ranks)
    func agrees(level: KernelLevel, rank: Int) throws {
        var generator = SeededGenerator(seed: UInt64(rank))
        let fixed = try FactorMatrix.random(rowCount: 600, rank: rank, using: &generator)
        let ratings = Self.rows(Self.counts, columnCount: 600, using: &generator)
        let kinds = zip(Self.losses, RegularizationScaling.samples)
        for ((loss, scaling), precision) in product(kinds, Precision.allCases) {
            let configuration = Self.configuration(rank: rank, loss, scaling: scaling, precision: precision)
            let (factors, sums) = try solve(ratings, fixed: fixed, configuration: configuration, level: level)
            try Self.expectSolves(factors, ratings, fixed, configuration, "seed \(rank), \(loss), \(precision)")

            let solved = try Self.matrix(factors, rank: rank)
            let expected = Reference.implicitLoss(loss, of: ratings, rows: solved, fixed: try fixed.met(in: precision))
            #expect(abs(sums.squaredError - expected) <= 1e-4 * (expected + 1), "seed \(rank), \(loss), \(precision)")
            let penalty = Reference.penalty(of: ratings, rows: solved, configuration: configuration)
            #expect(abs(sums.penalty - penalty) <= 1e-12 * penalty, "seed \(rank)")
        }
    }

    /// Those that are cut into parts, of a fixed side that is in segments.
    @Test(
        "long rows and large fixed sides agree with the reference, with any number of threads",
        arguments: SolverKind.allCases, Precision.allCases)
    func longRows(solver: SolverKind, precision: Precision) throws {
        var generator = SeededGenerator(seed: 51)
        let fixed = try FactorMatrix.random(rowCount: 70_000, rank: 18, scale: 0.1, using: &generator)
        let ratings = Self.rows([40, 20_000], columnCount: 70_000, using: &generator)
        let configuration = Self.configuration(
            rank: 18, ImplicitLoss(confidence: .linear(alpha: 4)), solver: solver, precision: precision, steps: 30)
        let (factors, sums) = try solve(ratings, fixed: fixed, configuration: configuration)
        let met = try fixed.met(in: precision)
        for row in 0..<2 {
            let exact = try #require(
                Reference.solution(ofRow: row, of: ratings, fixed: met, configuration: configuration))
            let distance = ExactSolverTests.norm(zip(exact, factors[row * 18..<(row + 1) * 18]).map { $0 - Double($1) })
            #expect(distance <= 1e-4 * ExactSolverTests.norm(exact), "row \(row), seed 51")
        }
        for threads in [2, 3] {
            let others = try solve(ratings, fixed: fixed, configuration: configuration, threads: threads)
            #expect(others.factors.map(\.bitPattern) == factors.map(\.bitPattern) && others.sums == sums)
        }
    }

    @Test(
        "each step lowers every row's objective, and the loss reported is the true one",
        arguments: KernelLevel.available, ranks)
    func descends(level: KernelLevel, rank: Int) throws {
        var generator = SeededGenerator(seed: UInt64(rank))
        let fixed = try FactorMatrix.random(rowCount: 600, rank: rank, scale: 0.3, using: &generator)
        let ratings = Self.rows(Self.counts, columnCount: 600, using: &generator)
        let present = try FactorMatrix.random(rowCount: ratings.rowCount, rank: rank, scale: 0.1, using: &generator)
        let loss = Self.losses[0]
        for (solver, precision) in product([SolverKind.cg, .auto], Precision.allCases) {
            let met = try fixed.met(in: precision)
            var previous = Double.infinity
            for steps in 1...3 {
                let configuration = Self.configuration(
                    rank: rank, loss, solver: solver, precision: precision, steps: solver == .auto ? steps + 1 : steps)
                let (factors, sums) = try solve(
                    ratings, fixed: fixed, configuration: configuration, level: level, warm: present)
                let solved = try Self.matrix(factors, rank: rank)
                let expected = Reference.implicitLoss(loss, of: ratings, rows: solved, fixed: met)
                let objective = expected + Reference.penalty(of: ratings, rows: solved, configuration: configuration)
                #expect(objective <= previous * (1 + 1e-5), "step \(steps), \(solver), \(precision), seed \(rank)")
                #expect(
                    abs(sums.squaredError - expected) <= 1e-4 * (expected + 1),
                    "step \(steps), \(solver), \(precision)")
                previous = objective
            }
        }
    }

    @Test(
        "many steps reach the exact solution, with the preconditioner and without",
        arguments: KernelLevel.available, ranks)
    func converges(level: KernelLevel, rank: Int) throws {
        var generator = SeededGenerator(seed: UInt64(rank))
        let fixed = try FactorMatrix.random(rowCount: 600, rank: rank, scale: 0.3, using: &generator)
        let ratings = Self.rows(Self.counts, columnCount: 600, using: &generator)
        for (solver, precision) in product([SolverKind.cg, .auto], Precision.allCases) {
            let configuration = Self.configuration(
                rank: rank, Self.losses[0], solver: solver, precision: precision, steps: 60)
            let met = try fixed.met(in: precision)
            let (factors, _) = try solve(ratings, fixed: fixed, configuration: configuration, level: level)
            for row in 0..<ratings.rowCount {
                let exact = try #require(
                    Reference.solution(ofRow: row, of: ratings, fixed: met, configuration: configuration))
                let distance = ExactSolverTests.norm(
                    zip(exact, factors[row * rank..<(row + 1) * rank]).map { $0 - Double($1) })
                #expect(
                    distance <= 1e-3 * ExactSolverTests.norm(exact),
                    "row \(row), \(solver), \(precision), seed \(rank)")
            }
        }
    }

    @Test("pairs with less confidence than unseen ones are solved too", arguments: SolverKind.allCases)
    func lowConfidence(solver: SolverKind) throws {
        var generator = SeededGenerator(seed: 52)
        let fixed = try FactorMatrix.random(rowCount: 60, rank: 6, using: &generator)
        let ratings = CompressedRows([(0..<20).map { ($0, 0.25) }, (5..<50).map { ($0, 0.5) }], columnCount: 60)
        let configuration = Self.configuration(
            rank: 6, ImplicitLoss(confidence: .value), solver: solver, steps: 20)
        let (factors, sums) = try solve(ratings, fixed: fixed, configuration: configuration)
        for row in 0..<2 {
            let exact = try #require(
                Reference.solution(ofRow: row, of: ratings, fixed: fixed, configuration: configuration))
            for index in 0..<6 { #expect(abs(Double(factors[row * 6 + index]) - exact[index]) < 1e-5, "seed 52") }
        }
        let expected = Reference.implicitLoss(
            ImplicitLoss(confidence: .value), of: ratings, rows: try Self.matrix(factors, rank: 6), fixed: fixed)
        #expect(abs(sums.squaredError - expected) < 1e-4 * expected)
    }

    @Test("the method of a row depends on its pairs and the rank alone")
    func methods() {
        func method(_ solver: SolverKind, rank: Int = 64, count: Int, unseen: Double = 1) -> RowMethod {
            Self.configuration(rank: rank, ImplicitLoss(unseenConfidence: unseen), solver: solver)
                .method(ratingCount: count)
        }
        #expect(method(.exact, count: 0) == .none)
        #expect(method(.exact, count: 1) == .primal)
        #expect(method(.auto, rank: 16, count: 900) == .primal)
        #expect(method(.auto, count: 1) == .conjugateGradient(steps: 2, preconditioned: true))
        #expect(method(.auto, count: 5000) == .conjugateGradient(steps: 2, preconditioned: true))
        #expect(method(.auto, count: 5000, unseen: 0) == .conjugateGradient(steps: 3, preconditioned: false))
        #expect(method(.cg, count: 5000) == .conjugateGradient(steps: 3, preconditioned: false))
    }

    @Test("confidences are those of the formulas")
    func confidences() {
        for value: Float in [0, 0.5, 1, 3, 40, 1e6] {
            let r = Double(value)
            func check(_ confidence: Confidence, _ expected: Double) {
                let found = Double(ImplicitLoss(confidence: confidence).confidence(of: value))
                #expect(abs(found - expected) <= 2e-7 * expected, "\(confidence) of \(value)")
            }
            check(.linear(alpha: 40), 1 + 40 * r)
            check(.log(alpha: 3, epsilon: 0.01), 1 + 3 * log(1 + r / 0.01))
            check(.value, r)
        }
    }

    @Test("confidences are read as they are written, and others refused")
    func confidenceTexts() {
        for confidence in [Confidence.linear(alpha: 0.1), .log(alpha: 1.5, epsilon: 1e-8), .value] {
            #expect(Confidence(rawValue: confidence.rawValue) == confidence)
        }
        #expect(Confidence(rawValue: "linear:40") == .linear(alpha: 40))
        for text in [
            "", "linear", "linear:", "linear:-1", "linear:nan", "linear:inf", "linear:1:2", "log:1", "log:1:0",
            "log:1:-1", "value:1", "values", "log:1:2:3", "linear:1x",
        ] { #expect(Confidence(rawValue: text) == nil, "\(text)") }
    }

    /// Rendle et al. 2021, section 3.3 (implicit); Zhou et al. 2008 for nu = 1 of the explicit loss.
    @Test("regularization grows as in the papers", arguments: [0, 0.3, 0.5, 1])
    func regularizationGrows(nu: Double) {
        for (count, others, unseen) in [(0, 7, 0.25), (1, 20_000, 1), (1234, 1_000_000_000, 0.1), (5, 9, 0)] {
            let scaling = RegularizationScaling.power(nu)
            let implicit = Self.configuration(rank: 8, ImplicitLoss(unseenConfidence: unseen), scaling: scaling)
            let expected = 0.5 * pow(Double(count) + unseen * Double(others), nu)
            let found = implicit.regularization(ofRowWith: count, others: others)
            #expect(abs(found - expected) <= 1e-14 * expected, "\(count), \(others), \(unseen)")
            var explicit = implicit
            explicit.implicit = nil
            let plain = explicit.regularization(ofRowWith: count, others: others)
            #expect(abs(plain - 0.5 * pow(Double(count), nu)) <= 1e-14 * plain)
            for (scaling, factor) in [(RegularizationScaling.none, 1.0), (.count, Double(count))] {
                let fixed = Self.configuration(rank: 8, ImplicitLoss(unseenConfidence: unseen), scaling: scaling)
                #expect(fixed.regularization(ofRowWith: count, others: others) == 0.5 * factor)
            }
        }
        for text in ["power", "power:", "power:-1", "power:nan", "power:2", "Count", ""] {
            #expect(RegularizationScaling(rawValue: text) == nil, "\(text)")
        }
        #expect(RegularizationScaling(rawValue: "power:0.5") == .power(0.5))
    }
}
