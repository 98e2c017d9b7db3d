// Why: a ranking metric is easily wrong by one place, one tie or one user. Here each is computed once more, from whole
// sorted lists and in doubles, on many small cases full of ties.

import ArrayFiles
import Evaluation
import Failures
import Foundation
import LeastSquares
import Model
import Ratings
import TestKit
import Testing

@Suite struct RankingTests {
    private static let metrics: [Metric] =
        [1, 2, 3, 5, 20].flatMap { k in
            [.precision, .recall, .ndcg, .map, .mrr, .coverage].map { (kind: Metric.Kind) in Metric(kind, at: k) }
        } + [Metric(.auc)]

    /// A model, who has seen what, and what is to be found; by rows of the model.
    private struct Case {
        var fixture: ModelFixture
        /// By user.
        var seen: [Set<Int>]
        var heldOut: [[Int: Float]]

        /// Factors are quarters of small integers, so that products are exact in any precision and many are equal.
        init(seed: UInt64) {
            var generator = SeededGenerator(seed: seed)
            let (users, items) = (Int.random(in: 1...9, using: &generator), Int.random(in: 2...40, using: &generator))
            fixture = ModelFixture(
                users: users, items: items, rank: Int.random(in: 1...20, using: &generator), seed: seed,
                hasBiases: Bool.random(using: &generator))
            let span = Float.random(in: 0.5...8, using: &generator)
            fixture.userFactors = fixture.userFactors.map { ($0 * span).rounded() / 4 }
            fixture.itemFactors = fixture.itemFactors.map { ($0 * span).rounded() / 4 }
            fixture.userBiases = fixture.userBiases?.map { ($0 * 9).rounded() / 4 }
            fixture.itemBiases = fixture.itemBiases?.map { ($0 * 9).rounded() / 4 }
            (seen, heldOut) = ([], [])
            for _ in 0..<users {
                let (oneIn, heldOneIn) = (
                    Int.random(in: 2...6, using: &generator), Int.random(in: 1...9, using: &generator)
                )
                seen.append(Set((0..<items).filter { _ in Int.random(in: 0..<oneIn, using: &generator) == 0 }))
                // Some held-out items are seen too, and some users have none.
                let held = (0..<items).filter { _ in Int.random(in: 0..<heldOneIn * 2, using: &generator) == 0 }
                heldOut.append(
                    Dictionary(uniqueKeysWithValues: held.map { ($0, Float(Int.random(in: 1...5, using: &generator))) })
                )
            }
        }

        func matrix(_ rows: [[Int: Float]]) -> CompressedRows {
            SyntheticRatings.matrix(
                rows.enumerated().flatMap { user, row in row.map { (user, $0.key, $0.value) } }, users: rows.count,
                items: fixture.itemIDs.count
            ).byUser
        }

        /// Every metric from the definitions; nil where nobody has it.
        func expected(_ metric: Metric, relevantFrom: Float?) -> Double? {
            let items = fixture.itemIDs.count
            var values: [Double] = []
            var shown: Set<Int> = []
            for user in seen.indices {
                let relevant = Set(heldOut[user].filter { $0.value >= relevantFrom ?? 0 }.keys).subtracting(seen[user])
                if relevant.isEmpty { continue }
                let score = (0..<items).map { fixture.predict(user, $0) }
                let list = (0..<items).filter { !seen[user].contains($0) }
                    .sorted { score[$0] != score[$1] ? score[$0] > score[$1] : $0 < $1 }
                guard let k = metric.cutoff else {
                    let others = list.filter { !relevant.contains($0) }
                    if others.isEmpty { continue }
                    var right = 0.0
                    for one in relevant {
                        for other in others {
                            right += score[one] > score[other] ? 1 : score[one] == score[other] ? 0.5 : 0
                        }
                    }
                    values.append(right / Double(relevant.count * others.count))
                    continue
                }
                let places = (1...k).filter { $0 <= list.count && relevant.contains(list[$0 - 1]) }
                shown.formUnion(list.prefix(k))
                func discounts(_ places: [Int]) -> Double { places.map { log(2) / log(Double($0) + 1) }.reduce(0, +) }
                switch metric.kind {
                case .precision: values.append(Double(places.count) / Double(k))
                case .recall: values.append(Double(places.count) / Double(relevant.count))
                case .ndcg: values.append(discounts(places) / discounts(Array(1...min(k, relevant.count))))
                case .map:
                    let precisions = places.map { place in Double(places.filter { $0 <= place }.count) / Double(place) }
                    values.append(precisions.reduce(0, +) / Double(min(k, relevant.count)))
                case .mrr: values.append(places.first.map { 1 / Double($0) } ?? 0)
                default: values.append(0)
                }
            }
            if values.isEmpty { return nil }
            return metric.kind == .coverage
                ? Double(shown.count) / Double(items) : values.reduce(0, +) / Double(values.count)
        }
    }

