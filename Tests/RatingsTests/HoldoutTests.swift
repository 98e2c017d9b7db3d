// Why: what is held out is never trained on, is the same every time, and is what was asked for.

import Failures
import Ratings
import TestKit
import Testing

@Suite struct HoldoutTests {
    private let ratings = randomRatings(8000, users: 300, items: 200, seed: 11)

    private func store(_ split: RatingImporter.Split, _ fixture: ImportFixture) throws -> RatingStore {
        try RatingImporter(inputs: [try fixture.write(csv(ratings), "all")], split: split).run().store
    }

    @Test(arguments: [0.05, 0.1, 0.5, 0.9]) func aFractionIsHeldOutAndTheRestIsTraining(_ fraction: Double) throws {
        let store = try store(.fraction(fraction, seed: 3), try ImportFixture())
        let (training, holdout) = (Set(store.trainingList), Set(store.holdoutList))
        #expect(training.isDisjoint(with: holdout))
        #expect(training.union(holdout) == Set(ratings))
        // Five standard deviations of a binomial distribution.
        let deviation = (fraction * (1 - fraction) * Double(ratings.count)).squareRoot()
        #expect(abs(Double(holdout.count) - fraction * Double(ratings.count)) < 5 * deviation)
        #expect(store.description.source?.holdoutFraction == fraction && store.description.source?.seed == 3)
    }

    @Test func theSeedChoosesAndALargerFractionHoldsOutMore() throws {
        let fixture = try ImportFixture()
        let reference = try store(.fraction(0.1, seed: 1), fixture)
        #expect(try store(.fraction(0.1, seed: 1), fixture).fingerprint == reference.fingerprint)
        let other = try store(.fraction(0.1, seed: 2), fixture)
        #expect(Set(other.holdoutList).intersection(reference.holdoutList).count < reference.holdoutList.count / 2)
        #expect(Set(try store(.fraction(0.2, seed: 1), fixture).holdoutList).isSuperset(of: reference.holdoutList))
    }

    @Test func theChoiceDependsOnTheRatingsOwnIDsAlone() throws {
        // Without a third of the users, the others' ratings are held out as before.
        let fixture = try ImportFixture()
        let whole = try store(.fraction(0.1, seed: 1), fixture)
        let some = ratings.filter { Int($0.user)! % 2 == 0 }
        let part = try fixture.store(of: csv(some), split: .fraction(0.1, seed: 1))
        #expect(Set(part.holdoutList) == Set(whole.holdoutList).intersection(some))
        // Strings that read alike are the same ids.
        let named = try fixture.store(
            of: csv(some + [Rating(user: "x", item: "y", value: 1)]), split: .fraction(0.1, seed: 1))
        #expect(named.userIDs.kind == .strings)
        #expect(Set(named.holdoutList).subtracting([Rating(user: "x", item: "y", value: 1)]) == Set(part.holdoutList))
    }

