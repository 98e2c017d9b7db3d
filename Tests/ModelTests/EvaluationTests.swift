// Why: an error metric nobody can recompute is worth nothing; here it is recomputed, plainly.

import ArrayFiles
import Evaluation
import Failures
import Model
import Ratings
import TestKit
import Testing

@Suite struct EvaluationTests {
    /// Random ratings of 0.5 to 5 in half steps, as rows of users; about one pair in `sparsity` is rated.
    private func ratings(users: Int, items: Int, sparsity: Int, seed: UInt64) -> CompressedRows {
        var generator = SeededGenerator(seed: seed)
        var offsets: [Int64] = [0]
        var columns: [UInt32] = []
        var values: [UInt8] = []
        for user in 0..<users {
            // Some users have no ratings, first and last included.
            for item in 0..<items where user % 5 != 0 && user != users - 1 {
                guard Int.random(in: 0..<sparsity, using: &generator) == 0 else { continue }
                columns.append(UInt32(item))
                values.append(UInt8.random(in: 1...10, using: &generator))
            }
            offsets.append(Int64(columns.count))
        }
        return CompressedRows(
            offsets: ArrayView(offsets), columns: ArrayView(columns),
            values: .uint8(ArrayView(values), denominator: 2), columnCount: items)
    }

    /// RMSE and MAE the plain way, rating by rating.
    private func plain(_ ratings: CompressedRows, _ predict: (Int, Int) -> Double) -> (rmse: Double, mae: Double) {
        var (squares, absolutes) = (0.0, 0.0)
        for row in 0..<ratings.rowCount {
            for position in ratings.range(of: row) {
                guard case .uint8(let stored, 2) = ratings.values else { preconditionFailure() }
                let error = Double(stored[position]) / 2 - predict(row, Int(ratings.columns[position]))
                squares += error * error
                absolutes += abs(error)
            }
        }
        return ((squares / Double(ratings.count)).squareRoot(), absolutes / Double(ratings.count))
    }

