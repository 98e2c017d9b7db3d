// Why: what a store holds follows from its ratings by rules simple enough for a second, slow implementation.

import Ratings
import TestKit
import Testing

@Suite struct StoreContentTests {
    /// The rows of one side: ids by falling count of training ratings, then ascending.
    private func expectedRows(_ training: [String], all: [String], isInteger: Bool) -> [String] {
        var counts: [String: Int] = [:]
        for id in all { counts[id] = 0 }
        for id in training { counts[id]! += 1 }
        return counts.keys.sorted { one, other in
            if counts[one]! != counts[other]! { return counts[one]! > counts[other]! }
            return isInteger
                ? Int64(one)! < Int64(other)! : Array(one.utf8).lexicographicallyPrecedes(Array(other.utf8))
        }
    }

    @Test(arguments: [1 as UInt64, 2, 3]) func rowsAndColumnsFollowTheRules(seed: UInt64) throws {
        let all = randomRatings(3000, users: 90, items: 70, seed: seed)
        let (training, holdout) = (Array(all[..<2500]), Array(all[2500...]))
        let store = try RatingStore.inMemory(training.shuffled(), holdout: holdout.shuffled())
        #expect(store.userNames == expectedRows(training.map(\.user), all: all.map(\.user), isInteger: true))
        #expect(store.itemNames == expectedRows(training.map(\.item), all: all.map(\.item), isInteger: true))
        for (matrix, expected) in [(store.ratings, training), (try #require(store.holdout), holdout)] {
            #expect(matrix.byUser.defect() == nil && matrix.byItem.defect() == nil)
            let byUser = matrix.list(store.userIDs, store.itemIDs, by: .user)
            let byItem = matrix.list(store.userIDs, store.itemIDs, by: .item)
            #expect(byUser.count == expected.count && byItem.count == expected.count)
            #expect(Set(byUser) == Set(expected), "seed \(seed)")
            #expect(Set(byItem) == Set(expected), "seed \(seed)")
            #expect(matrix.byUser.rowCount == store.userIDs.count && matrix.byItem.rowCount == store.itemIDs.count)
        }
    }

    @Test func stringIDsAreOrderedByTheirBytes() throws {
        // Ä follows z in UTF-8; "10" precedes "9".
        let ids = ["9", "10", "a", "B", "Äz", "z"]
        let store = try RatingStore.inMemory(ids.map { Rating(user: $0, item: "1", value: 1) })
        #expect(store.userNames == ["10", "9", "B", "a", "z", "Äz"])
        #expect(store.userIDs.kind == .strings && store.itemIDs.kind == .integers)
    }

    @Test func rowsThatAreHeldOutAltogetherComeLast() throws {
        let store = try RatingStore.inMemory(
            [Rating(user: "5", item: "8", value: 1), Rating(user: "5", item: "9", value: 2)],
            holdout: [Rating(user: "1", item: "9", value: 3), Rating(user: "1", item: "2", value: 4)])
        #expect(store.userNames == ["5", "1"])
        #expect(store.itemNames == ["8", "9", "2"])
        #expect(store.ratings.byUser.range(of: 1).isEmpty && store.ratings.byItem.range(of: 2).isEmpty)
        #expect(store.ratings.userCount == 2 && store.holdout?.itemCount == 3)
    }

    @Test func theDescriptionSumsUpTheTrainingRatings() throws {
        let store = try RatingStore.inMemory(
            [
                Rating(user: "1", item: "1", value: 0.5), Rating(user: "1", item: "2", value: 4),
                Rating(user: "2", item: "1", value: 1.5),
            ], holdout: [Rating(user: "2", item: "2", value: 5)])
        let description = store.description
        #expect(description.users == 2 && description.items == 2)
        #expect(description.ratings == 3 && description.holdoutRatings == 1)
        #expect(description.mean == 2 && description.minimum == 0.5 && description.maximum == 4)
        #expect(description.density == 1)
    }

    @Test func theFingerprintDependsOnEveryRatingAndOnTheSplit() throws {
        let ratings = [
            Rating(user: "1", item: "1", value: 1), Rating(user: "1", item: "2", value: 2),
            Rating(user: "2", item: "1", value: 3),
        ]
        var stores = [try RatingStore.inMemory(ratings)]
        for index in ratings.indices {
            for change in [
                { (rating: inout Rating) in rating.value += 1 }, { $0.user = "3" }, { $0.item = "7" },
            ] {
                var changed = ratings
                change(&changed[index])
                stores.append(try RatingStore.inMemory(changed))
            }
            var rest = ratings
            rest.remove(at: index)
            stores.append(try RatingStore.inMemory(rest))
            stores.append(try RatingStore.inMemory(rest, holdout: [ratings[index]]))
        }
        #expect(Set(stores.map(\.fingerprint)).count == stores.count)
        #expect(try RatingStore.inMemory(ratings.reversed()).fingerprint == stores[0].fingerprint)
    }

    // MARK: - Values

    @Test(arguments: [
        ("1 2 5 255", "|u1", 1), ("0 1", "|u1", 1), ("0.5 5", "|u1", 2), ("0.25 3", "|u1", 4), ("0.2 5", "|u1", 5),
        ("0.1 9.9", "|u1", 10), ("0.05 1.15", "|u1", 20), ("0.01 2.55", "|u1", 100), ("0.5 0.2", "|u1", 10),
        ("1 256", "<i2", 1), ("-1 1", "<i2", 1), ("-0.5 3", "<i2", 2), ("127.5 -5", "<i2", 2),
        ("0.01 2.56", "<i2", 100),
        ("-10 9.99", "<i2", 100), ("-32767 32767", "<i2", 1), ("32768", "<f4", 1), ("0.125", "<f4", 1),
        ("0.3333333", "<f4", 1),
        ("1e-30", "<f4", 1), ("3.4e38 -3.4e38", "<f4", 1),
    ])
    func valuesAreStoredInTheSmallestTypeThatLosesNothing(_ text: String, _ type: String, _ denominator: Int) throws {
        let values = text.split(separator: " ").map { Float($0)! }
        let ratings = values.enumerated().map { Rating(user: "1", item: "\($0)", value: $1) }
        let store = try RatingStore.inMemory(ratings)
        #expect(store.description.valueEncoding.elementType.rawValue == type)
        #expect(store.description.valueEncoding.denominator == denominator)
        #expect(Set(store.trainingList) == Set(ratings))
        // Held-out values are stored alike.
        let split = try RatingStore.inMemory([Rating(user: "2", item: "0", value: 1)], holdout: ratings)
        #expect(split.description.valueEncoding.elementType.rawValue == type)
        #expect(Set(split.holdoutList) == Set(ratings))
    }

    @Test func decimalsBecomeTheNearestSinglePrecisionNumbers() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededGenerator(seed: seed)
        let texts = (0..<2000).map { index in
            let digits = Int.random(in: 0..<1_000_000_000_000, using: &generator)
            let width = Int.random(in: 1...12, using: &generator)
            let text = String(digits % (0..<width).reduce(1) { power, _ in 10 * power })
            let point = Int.random(in: 0...text.count, using: &generator)
            return (index % 3 == 0 ? "-" : "") + text.prefix(point) + "." + text.dropFirst(point)
        }
        let fixture = try ImportFixture()
        let store = try fixture.store(of: texts.enumerated().map { "\($0),1,\($1)\n" }.joined())
        let found = Dictionary(uniqueKeysWithValues: store.trainingList.map { (Int($0.user)!, $0.value) })
        for (index, text) in texts.enumerated() {
            // The standard library reads ".5" only with a zero before it.
            let readable = text.hasPrefix("-") ? text.replacing("-", with: "-0") : "0" + text
            let expected = try #require(Float(readable))
            #expect(found[index] == expected, "\(text), seed \(seed)")
        }
    }
}
