// Why: whether whole jobs of the implicit loss compute what Hu, Koren & Volinsky's equations say, against alternating
// least squares as one would write it on a blackboard: dense, in double precision, every pair visited.

import ArrayFiles
import Cluster
import Failures
import Foundation
import LeastSquares
import Ratings
import TestKit
import Testing
import Training

@Suite struct ImplicitFitTests {
    private static let (matrix, holdout) = SyntheticRatings.planted(users: 60, items: 40, ratings: 900, seed: 61)

    private static func configuration(
        rank: Int = 7, scaling: RegularizationScaling = .none, unseen: Double = 1, solver: SolverKind = .exact,
        precision: Precision? = nil, sweeps: Int = 6
    ) -> JobConfiguration {
        JobConfiguration(
            rank: rank, regularization: 0.05, regularizationScaling: scaling,
            implicit: ImplicitLoss(confidence: .linear(alpha: 2), unseenConfidence: unseen), solver: solver,
            precision: precision, sweeps: sweeps, tolerance: 0, seed: 5)
    }

    private func train(
        _ configuration: JobConfiguration
    ) throws -> (users: [[Double]], items: [[Double]], objectives: [Objective]) {
        let data = JobData(ratings: Self.matrix, holdout: Self.holdout, rank: configuration.rank)
        let result = try SimulatedCluster.run(.init(configuration: configuration, data: data, seed: 1, workers: 2))
        guard case .done(let factors, _, _, _) = result.outcome else { throw NotDone() }
        func rows(_ payloads: [Payload]) -> [[Double]] {
            payloads.flatMap { payload in
                let floats = payload.floats
                return stride(from: 0, to: floats.count, by: configuration.rank).map { start in
                    floats[start..<start + configuration.rank].map(Double.init)
                }
            }
        }
        return (rows(factors.user), rows(factors.item), result.objectives)
    }

    private struct NotDone: Error {}

    private func dot(_ left: [Double], _ right: [Double]) -> Double { zip(left, right).reduce(0) { $0 + $1.0 * $1.1 } }

    /// Preferences and confidences of all pairs.
    private struct Dense {
        var preference: [[Double]], confidence: [[Double]], userCounts: [Int], itemCounts: [Int]

        init(unseen: Double) {
            let (users, items) = (matrix.userCount, matrix.itemCount)
            preference = Array(repeating: Array(repeating: 0, count: items), count: users)
            confidence = Array(repeating: Array(repeating: unseen, count: items), count: users)
            var values = [Float](repeating: 0, count: matrix.count)
            matrix.byUser.values.decode(0..<matrix.count, minus: 0, to: &values)
            for user in 0..<users {
                for index in matrix.byUser.range(of: user) {
                    preference[user][Int(matrix.byUser.columns[index])] = 1
                    confidence[user][Int(matrix.byUser.columns[index])] = 1 + 2 * Double(values[index])
                }
            }
            userCounts = (0..<users).map { matrix.byUser.range(of: $0).count }
            itemCounts = (0..<items).map { matrix.byItem.range(of: $0).count }
        }
    }

    private func objective(_ dense: Dense, _ u: [[Double]], _ v: [[Double]], _ lambda: (Int, Int) -> Double) -> Double {
        var total = 0.0
        for (user, x) in u.enumerated() {
            for (item, y) in v.enumerated() {
                total += dense.confidence[user][item] * pow(dense.preference[user][item] - dot(x, y), 2)
            }
            total += lambda(dense.userCounts[user], v.count) * dot(x, x)
        }
        for (item, y) in v.enumerated() { total += lambda(dense.itemCounts[item], u.count) * dot(y, y) }
        return total
    }

    /// (V' C V + lambda I)^-1 V' C p, by Gauss.
    private func ridge(_ v: [[Double]], _ c: [Double], _ p: [Double], _ lambda: Double) -> [Double] {
        let d = v[0].count
        var system = Array(repeating: Array(repeating: 0.0, count: d + 1), count: d)
        for (index, row) in v.enumerated() {
            for i in 0..<d {
                for j in 0..<d { system[i][j] += c[index] * row[i] * row[j] }
                system[i][d] += c[index] * p[index] * row[i]
            }
        }
        for i in 0..<d { system[i][i] += lambda }
        for i in 0..<d {
            for k in 0..<d where k != i {
                let factor = system[k][i] / system[i][i]
                for j in i...d { system[k][j] -= factor * system[i][j] }
            }
        }
        return (0..<d).map { system[$0][d] / system[$0][$0] }
    }

