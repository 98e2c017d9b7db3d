// Why: a sweep of the implicit loss is judged by what its model would recommend: the held-out items of a user should be
// among the first of the items that the user has not seen. To rank all items for all users costs more than the sweep; a
// sample of users tells the sweeps apart as well, if it is the same in each. Who is in it is a hash of the seed and the
// user's row, so it is the same on every run, and after a resume.

import LeastSquares
import Ranking
import Ratings

/// The users by whose rankings the sweeps of a job are judged, and the items that these are to find.
public struct RankingSample: Sendable {
    /// The most users. With so many the standard error of a mean of numbers between 0 and 1 is 0.016 at most, and that
    /// of a difference between sweeps is smaller, for the users are the same.
    public static let maximumUserCount = 1000
    /// How many items a ranking has at most: the cutoff of both metrics.
    public static let listLength = 20

    /// The users' rows, ascending.
    public let users: [Int]
    /// The rows of each user's relevant items, ascending: held out, and not among the training ratings. One at least.
    private let relevant: [[UInt32]]

    /// Draws among the users who have relevant items.
    /// - Parameter seed: the job's.
    public init(ratings: RatingMatrix, holdout: RatingMatrix, seed: UInt64) {
        precondition(ratings.userCount == holdout.userCount && ratings.itemCount == holdout.itemCount)
        let key = SplitMix64.mix(seed &+ 2 &* SplitMix64.increment)
        var drawn = BestItems(capacity: Self.maximumUserCount)
        for user in 0..<holdout.userCount where !holdout.byUser.range(of: user).isEmpty {
            // 53 bits are exact.
            let score = Double(SplitMix64.mix(key ^ SplitMix64.mix(UInt64(user))) >> 11)
            if let threshold = drawn.threshold, score < threshold { continue }
            if !Self.relevant(to: user, ratings, holdout).isEmpty { drawn.offer(ScoredItem(item: user, score: score)) }
        }
        users = drawn.sorted().map(\.item).sorted()
        relevant = users.map { Self.relevant(to: $0, ratings, holdout) }
    }

    private static func relevant(to user: Int, _ ratings: RatingMatrix, _ holdout: RatingMatrix) -> [UInt32] {
        let (held, seen) = (holdout.byUser, ratings.byUser)
        var rest = seen.range(of: user)
        return held.range(of: user).map { held.columns[$0] }.filter { item in
            while let first = rest.first, seen.columns[first] < item { rest = rest.dropFirst() }
            return rest.first.map { seen.columns[$0] != item } ?? true
        }
    }

    /// Judges the items that a model ranks first for each user.
    public func quality(of rankings: SampleRankings) -> RankingQuality {
        var (recall, gain) = (0.0, 0.0)
        for (items, relevant) in zip(rankings.lists, relevant) {
            let hits = items.map { item in relevant.contains { Int($0) == item.item } }
            let ranking = UserRanking(hits: hits, relevantCount: relevant.count)
            recall += ranking.recall(at: Self.listLength)
            gain += ranking.normalizedDiscountedGain(at: Self.listLength)
        }
        let count = Double(users.count)
        return RankingQuality(recall: recall / count, normalizedDiscountedGain: gain / count)
    }
}

/// Means over the users of a sample, at a cutoff of ``RankingSample/listLength``; docs/evaluation.md defines both.
public struct RankingQuality: Sendable, Hashable {
    public let recall: Double
    /// NDCG.
    public let normalizedDiscountedGain: Double
}

/// The best items of one user of a sample, among those of a block.
public struct RankedList: Sendable, Hashable {
    /// The user's place in the sample.
    public var place: Int
    /// ``RankingSample/listLength`` at most, best first.
    public var items: [ScoredItem]

    public init(place: Int, items: [ScoredItem]) {
        (self.place, self.items) = (place, items)
    }

    /// Whether there are items, few enough, in order and none twice, with scores that are numbers.
    public var isSound: Bool {
        (1...RankingSample.listLength).contains(items.count) && Set(items.map(\.item)).count == items.count
            && items.allSatisfy { $0.score > -.infinity }
            && zip(items, items.dropFirst()).allSatisfy { $0.precedes($1) }
    }
}

/// The best items of each user of a sample, among those of the blocks so far.
///
/// Blocks may come in any order: the best are the same.
public struct SampleRankings: Sendable {
    var best: [BestItems]

    public init(userCount: Int) {
        best = Array(repeating: BestItems(capacity: RankingSample.listLength), count: userCount)
    }

    /// Takes in the lists of a block; of each block once.
    /// - Precondition: their places are below the number of users.
    public mutating func add(_ lists: [RankedList]) {
        for list in lists { for item in list.items { best[list.place].offer(item) } }
    }

    /// The items of each user, best first.
    public var lists: [[ScoredItem]] { best.map { $0.sorted() } }
}
