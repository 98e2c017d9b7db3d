// Why: the ranking that judges a sweep is put together from the lists of many blocks, of which most items are left out.
// It must say the same as a plain ranking of all items, in double.

import Foundation
import LeastSquares
import Ranking
import Ratings
import TestKit
import Testing
import Training

@Suite struct RankingSampleTests {
    private static let rank = 5
    private static let blocks = [0..<40, 40..<41, 41..<90, 90..<160]

    private struct Fixture {
        let training: RatingMatrix
        let holdout: RatingMatrix
        let users: FactorMatrix
        let items: FactorMatrix
        let sample: RankingSample

        /// - Parameter step: factors are multiples of it; when it is large, many products are equal.
        init(seed: UInt64, step: Float = 0x1p-20) throws {
            (training, holdout) = SyntheticRatings.planted(users: 130, items: 160, ratings: 4000, seed: seed)
            var generator = SeededGenerator(seed: seed)
            func matrix(_ rows: Int) throws -> FactorMatrix {
                let matrix = try FactorMatrix(rowCount: rows, rank: rank)
                for row in 0..<rows {
                    for column in 0..<rank {
                        matrix.row(row)[column] = (Float.random(in: -1...1, using: &generator) / step).rounded() * step
                    }
                }
                return matrix
            }
            (users, items) = (try matrix(130), try matrix(160))
            sample = RankingSample(ratings: training, holdout: holdout, seed: seed)
        }

        func ranker(threads: Int) throws -> SampleRanker {
            try SampleRanker(
                sample: sample.users, userCount: 130, largestBlock: 70, rank: rank, kernels: .best, threads: threads)
        }

        func lists(_ block: Int, by ranker: SampleRanker, sweep: Int = 1) -> [RankedList] {
            let rows = blocks[block]
            let factors = rows.flatMap { row in (0..<rank).map { items.row(row)[$0] } }
            let halfStep = HalfStep(
                index: 2 * sweep, side: .item, sweep: sweep, fixedVersion: 2 * sweep, priorVersion: 2 * sweep - 1,
                solvedVersion: 2 * sweep + 1, isExtrapolated: false)
            return factors.withUnsafeBufferPointer {
                ranker.rank(
                    block: block, rows: rows, of: halfStep, factors: $0, ratings: training.byItem.slice(rows),
                    users: users)
            }
        }

        /// The same by sorting all unseen items of every user.
        var reference: (recall: Double, ndcg: Double) {
            var (recall, ndcg) = (0.0, 0.0)
            for user in sample.users {
                func items(_ matrix: RatingMatrix) -> Set<Int> {
                    Set(matrix.byUser.range(of: user).map { Int(matrix.byUser.columns[$0]) })
                }
                let (seen, relevant) = (items(training), items(holdout))
                let scored = (0..<160).filter { !seen.contains($0) }.map { item in
                    let products = (0..<rank).map { Double(users.row(user)[$0]) * Double(self.items.row(item)[$0]) }
                    return (item: item, score: products.reduce(0, +))
                }
                let list = scored.sorted { ($1.score, $0.item) < ($0.score, $1.item) }.prefix(20).map(\.item)
                let gains = list.enumerated().map { relevant.contains($1) ? 1 / log2(Double($0 + 2)) : 0 }
                let ideal = (0..<min(20, relevant.count)).map { 1 / log2(Double($0 + 2)) }
                recall += Double(list.count { relevant.contains($0) }) / Double(relevant.count)
                ndcg += gains.reduce(0, +) / ideal.reduce(0, +)
            }
            return (recall / Double(sample.users.count), ndcg / Double(sample.users.count))
        }
    }

