// Why: who has just solved a block of items can rank them for the sampled users, whose factors are there: users x items
// x d multiplications. Most of that would be for nothing, because an item that comes after twenty others which were
// ranked in the same half-step is not among the twenty best of all, whoever may hold the others. So such items are left
// out of what is sent. And where the lengths of the factors tell beforehand,
//
//     u . v  <=  |u| |v|  <  the score of the twentieth best so far,
//
// the product is not computed: a block's items are put in the order of their lengths, and a user meets the first of
// them (LEMP, Teflioudi et al. 2015).
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
    private let sample: [Int]
    private let isSampled: BitSet
    private let kernels: Kernels
    private let threads: Int
    /// The items of the block in hand.
    private let items: FactorMatrix
    /// What the sampled users have seen of the blocks that were ranked here before, by place; ``mostSeen`` at most.
    private var seen: [Int: [SeenItem]] = [:]
    private var seenCount = 0
    private var lists: [RankedList?]

    private var halfStep: HalfStep?
    /// The lengths of the users' factors in ``halfStep``.
    private var lengths: [Double] = []
    /// The best of the blocks of ``halfStep`` so far.
    private var rankings: SampleRankings
    private var blocks: Set<Int> = []

    /// 8 MiB of it: a thousand users with a thousand ratings each.
    private static let mostSeen = 1 << 20
    /// A product in single precision may be off by so much of the factors' lengths at most.
    private static let rounding = 1e-3

    /// - Parameters:
    ///   - sample: the rows of the sampled users, ascending.
    ///   - userCount: rows of all users.
    ///   - largestBlock: rows of the item block that has the most.
    /// - Throws: a ``Failure`` of kind `system` when there is no memory for its factors.
    public init(
        sample: [Int], userCount: Int, largestBlock: Int, rank: Int, kernels: Kernels, threads: Int
    ) throws(Failure) {
        precondition(sample.allSatisfy { (0..<userCount).contains($0) } && threads >= 1)
        (self.sample, self.kernels, self.threads) = (sample, kernels, threads)
        isSampled = BitSet(sample, below: userCount)
        items = try FactorMatrix(rowCount: largestBlock, rank: rank)
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
    /// - Returns: a list for each sampled user who may have some of them among the best of all, in the sample's order.
    public func rank(
        block: Int, rows: Range<Int>, of halfStep: HalfStep, factors: UnsafeBufferPointer<Float>,
        ratings: CompressedRows, users: FactorMatrix
    ) -> [RankedList] {
        precondition(rows.count <= items.rowCount && ratings.rowCount == rows.count)
        precondition(factors.count == rows.count * items.rank && users.rowCount == ratings.columnCount)
        // A block that is solved again must not be offered twice.
        if self.halfStep != halfStep || !blocks.insert(block).inserted {
            (self.halfStep, blocks) = (halfStep, [block])
            rankings = SampleRankings(userCount: sample.count)
            lengths = sample.map { user in UnsafeBufferPointer(start: users.row(user), count: users.rank).length }
        }
        let block = arrange(factors, rows, seen: seenItems(of: block, ratings))
        let (sample, lengths, items, threads) = (sample, lengths, items, threads)
        let products = FactorProducts(of: items, kernels: kernels)
        rankings.best.withUnsafeMutableBufferPointer { best in
            lists.withUnsafeMutableBufferPointer { lists in
                performConcurrently(threads) { thread in
                    let places = sample.count * thread / threads..<sample.count * (thread + 1) / threads
                    var nextSeen = block.seen.firstPlace { $0.place >= places.lowerBound }
                    withUnsafeTemporaryAllocation(of: Float.self, capacity: rows.count) { scores in
                        for place in places {
                            lists[place] = nil
                            let least = best[place].threshold ?? -.infinity
                            // Also of lengths that are not numbers none is too short.
                            let count = block.lengths.firstPlace { lengths[place] * $0 < least }
                            if count == 0 { continue }
                            let user = sample[place]
                            products.write(of: users, rows: user..<user + 1, itemCount: count, to: scores.baseAddress!)
                            while nextSeen < block.seen.count, block.seen[nextSeen].place <= place {
                                let item = block.seen[nextSeen]
                                if item.place == place { scores[block.positions[Int(item.row)]] = -.infinity }
                                nextSeen += 1
                            }
                            best[place].offer(UnsafeBufferPointer(rebasing: scores[..<count])) {
                                rows.lowerBound + block.order[$0]
                            }
                            let list = best[place].sorted(in: rows)
                            if !list.isEmpty { lists[place] = RankedList(place: place, items: list) }
                        }
                    }
                }
            }
        }
        return lists.compactMap(\.self)
    }

    /// The items of a block by falling length.
    private struct Arrangement {
        /// The block's rows, from 0, and where each of them is in that order.
        let order: [Int]
        let positions: [Int]
        /// With what a product in single precision may be off by.
        let lengths: [Double]
        let seen: [SeenItem]
    }

    /// Puts the items of a block into ``items``.
    private func arrange(_ factors: UnsafeBufferPointer<Float>, _ rows: Range<Int>, seen: [SeenItem]) -> Arrangement {
        let rank = items.rank
        let lengths = (0..<rows.count).map { row in
            UnsafeBufferPointer(rebasing: factors[row * rank..<(row + 1) * rank]).length
        }
        let order = lengths.indices.sorted { (lengths[$1], $0) < (lengths[$0], $1) }
        var positions = order
        for (position, row) in order.enumerated() {
            positions[row] = position
            items.setRows(position..<position + 1, from: UnsafeRawPointer(factors.baseAddress! + row * rank))
        }
        return Arrangement(
            order: order, positions: positions, lengths: order.map { lengths[$0] * (1 + Self.rounding) }, seen: seen)
    }

    /// Which of the block's items the sampled users have seen.
    private func seenItems(of block: Int, _ ratings: CompressedRows) -> [SeenItem] {
        if let known = seen[block] { return known }
        var found: [SeenItem] = []
        let columns = ratings.columns.elements
        for row in 0..<ratings.rowCount {
            for position in ratings.range(of: row) where isSampled.contains(columns[position]) {
                let place = sample.firstPlace { $0 >= Int(columns[position]) }
                found.append(SeenItem(place: UInt32(place), row: UInt32(row)))
            }
        }
        withExtendedLifetime(ratings) {}
        found.sort { ($0.place, $0.row) < ($1.place, $1.row) }
        if seenCount + found.count <= Self.mostSeen {
            seen[block] = found
            seenCount += found.count
        }
        return found
    }
}

