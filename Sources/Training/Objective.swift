// Why: whether training goes well is one number, and it must not depend on which worker added which part.
//
//     objective = sum over ratings (r - u.v)^2  +  sum over users lambda_i |u_i|^2  +  sum over items lambda_j |v_j|^2
//
// where the implicit loss has a sum over all pairs in the first one's place. After each half-step the workers know it
// and the penalty of the rows they solved; the other side's penalty is that of the half-step before or, where its
// factors were extrapolated, of those. Parts are added in block order, in double.

import LeastSquares
import Ratings

/// The objective after a half-step, and what it is made of.
public struct Objective: Sendable, Hashable {
    /// The first sum, over all pairs when the loss is implicit.
    public var squaredError: Double
    /// The regularization of each side's factors.
    public var penalty: BySide<Double>
    public var ratingCount: Int
    public var holdoutSquaredError: Double
    public var holdoutCount: Int
    /// Whether the loss is over all pairs, so that there are no errors of ratings.
    public let isImplicit: Bool

    /// - Parameters:
    ///   - blocks: the sums of the half-step's blocks, in block order.
    ///   - side: the side that was solved.
    ///   - fixedPenalty: the penalty of the other side.
    public init(blocks: some Sequence<BlockSums>, side: Side, fixedPenalty: Double, isImplicit: Bool = false) {
        self.isImplicit = isImplicit
        let sums = blocks.reduce(.zero, +)
        squaredError = sums.squaredError
        penalty = BySide(user: fixedPenalty, item: fixedPenalty)
        penalty[side] = sums.penalty
        ratingCount = sums.ratingCount
        holdoutSquaredError = sums.holdoutSquaredError
        holdoutCount = sums.holdoutCount
    }

    public var value: Double { squaredError + penalty.user + penalty.item }
    /// Root mean squared error over the training ratings; nil when the loss is implicit.
    public var trainRMSE: Double? {
        isImplicit ? nil : (squaredError / Double(max(ratingCount, 1))).squareRoot()
    }
    /// Root mean squared error over the held-out ratings; nil when there are none or the loss is implicit.
    public var validationRMSE: Double? {
        isImplicit || holdoutCount == 0 ? nil : (holdoutSquaredError / Double(holdoutCount)).squareRoot()
    }

    /// The penalty of the initial factors of `side`, whose rows have their ratings between consecutive `offsets`.
    /// - Parameter others: rows of the other side.
    public static func initialPenalty(
        _ initial: InitialFactors, side: Side, offsets: UnsafeBufferPointer<Int64>, others: Int,
        solver: SolverConfiguration
    ) -> Double {
        var penalty = 0.0
        for row in 0..<(offsets.count - 1) {
            var squares = 0.0
            for column in 0..<initial.rank {
                let element = Double(initial.element(side: side, row: row, column: column))
                squares += element * element
            }
            penalty += solver.regularization(ofRowWith: Int(offsets[row + 1] - offsets[row]), others: others) * squares
        }
        return penalty
    }
}
