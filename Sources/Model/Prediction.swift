// Why: what a model says of a user and an item,
//
//     r(user, item) = intercept + b_user + b_item + u_user . v_item
//
// where biases are 0 in a model without them, and the best items by it. The product is summed in double in one fixed
// order, so that a prediction is the same number wherever it is computed, and evaluation and recommendation never
// disagree.

import ArrayFiles
import Ranking

extension FactorModel {
    /// The predicted rating of `item` by `user`, both rows; always finite.
    ///
    /// A user or an item that the model does not know is nil, and the prediction is then the intercept and the bias of
    /// the other.
    public func predict(user: Int?, item: Int?) -> Double {
        let userBias = user.flatMap { row in userBiases.map { Double($0.elements[row]) } } ?? 0
        let itemBias = item.flatMap { row in itemBiases.map { Double($0.elements[row]) } } ?? 0
        let known = intercept + (userBias + itemBias)
        guard let user, let item else { return known }
        return known + product(of: userFactors.row(user, rank), and: itemFactors.row(item, rank))
    }

    /// The items with the highest predictions for `user`, best first; among equals the lower row first.
    ///
    /// Exact: every item is scored. O(items x rank + items x log count) time, `count` items of memory.
    /// - Parameters:
    ///   - user: the user's row; nil for one that the model does not know, for whom predictions are the intercept and
    ///     the item's bias; without biases the items with the most ratings come first, since rows are numbered so.
    ///   - count: how many to return at most.
    ///   - excluded: rows of items to leave out.
    public func topItems(for user: Int?, count: Int, excluding excluded: Set<Int> = []) -> [ScoredItem] {
        var best = BestItems(capacity: count)
        for item in 0..<itemCount where !excluded.contains(item) {
            best.offer(ScoredItem(item: item, score: predict(user: user, item: item)))
        }
        return best.sorted()
    }
}

extension ArrayView<Float> {
    /// Row `row` of a matrix with `rank` columns.
    @inline(__always)
    fileprivate func row(_ row: Int, _ rank: Int) -> UnsafeBufferPointer<Float> {
        UnsafeBufferPointer(rebasing: elements[row * rank..<(row + 1) * rank])
    }
}

/// The product of two vectors of equal length, in four interleaved sums of doubles.
private func product(of a: UnsafeBufferPointer<Float>, and b: UnsafeBufferPointer<Float>) -> Double {
    var sums = SIMD4<Double>.zero
    var index = 0
    while index + 4 <= a.count {
        let left = SIMD4<Double>(Double(a[index]), Double(a[index + 1]), Double(a[index + 2]), Double(a[index + 3]))
        let right = SIMD4<Double>(Double(b[index]), Double(b[index + 1]), Double(b[index + 2]), Double(b[index + 3]))
        sums += left * right
        index += 4
    }
    var rest = 0.0
    while index < a.count {
        rest += Double(a[index]) * Double(b[index])
        index += 1
    }
    return (sums[0] + sums[2]) + (sums[1] + sums[3]) + rest
}