/// An item that a sampled user has seen: the user's place in the sample, and the item's row in its block.
private struct SeenItem {
    let place: UInt32
    let row: UInt32
}

extension SampleRanker {
    /// Bytes that a ranker takes, its lists aside, for blocks of at most `largestBlock` items.
    public static func byteCount(userCount: Int, largestBlock: Int, stride: Int, threads: Int) -> Int {
        let arrangement = largestBlock * 4 * MemoryLayout<Int>.size
        return (largestBlock * (stride + threads)) * MemoryLayout<Float>.size + arrangement + userCount / 8
            + mostSeen * MemoryLayout<SeenItem>.size
    }
}

/// A set of small numbers, a bit for each that could be in it.
private struct BitSet {
    private var words: [UInt64]

    init(_ members: [Int], below limit: Int) {
        words = Array(repeating: 0, count: (limit + 63) / 64)
        for member in members { words[member >> 6] |= 1 << UInt64(member & 63) }
    }

    func contains(_ number: UInt32) -> Bool { words[Int(number >> 6)] >> UInt64(number & 63) & 1 == 1 }
}

extension UnsafeBufferPointer<Float> {
    /// Its length as a vector; infinite when that is not a number.
    fileprivate var length: Double {
        let squares = reduce(0.0) { $0 + Double($1) * Double($1) }
        return squares.isNaN ? .infinity : squares.squareRoot()
    }
}