    /// Blocks ranked by whoever, in whatever order, merged in another.
    @Test(arguments: [1, 2, 3], [Float(0x1p-20), 0.5])
    func theBestOfAllBlocksAreFoundWhoeverRanksThem(workers: Int, step: Float) throws {
        for seed in 1...4 as ClosedRange<UInt64> {
            let fixture = try Fixture(seed: seed, step: step)
            #expect(fixture.sample.users.count > 80)
            let rankers = try (0..<workers).map { try fixture.ranker(threads: $0 + 1) }
            var generator = SeededGenerator(seed: seed)
            let order = Self.blocks.indices.shuffled(using: &generator)
            let lists = order.map { fixture.lists($0, by: rankers[$0 % workers]) }
            for list in lists.joined() { #expect(list.isSound) }
            var rankings = SampleRankings(userCount: fixture.sample.users.count)
            for block in lists.shuffled(using: &generator) { rankings.add(block) }
            let (quality, expected) = (fixture.sample.quality(of: rankings), fixture.reference)
            #expect(abs(quality.recall - expected.recall) < 1e-12, "seed \(seed)")
            #expect(abs(quality.normalizedDiscountedGain - expected.ndcg) < 1e-12, "seed \(seed)")
            #expect(expected.recall > 0.02 && expected.ndcg > 0.02, "or else this tests nothing")
        }
    }

    @Test func whatCannotBeAmongTheBestIsLeftOut() throws {
        let fixture = try Fixture(seed: 9)
        let ranker = try fixture.ranker(threads: 2)
        let whole = try Self.blocks.indices.map { fixture.lists($0, by: try fixture.ranker(threads: 1)) }
        let short = Self.blocks.indices.map { fixture.lists($0, by: ranker) }
        func count(_ lists: [[RankedList]]) -> Int { lists.joined().reduce(0) { $0 + $1.items.count } }
        #expect(count(short) < count(whole) * 3 / 4, "\(count(short)) of \(count(whole))")
    }

    /// As when the word to solve comes twice, or the next sweep comes.
    @Test func aBlockThatIsRankedAgainCountsOnce() throws {
        let fixture = try Fixture(seed: 10)
        let ranker = try fixture.ranker(threads: 1)
        _ = fixture.lists(3, by: ranker)
        _ = fixture.lists(0, by: ranker)
        let again = fixture.lists(3, by: ranker)
        #expect(again == fixture.lists(3, by: try fixture.ranker(threads: 2)))
        let nextSweep = fixture.lists(0, by: ranker, sweep: 2)
        #expect(nextSweep == fixture.lists(0, by: try fixture.ranker(threads: 1)))
    }

    /// Scores that overflow are those of a model that is lost anyway, but nothing traps and no list is unsound.
    @Test func absurdFactorsAreSurvived() throws {
        let fixture = try Fixture(seed: 11)
        for row in 0..<160 { fixture.items.row(row)[row % Self.rank] = row % 2 == 0 ? 3e38 : -3e38 }
        for row in 0..<130 { fixture.users.row(row)[1] = 3e38 }
        let ranker = try fixture.ranker(threads: 1)
        for block in Self.blocks.indices {
            for list in fixture.lists(block, by: ranker) { #expect(list.isSound) }
        }
    }

    @Test func theSampleIsAHashOfTheSeedAndOfThoseWithSomethingToFindOnly() throws {
        // Everybody has rated item 0; the even users have it held out too, every third user another one.
        let training = SyntheticRatings.matrix((0..<9000).map { ($0, 0, 1) }, users: 9000, items: 3)
        let held =
            (0..<9000).filter { $0 % 2 == 0 }.map { ($0, 0, Float(1)) }
            + (0..<9000).filter { $0 % 3 == 0 }.map { ($0, 2, Float(1)) }
        let holdout = SyntheticRatings.matrix(held, users: 9000, items: 3)
        let samples = (1...3 as ClosedRange<UInt64>).map { seed in
            RankingSample(ratings: training, holdout: holdout, seed: seed).users
        }
        for sample in samples {
            #expect(sample.count == RankingSample.maximumUserCount)
            #expect(sample.allSatisfy { $0 % 3 == 0 } && zip(sample, sample.dropFirst()).allSatisfy { $0 < $1 })
            // Spread over all of them: a third of 3000 is drawn.
            for part in 0..<3 { #expect((240...430).contains(sample.count { $0 / 3000 == part })) }
        }
        #expect(samples[0] != samples[1] && samples[1] != samples[2])
        #expect(samples[0] == RankingSample(ratings: training, holdout: holdout, seed: 1).users)
        let nothing = SyntheticRatings.matrix([(4, 0, 1)], users: 9000, items: 3)
        #expect(RankingSample(ratings: training, holdout: nothing, seed: 1).users.isEmpty)
    }

    @Test func listsThatCannotBeAreUnsound() {
        func isSound(_ items: [(Int, Double)]) -> Bool {
            RankedList(place: 0, items: items.map { ScoredItem(item: $0.0, score: $0.1) }).isSound
        }
        #expect(isSound([(3, 1)]) && isSound([(3, .infinity), (2, 1), (4, 1), (1, -5)]))
        #expect(isSound((0..<20).map { ($0, 1) }) && !isSound((0..<21).map { ($0, 1) }))
        #expect(!isSound([]) && !isSound([(3, .nan)]) && !isSound([(3, -.infinity)]))
        #expect(!isSound([(4, 1), (2, 1)]) && !isSound([(2, 1), (4, 2)]) && !isSound([(2, 1), (2, 0.5)]))
    }
}