    @Test func agreesWithThePlainDefinitions() throws {
        var compared = 0
        for seed in UInt64(0)..<150 {
            let example = Case(seed: seed)
            let relevantFrom: Float? = seed % 3 == 0 ? 3 : nil
            try example.fixture.withModel { model in
                let ones = example.seen.map { items in Dictionary(uniqueKeysWithValues: items.map { ($0, Float(1)) }) }
                let seen = SeenItems(example.matrix(ones), mapping: .identity)
                func ranking(_ kernels: Kernels, threads: Int) throws -> RankingEvaluation {
                    try RankingEvaluation(
                        of: model, on: example.matrix(example.heldOut), mapping: .identity, seen: seen,
                        metrics: Self.metrics,
                        relevantFrom: relevantFrom, kernels: kernels, threads: threads)
                }
                guard example.expected(Metric(.recall, at: 1), relevantFrom: relevantFrom) != nil else {
                    let failure = #expect(throws: Failure.self) { try ranking(.best, threads: 1) }
                    #expect(failure?.kind == .badData)
                    return
                }
                for level in KernelLevel.available {
                    let found = try ranking(Kernels(level: level), threads: 2)
                    for metric in Self.metrics {
                        guard let expected = example.expected(metric, relevantFrom: relevantFrom) else {
                            #expect(found[metric] == nil, "seed \(seed), \(metric.name)")
                            continue
                        }
                        let difference = abs((found[metric] ?? -1) - expected)
                        #expect(difference < 1e-12, "seed \(seed), \(metric.name), \(level)")
                        compared += 1
                    }
                }
            }
        }
        #expect(compared > 2000)
    }

    @Test func doesNotDependOnThreads() throws {
        var fixture = ModelFixture(users: 700, items: 90, rank: 6, seed: 3)
        for index in fixture.itemFactors.indices {
            fixture.itemFactors[index] = (fixture.itemFactors[index] * 3).rounded()
        }
        let (training, holdout) = SyntheticRatings.planted(users: 700, items: 90, ratings: 9000, seed: 5)
        try fixture.withModel { model in
            func ranking(_ threads: Int) throws -> RankingEvaluation {
                try RankingEvaluation(
                    of: model, on: holdout.byUser, mapping: .identity,
                    seen: SeenItems(training.byUser, mapping: .identity),
                    metrics: Self.metrics, threads: threads)
            }
            let one = try ranking(1)
            #expect(one.users > 256)
            for threads in [2, 3, 7] { #expect(try ranking(threads) == one) }
        }
    }

    @Test func aKnownCaseByHand() throws {
        var fixture = ModelFixture(users: 1, items: 6, rank: 1, seed: 0)
        (fixture.userFactors, fixture.itemFactors) = ([1], [9, 5, 7, 5, 8, 1])
        // Item 0 is seen; the list is 4, 2, 1, 3, 5, of which 2 and 3 are relevant.
        let heldOut = SyntheticRatings.matrix([(0, 2, 1), (0, 3, 1)], users: 1, items: 6).byUser
        let seen = SyntheticRatings.matrix([(0, 0, 1)], users: 1, items: 6).byUser
        try fixture.withModel { model in
            let metrics = try Metric.list("precision@3,recall@3,ndcg@3,map@4,mrr@3,mrr@1,auc,coverage@3")
            let found = try RankingEvaluation(
                of: model, on: heldOut, mapping: .identity, seen: SeenItems(seen, mapping: .identity), metrics: metrics)
            #expect(found.users == 1 && found.relevant == 2 && found.unknownUsers == 0)
            let gain = 1 / log2(3.0)
            let expected = [1.0 / 3, 0.5, gain / (1 + gain), (1.0 / 2 + 2.0 / 4) / 2, 0.5, 0, (2 + 1.5) / 6, 0.5]
            for (metric, value) in zip(metrics, expected) {
                #expect(abs((found[metric] ?? -1) - value) < 1e-15, "\(metric.name)")
            }
        }
    }

    @Test func findsRowsByIDsAndCountsTheUnknown() throws {
        let fixture = ModelFixture(users: 3, items: 5, rank: 2, seed: 12)
        let judged = try RatingStore.inMemory([
            Rating(user: "1007", item: "item-3", value: 1), Rating(user: "1007", item: "new", value: 1),
            Rating(user: "5", item: "item-1", value: 1),
        ])
        let seen = try RatingStore.inMemory([
            Rating(user: "1007", item: "item-0", value: 1), Rating(user: "1007", item: "other", value: 1),
            Rating(user: "1000", item: "item-2", value: 1),
        ])
        try fixture.withModel { model in
            let found = try RankingEvaluation(
                of: model, on: judged.ratings.byUser, mapping: RowMapping(store: judged, model: model),
                seen: SeenItems(seen, usersOf: judged, model: model), metrics: try Metric.list("recall@4,auc,mrr@4"))
            #expect(found.users == 1 && found.relevant == 2 && found.unknownUsers == 1)
            // Four items are left, and the list has them all; the one that the model does not know is never found.
            #expect(found[Metric(.recall, at: 4)] == 0.5)
            let others = [1, 2, 4].filter { fixture.predict(1, 3) > fixture.predict(1, $0) }.count
            #expect(found[Metric(.auc)] == Double(others) / 6)
            #expect(found[Metric(.mrr, at: 4)] == 1 / Double(4 - others))
        }
    }
}
