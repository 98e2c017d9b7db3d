// Why: what one user's list says, in the formulas of docs/evaluation.md:
//
//     hit_p = 1 where the item at place p is relevant, R = relevant items, at cutoff k
//
//     precision  sum hit_p / k                          recall  sum hit_p / R
//     NDCG       sum hit_p / log2(p + 1)  over  sum_{p <= min(k, R)} 1 / log2(p + 1)
//     MAP        sum hit_p precision@p / min(k, R)      MRR     1 / p of the first hit
//     AUC        pairs of a relevant and another item in the right order, a tie as a half, over all pairs
//
// The list goes by falling score, and by row where scores are equal: more ratings first, the order of `mf recommend`.

import Foundation
import Model

/// The list of one user, judged.
struct UserRanking {
    /// Whether the item at each place is relevant, best first.
    let hits: [Bool]
    /// R, which counts items that the model does not know and cannot show.
    let relevantCount: Int
    /// Of all pairs of a relevant and another item; nil where there are none, or where nobody asks.
    let auc: Double?

    /// nil for ``Metric/Kind/coverage``, which no user has alone, and for errors.
    func value(of metric: Metric) -> Double? {
        guard let cutoff = metric.cutoff else { return metric.kind == .auc ? auc : nil }
        let hits = hits.prefix(cutoff)
        let count = Double(hits.count(where: \.self))
        switch metric.kind {
        case .precision: return count / Double(cutoff)
        case .recall: return count / Double(relevantCount)
        case .ndcg:
            let gain = hits.enumerated().reduce(0.0) { $1.element ? $0 + Self.discount($1.offset) : $0 }
            return gain / (0..<min(cutoff, relevantCount)).reduce(0.0) { $0 + Self.discount($1) }
        case .map:
            var found = 0.0
            let sum = hits.enumerated().reduce(0.0) { sum, place in
                guard place.element else { return sum }
                found += 1
                return sum + found / Double(place.offset + 1)
            }
            return sum / Double(min(cutoff, relevantCount))
        case .mrr: return hits.firstIndex(of: true).map { 1 / Double($0 + 1) } ?? 0
        case .rmse, .mae, .auc, .coverage: return nil
        }
    }

    /// What a hit at place `index`, from 0, is worth.
    private static func discount(_ index: Int) -> Double { 1 / log2(Double(index + 2)) }
}

/// One thread's memory for judging users.
struct UserJudge {
    /// Whether each item of the model is relevant to the user in hand.
    private var isRelevant: [Bool]
    private let listLength: Int
    private let needsAUC: Bool

    init(itemCount: Int, metrics: [Metric]) {
        isRelevant = Array(repeating: false, count: itemCount)
        listLength = min(metrics.compactMap(\.cutoff).max() ?? 0, itemCount)
        needsAUC = metrics.contains { $0.kind == .auc }
    }

    /// Judges the order that `scores` put the model's items in.
    /// - Parameters:
    ///   - scores: one an item; minus infinity where the user has seen it.
    ///   - relevant: rows of relevant items, none of them seen.
    ///   - unknownCount: relevant items that the model does not know.
    /// - Returns: also the rows of the list, best first.
    mutating func judge(
        _ scores: UnsafeBufferPointer<Float>, relevant: [Int], unknownCount: Int
    ) -> (ranking: UserRanking, list: [Int]) {
        for item in relevant { isRelevant[item] = true }
        defer { for item in relevant { isRelevant[item] = false } }
        var best = BestItems(capacity: listLength)
        var threshold = best.threshold ?? -.infinity
        for item in scores.indices where Double(scores[item]) > threshold {
            best.offer(ScoredItem(item: item, score: Double(scores[item])))
            threshold = best.threshold ?? -.infinity
        }
        let list = best.sorted().map(\.item)
        let ranking = UserRanking(
            hits: list.map { isRelevant[$0] }, relevantCount: relevant.count + unknownCount,
            auc: needsAUC ? auc(scores, relevant, unknownCount) : nil)
        return (ranking, list)
    }

    private func auc(_ scores: UnsafeBufferPointer<Float>, _ relevant: [Int], _ unknownCount: Int) -> Double? {
        let wanted = relevant.map { scores[$0] }.sorted()
        var others = 0
        // A win counts 2, a tie 1.
        var halves = 0
        for item in scores.indices where !isRelevant[item] && scores[item] > -.infinity {
            others += 1
            let score = scores[item]
            let below = wanted.firstPlace { $0 >= score }
            let notAbove = below < wanted.count && wanted[below] == score ? wanted.firstPlace { $0 > score } : below
            halves += 2 * (wanted.count - notAbove) + (notAbove - below)
        }
        guard others > 0 else { return nil }
        return Double(halves) / 2 / (Double(others) * Double(relevant.count + unknownCount))
    }
}

extension [Float] {
    /// The first place whose element satisfies `condition`, which all after it do too; by bisection.
    fileprivate func firstPlace(_ condition: (Float) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if condition(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
