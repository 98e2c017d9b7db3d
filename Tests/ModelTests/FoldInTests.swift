// Why: who is folded in must get what training would give them with the other side as it is, and no user may leave
// anything in another's factors.

import ArrayFiles
import Evaluation
import Failures
import LeastSquares
import Model
import Ratings
import TestKit
import Testing
import Training

@Suite struct FoldInTests {
    private func fixture(_ scaling: RegularizationScaling, rank: Int) -> ModelFixture {
        var fixture = ModelFixture(users: 30, items: 25, rank: rank, seed: UInt64(rank), intercept: Double(Float(3.1)))
        fixture.configuration = JobConfiguration(rank: rank, regularization: 0.07, regularizationScaling: scaling)
        return fixture
    }

    @Test(arguments: [RegularizationScaling.none, .count], [1, 8, 33])
    func isTheExactRidgeSolution(_ scaling: RegularizationScaling, _ rank: Int) throws {
        let (ratings, _) = SyntheticRatings.planted(users: 30, items: 25, ratings: 300, seed: 2)
        try fixture(scaling, rank: rank).withModel { model in
            var configuration = model.description.configuration.solverConfiguration(mean: model.intercept)
            configuration.solver = .exact
            for (side, rows) in [(Side.user, ratings.byUser), (.item, ratings.byItem)] {
                let folded = try model.folded(side, from: rows).factors
                #expect(folded.shape == [rows.rowCount, rank])
                let other = side == .user ? model.itemFactors : model.userFactors
                let fixed = try FactorMatrix(rowCount: other.count / rank, rank: rank)
                fixed.setRows(0..<fixed.rowCount, from: other.elements.baseAddress!)
                for row in 0..<rows.rowCount {
                    let expected = try #require(
                        Reference.solution(ofRow: row, of: rows, fixed: fixed, configuration: configuration))
                    for k in 0..<rank {
                        #expect(abs(Double(folded[row * rank + k]) - expected[k]) < 1e-4, "\(side) \(row), factor \(k)")
                    }
                }
            }
        }
    }

    @Test func aUserAloneIsTheUserAmongMany() throws {
        let (ratings, _) = SyntheticRatings.planted(users: 30, items: 25, ratings: 300, seed: 4)
        try fixture(.count, rank: 7).withModel { model in
            let all = try model.folded(.user, from: ratings.byUser, threads: 3).factors
            for user in 0..<30 {
                let alone = try model.folded(.user, from: ratings.byUser.slice(user..<user + 1), threads: 1).factors
                #expect(Array(alone.elements) == Array(all.elements[user * 7..<(user + 1) * 7]), "user \(user)")
            }
        }
    }

    @Test func nothingKnownGivesTheInterceptAndTheOrderOfTheRows() throws {
        try fixture(.count, rank: 5).withModel { model in
            let none = CompressedRows(
                offsets: ArrayView([0, 0]), columns: ArrayView([]), values: .float32(ArrayView([])), columnCount: 25)
            let folded = try model.foldingIn(IDMap(strings: ["new"]), ratings: none)
            #expect(folded.predict(user: 0, item: 3) == model.intercept)
            #expect(folded.topItems(for: 0, count: 3).map(\.item) == [0, 1, 2])
            #expect(model.topItems(for: nil, count: 3, excluding: [1]).map(\.item) == [0, 2, 3])
            #expect(model.topItems(for: nil, count: 1).first?.score == model.intercept)
        }
    }

    @Test func aSingularSystemIsAnError() throws {
        var fixture = fixture(.none, rank: 5)
        fixture.configuration.regularization = 0
        let ratings = SyntheticRatings.matrix([(0, 0, 4)], users: 1, items: 25)
        try fixture.withModel { model in
            let failure = #expect(throws: Failure.self) { try model.folded(.user, from: ratings.byUser) }
            #expect(failure?.kind == .badData)
        }
    }

    @Test func columnsOfAnotherStoreAreFoundByTheirIDs() throws {
        let fixture = ModelFixture(users: 2, items: 4, rank: 2, seed: 3)
        let store = try RatingStore.inMemory([
            Rating(user: "x", item: "item-3", value: 2), Rating(user: "x", item: "item-0", value: 4.5),
            Rating(user: "x", item: "?", value: 1), Rating(user: "y", item: "?", value: 5),
        ])
        try fixture.withModel { model in
            let rows = RowMapping(store: store, model: model).columnsOfModel(store.ratings.byUser, itemCount: 4)
            #expect(rows.defect() == nil && rows.columnCount == 4)
            #expect((0..<2).map { rows.range(of: $0) } == [0..<2, 2..<2])
            #expect(Array(rows.columns.elements) == [0, 3])
            guard case .float32(let values) = rows.values else { preconditionFailure() }
            #expect(Array(values.elements) == [4.5, 2])
        }
    }
}

@Suite struct HistorySplitTests {
    private func ratings(shift: Int = 0) -> [Rating] {
        (0..<12).flatMap { user in
            (0..<user).map { Rating(user: "u\(user)", item: "i\(($0 * 7 + shift) % 11)", value: Float($0 % 5 + 1)) }
        }
    }

    private func pairs(_ rows: CompressedRows, _ store: RatingStore) -> Set<String> {
        Set(
            (0..<rows.rowCount).flatMap { row in
                rows.range(of: row).map {
                    "\(store.userIDs.id(of: row)) \(store.itemIDs.id(of: Int(rows.columns[$0])))"
                }
            })
    }

    @Test func splitsEachUsersRatings() throws {
        let store = try RatingStore.inMemory(ratings())
        let split = try HistorySplit(store, fraction: 0.8, seed: 1)
        #expect(split.history.defect() == nil && split.heldOut.defect() == nil)
        for row in 0..<store.userIDs.count {
            let count = store.ratings.byUser.range(of: row).count
            let history = split.history.range(of: row).count
            #expect(history == max(1, Int((0.8 * Double(count)).rounded())))
            #expect(history + split.heldOut.range(of: row).count == count)
        }
        let (history, heldOut) = (pairs(split.history, store), pairs(split.heldOut, store))
        #expect(history.isDisjoint(with: heldOut) && history.union(heldOut) == pairs(store.ratings.byUser, store))
        #expect(pairs(try HistorySplit(store, fraction: 0.8, seed: 2).history, store) != history)
    }

    @Test func dependsOnTheIDsAndNotOnTheRows() throws {
        let store = try RatingStore.inMemory(ratings())
        // More users of some items, so that the items' rows are others.
        let other = try RatingStore.inMemory(
            ratings()
                + (0..<9).flatMap { user in [8, 9, 10].map { Rating(user: "v\(user)", item: "i\($0)", value: 1) } })
        #expect(store.itemIDs.id(of: 0) != other.itemIDs.id(of: 0))
        let (one, two) = (
            try HistorySplit(store, fraction: 0.5, seed: 3), try HistorySplit(other, fraction: 0.5, seed: 3)
        )
        #expect(pairs(one.history, store) == pairs(two.history, other).filter { $0.hasPrefix("u") })
    }

    @Test func nothingLeftToFindIsAnError() throws {
        let single = try RatingStore.inMemory([Rating(user: "a", item: "b", value: 1)])
        let failure = #expect(throws: Failure.self) { try HistorySplit(single, fraction: 0.5, seed: 1) }
        #expect(failure?.kind == .badData)
        for fraction in [0, 1, -1, .nan] {
            #expect(throws: Failure.self) { try HistorySplit(single, fraction: fraction, seed: 1) }
        }
    }
}
