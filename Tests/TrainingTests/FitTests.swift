// Why: whether the whole of it computes what the formulas say, against what is known from elsewhere: the singular
// values of a dense matrix, and the objective of the double-precision reference.

import Cluster
import LeastSquares
import Ratings
import TestKit
import Testing
import Training

@Suite struct FitTests {
    /// Trains in one process; the factors are rows of doubles, biases after them.
    private func fit(
        _ matrix: RatingMatrix, _ configuration: JobConfiguration
    ) throws -> (users: [[Double]], items: [[Double]], objectives: [Objective], mean: Double) {
        let data = JobData(ratings: matrix, holdout: nil, rank: configuration.width)
        let result = try SimulatedCluster.run(.init(configuration: configuration, data: data, seed: 1, workers: 2))
        guard case .done(let factors, _, _, _) = result.outcome else { throw NotDone() }
        func rows(_ payloads: [Payload]) -> [[Double]] {
            payloads.flatMap { payload in
                let floats = payload.floats
                return stride(from: 0, to: floats.count, by: configuration.width).map { start in
                    floats[start..<start + configuration.width].map(Double.init)
                }
            }
        }
        return (rows(factors.user), rows(factors.item), result.objectives, configuration.center ? data.mean : 0)
    }

    private struct NotDone: Error {}

    private func dot(_ left: [Double], _ right: [Double]) -> Double { zip(left, right).reduce(0) { $0 + $1.0 * $1.1 } }

    /// Eckart and Young: no matrix of rank k is nearer to a dense matrix than its truncated singular value
    /// decomposition, at a squared distance of the sum of the other squared singular values.
    @Test(arguments: [1, 2, 4])
    func denseMatricesAreFitAsWellAsTheirSingularValuesAllow(rank: Int) throws {
        let (users, items) = (18, 12)
        var generator = SeededGenerator(seed: 21)
        let dense = (0..<users).map { _ in (0..<items).map { _ in Double(Float.random(in: -2...2, using: &generator)) }
        }
        let triples = (0..<users).flatMap { user in (0..<items).map { (user, $0, Float(dense[user][$0])) } }
        let (u, v, _, _) = try fit(
            SyntheticRatings.matrix(triples, users: users, items: items),
            JobConfiguration(
                rank: rank, regularization: 1e-6, regularizationScaling: .none, precision: .fp32, center: false,
                sweeps: 2000, tolerance: 0))
        var error = 0.0
        for user in 0..<users {
            for item in 0..<items {
                let difference = dense[user][item] - dot(u[user], v[item])
                error += difference * difference
            }
        }
        let best = JacobiEigenvalues.squaredSingularValues(of: dense).dropFirst(rank).reduce(0, +)
        // ALS comes to the optimum from above; single precision leaves a few parts in a hundred thousand.
        #expect(error >= best * (1 - 1e-4))
        #expect(error <= best * (1 + 1e-3), "error \(error), best \(best)")
    }

    @Test func theSmallMatrixWithUnknownsIsCompletedWithinReason() throws {
        let known: [[Float?]] = [
            [1, nil, nil, 2, nil, 1], [nil, 2, 3, nil, 2, 1], [1, 5, 5, nil, nil, 5], [nil, nil, 2, nil, nil, 3],
        ]
        let triples = (0..<4).flatMap { user in
            (0..<6).compactMap { item in known[user][item].map { (user, item, $0) } }
        }
        for scaling in RegularizationScaling.samples {
            let (u, v, _, mean) = try fit(
                SyntheticRatings.matrix(triples, users: 4, items: 6),
                JobConfiguration(rank: 2, regularization: 0.1, regularizationScaling: scaling, sweeps: 50))
            for user in 0..<4 {
                for item in 0..<6 where known[user][item] == nil {
                    let prediction = mean + dot(u[user], v[item])
                    #expect((0...6).contains(prediction), "user \(user), item \(item): \(prediction)")
                }
            }
        }
    }

    /// The objective that the cluster reports is that of the factors it ends with.
    @Test(arguments: RegularizationScaling.samples, Precision.allCases)
    func theReportedObjectiveIsThatOfTheFactors(scaling: RegularizationScaling, precision: Precision) throws {
        for (biasRegularization, isNonnegative) in [
            (nil, false), (0.07, false), (0.02, false), (nil, true), (0.3, true),
        ] {
            try expectReportedObjective(
                JobConfiguration(
                    rank: 9, regularization: 0.07, regularizationScaling: scaling, precision: precision,
                    center: !isNonnegative, biasRegularization: biasRegularization, isNonnegative: isNonnegative,
                    sweeps: 4))
        }
    }

    private func expectReportedObjective(_ configuration: JobConfiguration) throws {
        let (matrix, _) = SyntheticRatings.planted(users: 120, items: 80, ratings: 2500, seed: 2)
        let (rank, precision) = (configuration.rank, configuration.precision)
        let (users, items, objectives, mean) = try fit(matrix, configuration)
        let (u, v) = (users.map { Array($0.prefix(rank)) }, items.map { Array($0.prefix(rank)) })
        func bias(_ row: [Double]) -> Double { row.count > rank ? row[rank] : 0 }
        if configuration.isNonnegative { #expect(!(u + v).joined().contains { $0 < 0 }) }
        // The biases' share of a row's regularization.
        let biasShare = (configuration.biasRegularization ?? 0) / configuration.regularization
        let solver = configuration.solverConfiguration(mean: mean)
        var (errors, penalty) = (0.0, 0.0)
        var values = [Float](repeating: 0, count: matrix.count)
        matrix.byUser.values.decode(0..<matrix.count, minus: 0, to: &values)
        for user in 0..<matrix.userCount {
            let range = matrix.byUser.range(of: user)
            penalty +=
                solver.regularization(ofRowWith: range.count, others: matrix.itemCount)
                * (dot(u[user], u[user]) + biasShare * bias(users[user]) * bias(users[user]))
            for index in range {
                let item = Int(matrix.byUser.columns[index])
                let known = mean + bias(users[user]) + bias(items[item])
                let difference = Double(values[index]) - known - dot(u[user], v[item])
                errors += difference * difference
            }
        }
        for item in 0..<matrix.itemCount {
            let count = matrix.byItem.range(of: item).count
            penalty +=
                solver.regularization(ofRowWith: count, others: matrix.userCount)
                * (dot(v[item], v[item]) + biasShare * bias(items[item]) * bias(items[item]))
        }
        let reported = try #require(objectives.last)
        // The workers' errors are those of factors in bfloat16: each product off by up to 2^-8 of itself,
        // at random; products are the whole ratings when no mean has been subtracted.
        let tolerance = precision == .fp32 ? 1e-5 : mean == 0 ? 2e-3 : 1e-3
        #expect(abs(reported.value - (errors + penalty)) < tolerance * reported.value)
        #expect(abs(try #require(reported.trainRMSE) - (errors / Double(matrix.count)).squareRoot()) < tolerance)
    }

    /// Users and items without ratings have factors of zero, and so the mean as their prediction.
    @Test func rowsWithoutRatingsHaveZeroFactors() throws {
        let triples: [SyntheticRatings.Triple] = [(0, 0, 4), (0, 2, 2), (2, 0, 3)]
        let (u, v, _, _) = try fit(
            SyntheticRatings.matrix(triples, users: 4, items: 4), JobConfiguration(rank: 3, sweeps: 2))
        for row in [u[1], u[3], v[1], v[3]] { #expect(row == [0, 0, 0]) }
    }
}
