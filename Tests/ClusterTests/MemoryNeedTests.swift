// Why: what a worker is said to need decides whether it may take part, so it must be neither too little nor absurd.

import Cluster
import LeastSquares
import Ratings
import TestKit
import Testing
import Training

@Suite struct MemoryNeedTests {
    private static let netflix = BySide(user: 480_189, item: 17_770)

    private static func need(
        _ rank: Int, _ precision: Precision = .fp32, rows: BySide<Int> = netflix, threads: Int = 1, longestRow: Int = 0
    ) -> MemoryNeed {
        let job = JobConfiguration(rank: rank, precision: precision)
        return MemoryNeed(
            rowCounts: rows, solver: job.solverConfiguration(mean: 0), threads: threads, longestRow: longestRow)
    }

    @Test func factorsAreRowsPaddedToSixteenFloats() {
        func factors(_ rank: Int, _ precision: Precision = .fp32) -> Int { Self.need(rank, precision).factors }
        let rows = 480_189 + 17_770
        // And a page of 2 MiB a side, to begin at its boundary.
        #expect(factors(64) == rows * 64 * 4 + 4 << 20)
        #expect(factors(50) == factors(64))
        #expect(factors(65) == rows * 80 * 4 + 4 << 20)
        // In bfloat16 the users once more, padded to 32.
        #expect(factors(65, .bf16) == factors(65) + 480_189 * 96 * 2 + 2 << 20)
    }

    @Test func theNeedGrowsWithThreadsRankAndTheLongestRow() {
        let need = Self.need(64, threads: 2, longestRow: 230_000)
        #expect(need.total > Self.need(64, longestRow: 230_000).total)
        #expect(need.total > Self.need(64, threads: 2).total)
        #expect(need.total < Self.need(128, threads: 2, longestRow: 230_000).total)
        // Factors are most of it.
        #expect((160 << 20..<190 << 20).contains(need.total), "\(need.total)")
    }

    /// What a peer may name at most does not overflow.
    @Test func theLargestJobCanBeCounted() {
        let rows = Int(UInt32.max)
        let need = Self.need(
            JobConfiguration.maximumRank, .bf16, rows: BySide(user: rows, item: rows), threads: Limits.threadCount,
            longestRow: rows)
        #expect(need.total > need.factors && need.factors > rows)
    }

    @Test func limitsAreComparedInWords() throws {
        let need = Self.need(64)
        #expect(need.defect(ofLimit: ByteSize(need.total)) == nil)
        let defect = try #require(need.defect(ofLimit: ByteSize(need.total - 1)))
        let needed = ByteSize(need.total)
        #expect(defect.contains("\(needed)") && defect.contains("--memory-limit \(needed.optionText)"))
        #expect(need.defect(ofLimit: ByteSize(need.total), ratings: 1) == nil)
        #expect(ByteSize(needed.optionText)!.bytes >= need.total)
    }

    /// Whoever gives what the first refusal says is not refused again for not mapping the store.
    @Test func bothRefusalsNameTheSameLimit() throws {
        let (need, ratings) = (Self.need(64), 50 << 20)
        let first = try #require(need.defect(ofLimit: ByteSize(1 << 20), ratings: ratings))
        let second = try #require(need.defect(ofLimit: ByteSize(need.total), ratings: ratings, mapsStore: false))
        let enough = ByteSize(need.total + ratings)
        for defect in [first, second] {
            #expect(defect.contains("--memory-limit \(enough.optionText) or more") && defect.contains("\(enough)"))
        }
        #expect(first.contains("\(ByteSize(need.total)), or"))
        #expect(second.contains("50 MiB of it for ratings"))
        for mapsStore in [false, true] {
            #expect(need.defect(ofLimit: ByteSize(enough.optionText)!, ratings: ratings, mapsStore: mapsStore) == nil)
        }
    }

    @Test func ratingsAreCountedAsTheyTravel() {
        let (training, holdout) = SyntheticRatings.planted(users: 300, items: 200, ratings: 6000, seed: 11)
        for holdout in [holdout, nil] {
            let data = JobData(ratings: training, holdout: holdout, rank: 96, minimumBlockCost: 2e7)
            let blocks = [Side.user, .item].flatMap { side in
                (0..<data.plan[side].count).map { data.block(side, $0).encoded().bytes.count }
            }
            let need = RatingsNeed(data)
            #expect(need.total == blocks.reduce(0, +))
            #expect(need.largestBlock == blocks.max())
            #expect(need.share(workers: 1) == need.total)
            #expect(need.share(workers: 4) < need.total / 2)
            let longest = [training.byUser, training.byItem].flatMap { rows in
                (0..<rows.rowCount).map { rows.range(of: $0).count }
            }.max()
            #expect(need.longestRow == longest)
        }
    }

    @Test(arguments: [
        ("1", 1), ("512M", 512 << 20), ("2G", 2 << 30), ("2g", 2 << 30), ("3K", 3072), ("1T", 1 << 40),
        ("007M", 7 << 20),
    ])
    func sizesAreRead(text: String, bytes: Int) { #expect(ByteSize(text)?.bytes == bytes) }

    @Test(arguments: [
        "", "M", "0", "0G", "-1G", "+1G", "1.5G", "1 G", "G1", "1GG", "9999999999T", "99999999999999999999", "١M",
    ])
    func otherTextsAreNoSizes(text: String) { #expect(ByteSize(text) == nil) }
}