    /// Without unseen pairs only lambda keeps the systems of short rows from being singular: it needs to be larger
    /// then, for single precision to agree so closely.
    @Test(arguments: [(RegularizationScaling.none, 1.0), (.count, 1), (.power(0.5), 0.1), (.count, 0)])
    func jobsDoWhatDenseAlternatingLeastSquaresDoes(scaling: RegularizationScaling, unseen: Double) throws {
        let configuration = Self.configuration(scaling: scaling, unseen: unseen)
        let (users, items, objectives) = try train(configuration)
        let dense = Dense(unseen: unseen)
        // The formulas of the papers: Hu et al. 2008, Zhou et al. 2008, Rendle et al. 2021.
        func lambda(_ count: Int, _ others: Int) -> Double {
            switch scaling {
            case .none: 0.05
            case .count: 0.05 * Double(count)
            case .power(let nu): 0.05 * pow(Double(count) + unseen * Double(others), nu)
            }
        }
        let initial = InitialFactors(seed: 5, rank: 7)
        var u = dense.userCounts.indices.map { row in
            (0..<7).map { Double(initial.element(side: .user, row: row, column: $0)) }
        }
        var v: [[Double]] = []
        func solveItems() {
            v = dense.itemCounts.indices.map { item in
                // Nothing stored: zeros, also where the equations leave it open.
                if dense.itemCounts[item] == 0 { return Array(repeating: 0, count: 7) }
                return ridge(
                    u, dense.confidence.map { $0[item] }, dense.preference.map { $0[item] },
                    lambda(dense.itemCounts[item], u.count))
            }
        }
        solveItems()
        var expected = [objective(dense, u, v, lambda)]
        for _ in 0..<6 {
            u = dense.userCounts.indices.map { user in
                if dense.userCounts[user] == 0 { return Array(repeating: 0, count: 7) }
                return ridge(v, dense.confidence[user], dense.preference[user], lambda(dense.userCounts[user], v.count))
            }
            expected.append(objective(dense, u, v, lambda))
            solveItems()
            expected.append(objective(dense, u, v, lambda))
        }
        #expect(objectives.count == expected.count)
        for (step, (found, wanted)) in zip(objectives, expected).enumerated() {
            #expect(abs(found.value - wanted) <= 1e-4 * wanted, "half-step \(step)")
        }
        for (user, x) in u.enumerated() {
            for (item, y) in v.enumerated() { #expect(abs(dot(users[user], items[item]) - dot(x, y)) < 1e-4) }
        }
        // It has learnt something: stored pairs stand out.
        func zeros(_ rows: [[Double]]) -> [[Double]] { rows.map { $0.map { _ in 0 } } }
        #expect(expected.last! < 0.9 * objective(dense, zeros(u), zeros(v), lambda))
    }

    @Test(arguments: SolverKind.allCases, Precision.allCases)
    func theReportedObjectiveIsThatOfTheFactorsAndNeverRises(solver: SolverKind, precision: Precision) throws {
        let configuration = Self.configuration(
            rank: 20, scaling: .power(0.5), unseen: 0.3, solver: solver, precision: precision, sweeps: 8)
        let (users, items, objectives) = try train(configuration)
        let dense = Dense(unseen: 0.3)
        let expected = objective(dense, users, items) { 0.05 * pow(Double($0) + 0.3 * Double($1), 0.5) }
        let last = try #require(objectives.last)
        // In bfloat16 it is that of users rounded so.
        let tolerance = precision == .bf16 ? 1e-3 : 1e-5
        #expect(abs(last.value - expected) <= tolerance * expected)
        #expect(last.trainRMSE == nil && last.validationRMSE == nil)
        for (before, after) in zip(objectives, objectives.dropFirst()) {
            #expect(after.value <= before.value * (1 + (precision == .bf16 ? 1e-3 : 1e-6)))
        }
    }

    @Test func optionsThatCannotBeAreRefused() throws {
        func refuses(_ place: String, _ change: (inout JobConfiguration) -> Void) {
            var configuration = Self.configuration()
            change(&configuration)
            let failure = #expect(throws: Failure.self) { try configuration.validate() }
            #expect(failure?.kind == .usage && failure?.place == place)
        }
        try Self.configuration().validate()
        refuses("--unseen-confidence") { $0.implicit?.unseenConfidence = -1 }
        refuses("--unseen-confidence") { $0.implicit?.unseenConfidence = .infinity }
        refuses("--center") { $0.center = true }
        try Self.configuration().validate(ratingsFrom: 0, to: 5)
        #expect(throws: Failure.self) { try Self.configuration().validate(ratingsFrom: -0.5, to: 5) }
        #expect(throws: Failure.self) { try Self.configuration().validate(ratingsFrom: 1, to: 3e38) }
        try JobConfiguration().validate(ratingsFrom: -1e30, to: 3e38)
    }

    @Test func configurationsAreWrittenAsTheyAreReadAndExplicitOnesAsBefore() throws {
        for configuration in [Self.configuration(scaling: .power(0.25)), JobConfiguration()] {
            let json = try JSONEncoder().encode(configuration)
            #expect(try JSONDecoder().decode(JobConfiguration.self, from: json) == configuration)
        }
        let explicit = String(decoding: try JSONEncoder().encode(JobConfiguration()), as: UTF8.self)
        #expect(!explicit.contains("implicit") && explicit.contains(#""regularization_scaling":"count""#))
        let implicit = String(
            decoding: try JSONEncoder().encode(Self.configuration(scaling: .power(0.25))), as: UTF8.self)
        #expect(implicit.contains(#""confidence":"linear:2.0""#) && implicit.contains(#""unseen_confidence":1"#))
        #expect(implicit.contains(#""regularization_scaling":"power:0.25""#))
        let bad = explicit.replacing(#""count""#, with: #""power:7""#)
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(JobConfiguration.self, from: Data(bad.utf8)) }
        var other = Self.configuration()
        other.implicit = nil
        #expect(
            Self.configuration().differences(from: other) == [
                "--confidence linear:2.0 instead of not given", "--loss implicit instead of explicit",
                "--unseen-confidence 1.0 instead of not given",
            ])
    }
}
