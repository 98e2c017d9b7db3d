// Why: who has just solved a block of items can rank them for the sampled users, whose factors are there: users x items x d
// multiplications. Its list of a user is short, because an item that comes after twenty others which were ranked in the
// same half-step is not among the twenty best of all, whoever may hold the others; so it is left out.
//
// Threads share the users. Each user's list depends on the factors and on which blocks were ranked before, never on the
// threads; and whatever was left out, the best of all blocks together are the same.

import Failures
import LeastSquares
import Ranking
import Ratings

/// Ranks the items of solved blocks for the users of a ``RankingSample``.
///
/// May be used from any thread, but for one block at a time.
public final class SampleRanker {
    private let users: [Int]
    /// A bit for each user row.
    private var isSampled: [UInt64]
    private let kernels: Kernels
    private let threads: Int
    /// The items of the block in hand.
    private let items: FactorMatrix
    /// What each sampled user has seen of them, from the block's first row.
    private var seen: [[Int]]
    private var lists: [RankedList?]

    /// The best of the blocks of ``halfStep`` so far.
    private var rankings: SampleRankings
    private var halfStep: HalfStep?
    private var blocks: Set<Int> = []

    /// - Parameters:
    ///   - sample: the rows of the sampled users, ascending.
    ///   - userCount: rows of all users.
    ///   - largestBlock: rows of the item block that has the most.
    /// - Throws: a ``Failure`` of kind `system` when there is no memory for its factors.
    public init(
        sample: [Int], userCount: Int, largestBlock: Int, rank: Int, kernels: Kernels, threads: Int
    ) throws(Failure) {
        precondition(sample.allSatisfy { (0..<userCount).contains($0) } && threads >= 1)
        (users, self.kernels, self.threads) = (sample, kernels, threads)
        isSampled = Array(repeating: 0, count: (userCount + 63) / 64)
        for user in sample { isSampled[user >> 6] |= 1 << UInt64(user & 63) }
        items = try FactorMatrix(rowCount: largestBlock, rank: rank)
        seen = Array(repeating: [], count: sample.count)
        lists = Array(repeating: nil, count: sample.count)
        rankings = SampleRankings(userCount: sample.count)
    }

    /// Ranks the items of a block.
    /// - Parameters:
    ///   - rows: the block's items.
    ///   - halfStep: in which they were solved, from `users`.
    ///   - factors: theirs, `rows.count` x the rank, without padding.
    ///   - ratings: a row for each of them.
    ///   - users: the factors of all users.
    /// - Returns: a list for each sampled user who may have some of them among the best of all, in the order of the sample.
    public func rank(
        block: Int, rows: Range<Int>, of halfStep: HalfStep, factors: UnsafeBufferPointer<Float>,
        ratings: CompressedRows, users: FactorMatrix
    ) -> [RankedList] {
        precondition(rows.count <= items.rowCount && ratings.rowCount == rows.count)
        precondition(factors.count == rows.count * items.rank && users.rowCount == ratings.columnCount)
        // A block that is solved again must not be offered twice.
        if self.halfStep != halfStep || !blocks.insert(block).inserted {
            (self.halfStep, blocks) = (halfStep, [block])
            rankings = SampleRankings(userCount: self.users.count)
        }
        items.setRows(0..<rows.count, from: UnsafeRawPointer(factors.baseAddress!))
        noteSeen(ratings)
        let products = FactorProducts(of: items, rowCount: rows.count, kernels: kernels)
        let (sample, seen, threads) = (self.users, seen, threads)
        rankings.best.withUnsafeMutableBufferPointer { best in
            lists.withUnsafeMutableBufferPointer { lists in
                performConcurrently(threads) { thread in
                    let places = sample.count * thread / threads..<sample.count * (thread + 1) / threads
                    Self.withScores(of: places, sample, products, users, rows.count) { place, scores in
                        for item in seen[place] { scores[item] = -.infinity }
                        best[place].offer(UnsafeBufferPointer(scores), from: rows.lowerBound)
                        let list = best[place].sorted(in: rows)
                        lists[place] = list.isEmpty ? nil : RankedList(place: place, items: list)
                    }
                }
            }
        }
        return lists.compactMap(\.self)
    }

    /// Runs `body` with each place and the scores of the block's items for the user there.
    private static func withScores(
        of places: Range<Int>, _ sample: [Int], _ products: FactorProducts, _ users: FactorMatrix, _ itemCount: Int,
        _ body: (Int, UnsafeMutableBufferPointer<Float>) -> Void
    ) {
        let groupSize = groupSize(itemCount: itemCount)
        var scores = [Float](repeating: 0, count: groupSize * itemCount)
        scores.withUnsafeMutableBufferPointer { scores in
            for first in stride(from: places.lowerBound, to: places.upperBound, by: groupSize) {
                let group = first..<min(first + groupSize, places.upperBound)
                products.write(of: users, rows: sample[group], to: scores.baseAddress!)
                for place in group {
                    let start = (place - first) * itemCount
                    body(place, UnsafeMutableBufferPointer(rebasing: scores[start..<start + itemCount]))
                }
            }
        }
    }

    /// Notes which of the block's items each sampled user has seen.
    private func noteSeen(_ ratings: CompressedRows) {
        for place in seen.indices { seen[place].removeAll(keepingCapacity: true) }
        for row in 0..<ratings.rowCount {
            for position in ratings.range(of: row) {
                let user = Int(ratings.columns[position])
                if isSampled[user >> 6] >> UInt64(user & 63) & 1 == 1 { seen[place(of: user)].append(row) }
            }
        }
    }

    /// The place of a sampled user, by bisection.
    private func place(of user: Int) -> Int {
        var (low, high) = (0, users.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if users[middle] < user { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension SampleRanker {
    /// Users who share a tile of items well, and scores that stay in the second-level cache.
    private static let (largestGroup, scoreCount) = (32, 1 << 16)

    /// Users who are scored at once.
    private static func groupSize(itemCount: Int) -> Int {
        max(1, min(largestGroup, scoreCount / max(itemCount, 1)))
    }

    /// Bytes that a ranker takes, its lists aside, for blocks of at most `largestBlock` items.
    public static func byteCount(userCount: Int, largestBlock: Int, stride: Int, threads: Int) -> Int {
        let scores = threads * max(largestBlock, min(largestGroup * largestBlock, scoreCount))
        return (largestBlock * stride + scores) * MemoryLayout<Float>.size + userCount / 8
    }
}