    @Test func agreesWithThePlainSumOverManyChunks() throws {
        let fixture = ModelFixture(users: 603, items: 701, rank: 5, seed: 4, intercept: 2.75)
        let ratings = ratings(users: 603, items: 701, sparsity: 2, seed: 5)
        #expect(ratings.count > 2 * PredictionErrors.ratingsPerChunk)
        try fixture.withModel { model in
            let errors = try PredictionErrors(of: model, on: ratings, mapping: .identity)
            let expected = plain(ratings, fixture.predict)
            #expect(abs(errors.rmse - expected.rmse) < 1e-12)
            #expect(abs(errors.mae - expected.mae) < 1e-12)
            #expect(errors[.rmse] == errors.rmse && errors[.mae] == errors.mae)
            #expect(errors.ratings == ratings.count)
            #expect(errors.unknown == 0)
            // To the last bit, again and again: the order of the sums does not depend on the threads.
            for _ in 0..<5 { #expect(try PredictionErrors(of: model, on: ratings, mapping: .identity) == errors) }
        }
    }

    @Test func findsRowsByTheirIdsAndCountsTheUnknown() throws {
        let fixture = ModelFixture(users: 20, items: 15, rank: 3, seed: 6)
        let ratings = ratings(users: 24, items: 18, sparsity: 2, seed: 7)
        // Users and items in reverse, with some in front that the model does not have.
        let userIDs = IDMap(integers: [1, 2, 3, 4] + (0..<20).reversed().map { Int64(1000 + 7 * $0) })
        let itemIDs = IDMap(strings: ["x", "y", "z"] + (0..<15).reversed().map { "item-\($0)" })
        try fixture.withModel { model in
            let mapping = RowMapping(userIDs: userIDs, itemIDs: itemIDs, model: model)
            let errors = try PredictionErrors(of: model, on: ratings, mapping: mapping)
            var unknown = 0
            let expected = plain(ratings) { user, item in
                if user < 4 || item < 3 {
                    unknown += 1
                    return fixture.intercept
                }
                return fixture.predict(19 - (user - 4), 14 - (item - 3))
            }
            #expect(unknown > 0)
            #expect(errors.unknown == unknown)
            #expect(abs(errors.rmse - expected.rmse) < 1e-12)
            #expect(abs(errors.mae - expected.mae) < 1e-12)
        }
    }

    @Test func aKnownCaseByHand() throws {
        var fixture = ModelFixture(users: 1, items: 2, rank: 1, seed: 0, intercept: 3)
        fixture.userFactors = [2]
        fixture.itemFactors = [0.5, -1]
        // Predictions 4 and 1; ratings 5 and 2.5; errors 1 and 1.5.
        let ratings = CompressedRows(
            offsets: ArrayView([0, 2]), columns: ArrayView([0, 1]), values: .float32(ArrayView([5, 2.5])),
            columnCount: 2)
        try fixture.withModel { model in
            let errors = try PredictionErrors(of: model, on: ratings, mapping: .identity)
            #expect(errors.mae == 1.25)
            #expect(abs(errors.rmse - 1.625.squareRoot()) < 1e-15)
        }
    }

    @Test func judgesByTheHoldoutWhereThereIsOne() throws {
        let fixture = ModelFixture(users: 4, items: 4, rank: 2, seed: 9)
        func rating(_ user: Int, _ item: Int, _ value: Float) -> Rating {
            Rating(user: fixture.userIDs.id(of: user), item: fixture.itemIDs.id(of: item), value: value)
        }
        let training = [rating(0, 1, 3), rating(2, 3, 4), rating(0, 2, 1)]
        let holdout = [rating(3, 3, 2), rating(2, 0, 5)]
        try fixture.withModel { model in
            let judged = try StoreEvaluation(of: model, on: try .inMemory(training, holdout: holdout))
            #expect(judged.part == .holdout)
            #expect(judged.errors.ratings == 2)
            #expect(judged.errors.unknown == 0)
            let expected = (abs(2 - fixture.predict(3, 3)) + abs(5 - fixture.predict(2, 0))) / 2
            #expect(abs(judged.errors.mae - expected) < 1e-12)
            let fitted = try StoreEvaluation(of: model, on: try .inMemory(training))
            #expect(fitted.part == .ratings)
            #expect(fitted.errors.ratings == 3)
        }
    }

    @Test func ratingsOfTheModelsOwnStoreNeedNoIds() throws {
        var fixture = ModelFixture(users: 2, items: 2, rank: 2, seed: 10)
        let store = try RatingStore.inMemory([
            Rating(user: "5", item: "a", value: 1), Rating(user: "5", item: "b", value: 2),
            Rating(user: "7", item: "b", value: 4),
        ])
        (fixture.userIDs, fixture.itemIDs) = (store.userIDs, store.itemIDs)
        func errors(fingerprint: String) throws -> PredictionErrors {
            fixture.storeFingerprint = fingerprint
            return try fixture.withModel { try StoreEvaluation(of: $0, on: store).errors }
        }
        #expect(try errors(fingerprint: store.fingerprint) == errors(fingerprint: "another"))
    }

    @Test func noRatingsAreAnErrorAndNotANaN() throws {
        let none = CompressedRows(
            offsets: ArrayView([0, 0]), columns: ArrayView([]), values: .float32(ArrayView([])), columnCount: 1)
        try ModelFixture(users: 1, items: 1, rank: 1, seed: 0).withModel { model in
            let failure = #expect(throws: Failure.self) {
                try PredictionErrors(of: model, on: none, mapping: .identity)
            }
            #expect(failure?.kind == .badData)
        }
    }
}

@Suite struct MetricTests {
    @Test func readsLists() throws {
        #expect(try Metric.list("rmse,mae") == [.rmse, .mae])
        #expect(try Metric.list("MAE, rmse ,mae") == [.mae, .rmse])
        #expect(
            try Metric.list("NDCG@10,auc,recall@20,recall@5").map(\.name) == [
                "ndcg@10", "auc", "recall@20", "recall@5",
            ])
    }

    @Test(arguments: ["", "rmse,", "hits@10", "rmse,f1", "ndcg@10@20", "@5"])
    func unknownNamesAreUsageErrorsThatListTheKnown(text: String) {
        let failure = #expect(throws: Failure.self) { try Metric.list(text) }
        #expect(failure?.kind == .usage)
        #expect(failure?.remedy == "name some of rmse,mae,auc,precision@K,recall@K,ndcg@K,map@K,mrr@K,coverage@K")
    }

    @Test(arguments: ["ndcg", "recall@0", "map@-1", "mrr@x", "precision@", "auc@5", "rmse@10"])
    func wrongCutoffsAreUsageErrors(text: String) {
        let failure = #expect(throws: Failure.self) { try Metric.list(text) }
        #expect(failure?.kind == .usage)
        #expect(failure?.what.contains(text) == true)
    }
}
