// Why: what is cut into blocks: the ratings of both sides, and those held out.

import Ratings
import Training

/// The ratings of a job and its blocks.
public struct JobData: Sendable {
    public let ratings: RatingMatrix
    /// The held-out ratings, of the same users and items.
    public let holdout: RatingMatrix?
    public let plan: BySide<BlockPlan>

    /// Plans the blocks for rows of `rank` numbers, a bias included, none cheaper than `minimumBlockCost`.
    public init(
        ratings: RatingMatrix, holdout: RatingMatrix?, rank: Int, minimumBlockCost: Double = BlockPlan.minimumCost
    ) {
        let plan = BySide(user: ratings.byUser, item: ratings.byItem).map {
            BlockPlan(rowOffsets: $0.offsets.elements, rank: rank, minimumCost: minimumBlockCost)
        }
        self.init(ratings: ratings, holdout: holdout, plan: plan)
    }

    /// - Parameter plan: the blocks, as the coordinator planned them for these ratings.
    public init(ratings: RatingMatrix, holdout: RatingMatrix?, plan: BySide<BlockPlan>) {
        precondition(plan.user.rowCount == ratings.userCount && plan.item.rowCount == ratings.itemCount)
        self.ratings = ratings
        self.holdout = holdout
        self.plan = plan
    }

    /// The users by whose rankings sweeps can be judged; nil when nobody has held-out ratings to be found.
    public func rankingSample(seed: UInt64) -> RankingSample? {
        let sample = holdout.map { RankingSample(ratings: ratings, holdout: $0, seed: seed) }
        return sample?.users.isEmpty == true ? nil : sample
    }

    /// The ratings of a side, a row a user or a row an item.
    public func rows(_ side: Side) -> CompressedRows { side == .user ? ratings.byUser : ratings.byItem }

    /// How many ratings a block has, and how many were held out of it that go with it.
    public func counts(_ side: Side, _ block: Int) -> (ratings: Int, holdout: Int) {
        let range = plan[side].rows(block)
        func count(_ rows: CompressedRows) -> Int {
            Int(rows.offsets[range.upperBound] - rows.offsets[range.lowerBound])
        }
        return (count(rows(side)), side == .item ? holdout.map { count($0.byItem) } ?? 0 : 0)
    }

    /// Bytes of a block's ratings as they travel, see ``RatingsBlock``.
    public func encodedByteCount(_ side: Side, _ block: Int) -> Int {
        let counts = counts(side, block)
        return RatingsBlock.encodedByteCount(
            rows: plan[side].rows(block).count, ratings: counts.ratings,
            holdout: side == .item && holdout != nil ? counts.holdout : nil,
            valueByteCount: rows(side).values.encoding.elementType.byteCount)
    }

    /// The ratings of a block. Held-out ratings go with items only, whose half-step ends the sweep.
    public func block(_ side: Side, _ block: Int) -> RatingsBlock {
        let range = plan[side].rows(block)
        return RatingsBlock(
            ratings: rows(side).slice(range), holdout: side == .item ? holdout?.byItem.slice(range) : nil)
    }
}
