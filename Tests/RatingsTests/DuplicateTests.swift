// Why: two ratings of one item by one user are an error with a line, or what the policy says.

import Failures
import Ratings
import TestKit
import Testing

@Suite struct DuplicateTests {
    private static let text = "1,1,5\n2,1,1\n1,2,4\n1,1,1\n2,2,3\n1,1,4.5\n"

    @Test(arguments: [(DuplicatePolicy.last, Float(4.5)), (.mean, 3.5), (.sum, 10.5)])
    func thePolicyDecides(_ policy: DuplicatePolicy, _ value: Float) throws {
        let fixture = try ImportFixture()
        let store = try fixture.store(of: Self.text, duplicates: policy)
        #expect(
            Set(store.trainingList) == [
                Rating(user: "1", item: "1", value: value), Rating(user: "2", item: "1", value: 1),
                Rating(user: "1", item: "2", value: 4), Rating(user: "2", item: "2", value: 3),
            ])
        #expect(store.ratings.byUser.defect() == nil && store.ratings.byItem.defect() == nil)
    }

    @Test func aDuplicateIsAnErrorWithTheLineOfTheSecond() throws {
        let fixture = try ImportFixture()
        let path = try fixture.write(Self.text)
        for chunkByteCount in [1, 10, 1000] {
            var importer = RatingImporter(inputs: [path], threads: 2)
            importer.chunkByteCount = chunkByteCount
            let failure = #expect(throws: Failure.self) { try importer.run() }
            #expect(failure?.kind == .badData && failure?.place == "\(path):4")
            #expect(failure?.what == "user 1 has rated item 1 before")
            #expect(failure?.remedy.contains("--duplicates") == true)
        }
    }

    @Test func ofSeveralDuplicatesTheFirstInTheFileIsNamed() throws {
        let fixture = try ImportFixture()
        let seed: UInt64 = 5
        let ratings = randomRatings(4000, users: 100, items: 90, seed: seed)
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<5 {
            var lines = ratings.shuffled(using: &generator)
            let (second, first) = (
                Int.random(in: 2000..<4000, using: &generator), Int.random(in: 0..<2000, using: &generator)
            )
            lines[second] = lines[first]
            lines += lines[..<first]
            let path = try fixture.write("user,item,rating\n" + csv(lines))
            var importer = RatingImporter(inputs: [path], threads: 3)
            importer.chunkByteCount = 700
            let failure = #expect(throws: Failure.self) { try importer.run() }
            #expect(failure?.place == "\(path):\(second + 2)", "seed \(seed)")
        }
    }

    @Test func theSecondMayBeInAnotherFile() throws {
        let fixture = try ImportFixture()
        let paths = [
            try fixture.write("1:\n7,5,x\n", "one"), try fixture.write("2:\n7,5,x\n1:\n8,2,x\n7,4,x\n", "two"),
        ]
        let failure = #expect(throws: Failure.self) { try RatingImporter(inputs: paths).run() }
        #expect(failure?.place == "\(paths[1]):5")
        let last = try RatingImporter(inputs: paths.reversed(), duplicates: .last).run().store
        #expect(last.trainingList.contains(Rating(user: "7", item: "1", value: 5)))
    }

    @Test func resolvedDuplicatesAreCountedOnceAndEncodedAnew() throws {
        // Item 1 has three ratings by one user: with duplicates counted it would come first.
        let fixture = try ImportFixture()
        let text = "1,1,1\n1,1,2\n1,1,2\n1,2,4\n2,2,4\n"
        let mean = try fixture.store(of: text, duplicates: .mean)
        #expect(mean.itemNames == ["2", "1"])
        #expect(mean.description.valueEncoding.elementType == .float32)
        let last = try fixture.store(of: text, duplicates: .last)
        #expect(last.itemNames == ["2", "1"])
        #expect(last.fingerprint == (try fixture.store(of: "1,1,2\n1,2,4\n2,2,4\n")).fingerprint)
        let sum = try fixture.store(of: "1,1,200\n1,1,100\n", duplicates: .sum)
        #expect(sum.trainingList == [Rating(user: "1", item: "1", value: 300)])
    }

    @Test func theHoldoutIsTreatedAlike() throws {
        let fixture = try ImportFixture()
        let input = try fixture.write("1,1,5\n1,2,3\n", "input.csv")
        let test = try fixture.write("2,2,1\n2,1,1\n2,2,4\n", "test.csv")
        let failure = #expect(throws: Failure.self) { try RatingImporter(inputs: [input], split: .file(test)).run() }
        #expect(failure?.place == "\(test):3")
        let store = try RatingImporter(inputs: [input], split: .file(test), duplicates: .mean).run().store
        #expect(
            Set(store.holdoutList) == [
                Rating(user: "2", item: "2", value: 2.5), Rating(user: "2", item: "1", value: 1),
            ])
        #expect(
            Set(store.trainingList) == [Rating(user: "1", item: "1", value: 5), Rating(user: "1", item: "2", value: 3)])
    }

    @Test func allCopiesOfAPairGoToTheSameSide() throws {
        let fixture = try ImportFixture()
        let ratings = randomRatings(2000, users: 60, items: 60, seed: 8)
        let split = RatingImporter.Split.fraction(0.3, seed: 1)
        let twice = try fixture.store(of: csv(ratings + ratings), split: split, duplicates: .mean)
        #expect(twice.fingerprint == (try fixture.store(of: csv(ratings), split: split)).fingerprint)
    }

    @Test func aSumThatOverflowsIsAnError() throws {
        let fixture = try ImportFixture()
        let failure = #expect(throws: Failure.self) { try fixture.store(of: "1,1,3e38\n1,1,3e38\n", duplicates: .sum) }
        #expect(failure?.kind == .badData)
    }

    @Test func ratingsInMemoryAreCheckedToo() throws {
        let one = Rating(user: "1", item: "1", value: 1)
        let two = Rating(user: "2", item: "1", value: 2)
        #expect(throws: Failure.self) { try RatingStore.inMemory([]) }
        #expect(throws: Failure.self) { try RatingStore.inMemory([Rating(user: "1", item: "1", value: .nan)]) }
        #expect(throws: Failure.self) { try RatingStore.inMemory([Rating(user: "", item: "1", value: 1)]) }
        #expect(throws: Failure.self) { try RatingStore.inMemory([one], holdout: [one]) }
        #expect(throws: Failure.self) { try RatingStore.inMemory([one], holdout: [two, two]) }
        let failure = #expect(throws: Failure.self) { try RatingStore.inMemory([one, two, one]) }
        #expect(failure?.place == "rating 3")
    }
}
