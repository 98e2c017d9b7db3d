// Why: a recommendation is only as good as the claim that no better item was passed over.

import Foundation
import Model
import Ranking
import TestKit
import Testing

@Suite struct PredictionTests {
    @Test(arguments: [1, 2, 3, 4, 5, 7, 8, 33])
    func predictsTheInterceptPlusTheProduct(rank: Int) throws {
        let fixture = ModelFixture(users: 6, items: 5, rank: rank, seed: UInt64(rank))
        try fixture.withModel { model in
            for user in 0..<6 {
                for item in 0..<5 {
                    let difference = abs(model.predict(user: user, item: item) - fixture.predict(user, item))
                    // Sums of at most 33 terms below 1 in double, in another order.
                    #expect(difference < 1e-13, "rank \(rank), user \(user), item \(item)")
                }
            }
        }
    }

    @Test func predictsTheInterceptForTheUnknown() throws {
        try ModelFixture(users: 2, items: 2, rank: 2, seed: 1, intercept: 2.25).withModel { model in
            #expect(model.predict(user: nil, item: 1) == 2.25)
            #expect(model.predict(user: 1, item: nil) == 2.25)
            #expect(model.predict(user: nil, item: nil) == 2.25)
        }
    }

    @Test func findsExactlyTheBestItems() throws {
        var generator = SeededGenerator(seed: 11)
        for seed in UInt64(0)..<20 {
            let items = Int.random(in: 1...60, using: &generator)
            var fixture = ModelFixture(users: 3, items: items, rank: 2, seed: seed)
            // Few distinct factors, so that many scores are equal.
            for index in fixture.itemFactors.indices {
                fixture.itemFactors[index] = (fixture.itemFactors[index] * 2).rounded()
            }
            try fixture.withModel { model in
                for count in [0, 1, 2, 5, items, items + 10, Int.max] {
                    let excluded = Set((0..<items).filter { _ in Bool.random(using: &generator) })
                    for user in 0..<3 {
                        var all: [ScoredItem] = []
                        for item in 0..<items where !excluded.contains(item) {
                            all.append(ScoredItem(item: item, score: model.predict(user: user, item: item)))
                        }
                        all.sort { $0.score > $1.score || ($0.score == $1.score && $0.item < $1.item) }
                        #expect(
                            model.topItems(for: user, count: count, excluding: excluded) == Array(all.prefix(count)),
                            "seed \(seed), items \(items), count \(count), user \(user)")
                    }
                }
            }
        }
    }
}
