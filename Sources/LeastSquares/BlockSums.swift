// Why: the objective and the errors of a sweep are sums over blocks, taken in block order in double precision, so
// that they are the same whoever solved which block.

/// What the solver knows of a block after solving it.
public struct BlockSums: Sendable, Hashable, Codable {
    /// The sum of squared errors over the block's ratings.
    public var squaredError: Double
    /// The sum of lambda_i |x_i|^2 over the block's rows.
    public var penalty: Double
    /// The sum of squared errors over the block's held-out ratings.
    public var holdoutSquaredError: Double
    public var ratingCount: Int
    public var holdoutCount: Int

    public init(
        squaredError: Double, penalty: Double, holdoutSquaredError: Double, ratingCount: Int, holdoutCount: Int
    ) {
        self.squaredError = squaredError
        self.penalty = penalty
        self.holdoutSquaredError = holdoutSquaredError
        self.ratingCount = ratingCount
        self.holdoutCount = holdoutCount
    }

    public static let zero = BlockSums(
        squaredError: 0, penalty: 0, holdoutSquaredError: 0, ratingCount: 0, holdoutCount: 0)

    public static func + (left: BlockSums, right: BlockSums) -> BlockSums {
        BlockSums(
            squaredError: left.squaredError + right.squaredError, penalty: left.penalty + right.penalty,
            holdoutSquaredError: left.holdoutSquaredError + right.holdoutSquaredError,
            ratingCount: left.ratingCount + right.ratingCount, holdoutCount: left.holdoutCount + right.holdoutCount)
    }

    enum CodingKeys: String, CodingKey {
        case penalty
        case squaredError = "squared_error"
        case holdoutSquaredError = "holdout_squared_error"
        case ratingCount = "rating_count"
        case holdoutCount = "holdout_count"
    }
}
