// Why: a rating in two folds, or in none, would make the error of a candidate look better than it is.

import Failures
import Ratings
import TestKit
import Testing
import Tuning

@Suite struct FoldTests {
    private func ratings(_ shift: Int = 0) -> [Rating] {
        (0..<40).flatMap { user in
            (0..<30).filter { (user * 7 + $0 * 3) % 4 != 0 }.map {
                Rating(user: "u\(user)", item: "i\(($0 + shift) % 30)", value: Float($0 % 5 + 1))
            }
        }
    }

    private func triples(_ matrix: RatingMatrix?, _ store: RatingStore) -> Set<String> {
        guard let rows = matrix?.byUser else { return [] }
        var values = [Float](repeating: 0, count: rows.count)
        values.withUnsafeMutableBufferPointer { rows.values.decode(0..<rows.count, minus: 0, to: $0.baseAddress!) }
        return Set(
            (0..<rows.rowCount).flatMap { row in
                rows.range(of: row).map {
                    "\(store.userIDs.id(of: row)) \(store.itemIDs.id(of: Int(rows.columns[$0]))) \(values[$0])"
                }
            })
    }

    @Test(arguments: [2, 3, 5]) func theFoldsArePartsOfTheWhole(count: Int) throws {
        let store = try RatingStore.inMemory(ratings(), holdout: [Rating(user: "u0", item: "i0", value: 3)])
        let all = triples(store.ratings, store)
        var union: Set<String> = []
        for fold in 0..<count {
            let split = try store.split(fold: fold, of: count, seed: 1, threads: 2)
            let (training, held) = (triples(split.ratings, split), triples(split.holdout, split))
            #expect(training.isDisjoint(with: held) && training.union(held) == all)
            #expect(union.isDisjoint(with: held))
            union.formUnion(held)
            // Five standard deviations of a binomial.
            let expected = Double(all.count) / Double(count)
            #expect(abs(Double(held.count) - expected) < 5 * expected.squareRoot())
        }
        #expect(union == all)
    }

    @Test func foldsDependOnTheIDsAndTheSeedAlone() throws {
        let store = try RatingStore.inMemory(ratings())
        let reversed = try RatingStore.inMemory(ratings().reversed())
        let one = try store.split(fold: 1, of: 4, seed: 1, threads: 1)
        let other = try reversed.split(fold: 1, of: 4, seed: 1, threads: 2)
        #expect(triples(one.holdout, one) == triples(other.holdout, other))
        let reseeded = try store.split(fold: 1, of: 4, seed: 2, threads: 1)
        #expect(triples(one.holdout, one) != triples(reseeded.holdout, reseeded))
    }

    @Test func anEmptyFoldIsAnError() throws {
        let store = try RatingStore.inMemory([
            Rating(user: "a", item: "b", value: 1), Rating(user: "a", item: "c", value: 1),
        ])
        let failures = (0..<50).filter { (try? store.split(fold: $0, of: 50, seed: 1, threads: 1)) == nil }
        #expect(failures.count >= 48)
    }
}
