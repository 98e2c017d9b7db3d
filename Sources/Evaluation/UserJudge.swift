// Why: one user's list is made from the scores of all items and judged, by the metrics that are asked for. AUC goes by
// the scores themselves, whatever the length of the list:
//
//     AUC        pairs of a relevant and another item in the right order, a tie as a half, over all pairs

import Ranking

/// What is found of one user.
struct JudgedUser {
    let ranking: UserRanking
    /// Of all pairs of a relevant and another item; nil where there are none, or where nobody asks.
    let auc: Double?
    /// The rows of the list, best first.
    let list: [Int]

    /// nil for ``Metric/Kind/coverage``, which no user has alone, and for errors.
    func value(of metric: Metric) -> Double? {
        guard let cutoff = metric.cutoff else { return metric.kind == .auc ? auc : nil }
        switch metric.kind {
        case .precision: return ranking.precision(at: cutoff)
        case .recall: return ranking.recall(at: cutoff)
        case .ndcg: return ranking.normalizedDiscountedGain(at: cutoff)
        case .map: return ranking.averagePrecision(at: cutoff)
        case .mrr: return ranking.reciprocalRank(at: cutoff)
        case .rmse, .mae, .auc, .coverage: return nil
        }
    }
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
    mutating func judge(
        _ scores: UnsafeBufferPointer<Float>, relevant: [Int], unknownCount: Int
    ) -> JudgedUser {
        for item in relevant { isRelevant[item] = true }
        defer { for item in relevant { isRelevant[item] = false } }
        var best = BestItems(capacity: listLength)
        best.offer(scores)
        let list = best.sorted().map(\.item)
        return JudgedUser(
            ranking: UserRanking(hits: list.map { isRelevant[$0] }, relevantCount: relevant.count + unknownCount),
            auc: needsAUC ? auc(scores, relevant, unknownCount) : nil, list: list)
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