    @Test func anEmptyHoldoutOrTrainingSetIsAnError() throws {
        let fixture = try ImportFixture()
        for (fraction, what) in [
            (1e-9, "a holdout of 1e-09 of 2 ratings is empty"), (1 - 1e-9, "there are no training ratings"),
        ] {
            let failure = #expect(throws: Failure.self) {
                try fixture.store(of: "1,2,3\n1,3,4\n", split: .fraction(fraction, seed: 1))
            }
            #expect(failure?.kind == .badData && failure?.what == what)
        }
    }

    // MARK: - Test files

    @Test func aTestFilesPairsAreTakenOutOfTraining() throws {
        let fixture = try ImportFixture()
        let input = try fixture.write("1,1,5\n1,2,4\n2,1,3\n2,2,2\n", "input.csv")
        // The format of the test file is found by itself; user 3 is new.
        let test = try fixture.write("1::2::1\n2::1::3\n3::1::5\n", "test.dat")
        let outcome = try RatingImporter(inputs: [input], split: .file(test)).run()
        #expect(outcome.takenOut == 2)
        #expect(
            Set(outcome.store.trainingList) == [
                Rating(user: "1", item: "1", value: 5), Rating(user: "2", item: "2", value: 2),
            ])
        #expect(
            Set(outcome.store.holdoutList) == [
                Rating(user: "1", item: "2", value: 1), Rating(user: "2", item: "1", value: 3),
                Rating(user: "3", item: "1", value: 5),
            ])
        #expect(outcome.store.userNames == ["1", "2", "3"])
        #expect(outcome.store.description.source?.testFile == "test.dat")
    }

    @Test func aProbeFileTakesItsRatingsFromTheInput() throws {
        let fixture = try ImportFixture()
        let input = try fixture.write("1:\n7,5,2005-01-01\n8,4,2005-01-01\n2:\n7,3,2005-01-01\n", "input.txt")
        let probe = try fixture.write("1:\n8\n2:\n7\n", "probe.txt")
        let outcome = try RatingImporter(inputs: [input], split: .file(probe)).run()
        #expect(outcome.takenOut == 2)
        #expect(outcome.store.trainingList == [Rating(user: "7", item: "1", value: 5)])
        #expect(
            Set(outcome.store.holdoutList) == [
                Rating(user: "8", item: "1", value: 4), Rating(user: "7", item: "2", value: 3),
            ])
    }

    @Test func aProbePairWithoutARatingIsAnErrorWithItsLine() throws {
        let fixture = try ImportFixture()
        let input = try fixture.write("1:\n7,5,2005-01-01\n8,4,2005-01-01\n", "input.txt")
        let probe = try fixture.write("1:\n8\n\n2:\n7\n", "probe.txt")
        for chunkByteCount in [1, 3, 1000] {
            var importer = RatingImporter(inputs: [input], split: .file(probe))
            importer.chunkByteCount = chunkByteCount
            let failure = #expect(throws: Failure.self) { try importer.run() }
            #expect(failure?.kind == .badData && failure?.place == "\(probe):5")
            #expect(failure?.what == "the input has no rating of item 2 by user 7")
        }
    }

    @Test func aProbeFileIsNoInput() throws {
        let fixture = try ImportFixture()
        let failure = #expect(throws: Failure.self) { try fixture.store(of: "1:\n8\n2:\n7\n") }
        #expect(failure?.kind == .badData && failure?.what == "names users and items without ratings")
    }

    @Test func idsOfTheTestFileCountForWhatIDsAre() throws {
        let fixture = try ImportFixture()
        let input = try fixture.write("1,007,5\n2,8,4\n", "input.csv")
        let test = try fixture.write("anna,8,3\n", "test.csv")
        let store = try RatingImporter(inputs: [input], split: .file(test)).run().store
        #expect(store.userNames == ["1", "2", "anna"])
        #expect(store.itemNames == ["7", "8"])
    }

    @Test func aDefectInTheTestFileIsNamed() throws {
        let fixture = try ImportFixture()
        let input = try fixture.write("1,1,5\n1,2,4\n", "input.csv")
        let test = try fixture.write("1,2,4\n1,3,oops\n", "test.csv")
        let failure = #expect(throws: Failure.self) { try RatingImporter(inputs: [input], split: .file(test)).run() }
        #expect(failure?.place == "\(test):2")
        let missing = #expect(throws: Failure.self) {
            try RatingImporter(inputs: [input], split: .file(fixture.folder("missing"))).run()
        }
        #expect(missing?.kind == .noInput)
    }

    @Test func aTestFileOfItemsHoldsOutPairsThatTheInputLacks() throws {
        let fixture = try ImportFixture()
        let input = try fixture.write("0 1 2 3 4\n7 1 2\n8 2 5 6\n", "train.txt")
        let test = try fixture.write("0 5 9\n7\n8 2\n", "test.txt")
        let outcome = try RatingImporter(inputs: [input], format: .adjacency, split: .file(test)).run()
        // Item 2 of user 8 is in both files, and the test file has it.
        #expect(outcome.takenOut == 1)
        #expect(
            Set(outcome.store.holdoutList) == [
                Rating(user: "0", item: "5", value: 1), Rating(user: "0", item: "9", value: 1),
                Rating(user: "8", item: "2", value: 1),
            ])
        #expect(outcome.store.ratings.count == 8)
    }
}
