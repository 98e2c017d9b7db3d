// Why: what one user's list says, in the formulas of docs/evaluation.md:
//
//     hit_p = 1 where the item at place p is relevant, R = relevant items, at cutoff k
//
//     precision  sum hit_p / k                          recall  sum hit_p / R
//     NDCG       sum hit_p / log2(p + 1)  over  sum_{p <= min(k, R)} 1 / log2(p + 1)
//     MAP        sum hit_p precision@p / min(k, R)      MRR     1 / p of the first hit
//
// The list goes by falling score, and by row where scores are equal: more ratings first, the order of `mf recommend`.

import Foundation

/// The list of one user, judged.
package struct UserRanking {
    /// Whether the item at each place is relevant, best first.
    private let hits: [Bool]
    /// R, 1 or more, which counts items that the model does not know and cannot show.
    package let relevantCount: Int

    /// - Parameter hits: of a list as long as the cutoffs that will be asked for, unless there are no more items.
    package init(hits: [Bool], relevantCount: Int) {
        precondition(relevantCount >= 1)
        (self.hits, self.relevantCount) = (hits, relevantCount)
    }

    package func precision(at cutoff: Int) -> Double { Double(hitCount(at: cutoff)) / Double(cutoff) }

    package func recall(at cutoff: Int) -> Double { Double(hitCount(at: cutoff)) / Double(relevantCount) }

    package func normalizedDiscountedGain(at cutoff: Int) -> Double {
        let gain = hits.prefix(cutoff).enumerated().reduce(0.0) { $1.element ? $0 + Self.discount($1.offset) : $0 }
        return gain / (0..<min(cutoff, relevantCount)).reduce(0.0) { $0 + Self.discount($1) }
    }

    package func averagePrecision(at cutoff: Int) -> Double {
        var found = 0.0
        let sum = hits.prefix(cutoff).enumerated().reduce(0.0) { sum, place in
            guard place.element else { return sum }
            found += 1
            return sum + found / Double(place.offset + 1)
        }
        return sum / Double(min(cutoff, relevantCount))
    }

    package func reciprocalRank(at cutoff: Int) -> Double {
        hits.prefix(cutoff).firstIndex(of: true).map { 1 / Double($0 + 1) } ?? 0
    }

    private func hitCount(at cutoff: Int) -> Int { hits.prefix(cutoff).count(where: \.self) }

    /// What a hit at place `index`, from 0, is worth.
    private static func discount(_ index: Int) -> Double { 1 / log2(Double(index + 2)) }
}
