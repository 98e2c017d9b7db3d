// Why: how good the lists are that a model makes: every item is scored for every user with held-out ratings, what the
// user has seen is left out, and the places of the held-out items are judged.
//
// Users are taken in groups whose size depends on the number of items alone. Each group's sums are added in the order
// of its users, and the groups' in theirs, so the figures are the same for any number of threads.

import Dispatch
import Failures
import Foundation
import LeastSquares
import Model
import Ratings
import Synchronization

/// Means over users of what their lists say.
public struct RankingEvaluation: Sendable, Hashable {
    /// Users with relevant items, whom the model knows: those of the means.
    public private(set) var users = 0
    /// Their relevant items.
    public private(set) var relevant = 0
    /// Users with held-out ratings whom the model does not know, and who are left out.
    public private(set) var unknownUsers = 0
    private var values: [Metric: Double] = [:]

    /// Nil for metrics that were not asked for, and for an ``Metric/Kind/auc`` that no user has because all their items
    /// are relevant.
    public subscript(metric: Metric) -> Double? { values[metric] }

    /// Judges `model` by held-out ratings.
    /// - Parameters:
    ///   - heldOut: rows are users.
    ///   - mapping: where the model has them.
    ///   - seen: what is left out of the lists, and of the relevant items; nil for nothing.
    ///   - metrics: errors among them are passed over.
    ///   - relevantFrom: ratings below are not relevant; nil when every held-out rating is.
    /// - Throws: a ``Failure`` of kind `badData` when nobody has relevant items, and of kind `system` when there is not
    ///   enough memory.
    public init(
        of model: FactorModel, on heldOut: CompressedRows, mapping: RowMapping, seen: SeenItems?, metrics: [Metric],
        relevantFrom: Float? = nil, kernels: Kernels = .best,
        threads: Int = ProcessInfo.processInfo.activeProcessorCount
    ) throws(Failure) {
        let withRatings = (0..<heldOut.rowCount).filter { !heldOut.range(of: $0).isEmpty }
        let rows = withRatings.filter { mapping.user($0) != nil }
        unknownUsers = withRatings.count - rows.count
        let task = RankingTask(
            model: model, heldOut: heldOut, mapping: mapping, seen: seen, metrics: metrics.filter { !$0.kind.isError },
            relevantFrom: relevantFrom, rows: rows,
            products: FactorProducts(of: try model.factorMatrix(of: .item), kernels: kernels))
        let sums = try task.run(threads: max(1, threads))
        (users, relevant) = (sums.users, sums.relevant)
        guard users > 0 else {
            throw Failure(
                .badData, "no user has items to be found",
                remedy: rows.isEmpty
                    ? "give ratings of users that the model knows, or fold them in"
                    : "lower --relevant-from, or leave out fewer seen items")
        }
        for (index, metric) in task.metrics.enumerated() {
            if metric.kind == .coverage {
                values[metric] = Double(sums.shown[index].count(where: \.self)) / Double(model.itemCount)
            } else if sums.counts[index] > 0 {
                values[metric] = sums.totals[index] / Double(sums.counts[index])
            }
        }
    }
}

/// Sums over users.
private struct RankingSums: Sendable {
    var users = 0
    var relevant = 0
    /// By metric.
    var totals: [Double]
    /// By metric, the users who have it.
    var counts: [Int]
    /// By metric, for coverage: by item, whether anyone is shown it. Empty for others.
    var shown: [[Bool]]

    init(_ metrics: [Metric], itemCount: Int = 0) {
        totals = Array(repeating: 0, count: metrics.count)
        counts = Array(repeating: 0, count: metrics.count)
        shown = metrics.map { Array(repeating: false, count: $0.kind == .coverage ? itemCount : 0) }
    }
}

/// A ranking of many users.
private struct RankingTask: Sendable {
    let model: FactorModel
    let heldOut: CompressedRows
    let mapping: RowMapping
    let seen: SeenItems?
    let metrics: [Metric]
    let relevantFrom: Float?
    /// The rows of the users to rank.
    let rows: [Int]
    let products: FactorProducts

    /// 16 MiB of scores a thread, and at most as many users as share a tile of items well.
    private var groupSize: Int { max(1, min(128, (1 << 22) / max(model.itemCount, 1))) }

    func run(threads: Int) throws(Failure) -> RankingSums {
        let groupCount = (rows.count + groupSize - 1) / groupSize
        let next = Atomic(0)
        let results = Mutex<(groups: [RankingSums?], shown: [[[Bool]]], failure: Failure?)>(
            (Array(repeating: nil, count: groupCount), [], nil))
        DispatchQueue.concurrentPerform(iterations: max(1, min(threads, groupCount))) { _ in
            do throws(Failure) {
                let worker = try RankingWorker(self, groupSize: groupSize)
                while case let group = next.wrappingAdd(1, ordering: .relaxed).oldValue, group < groupCount {
                    let range = group * groupSize..<min((group + 1) * groupSize, rows.count)
                    let sums = worker.rank(rows[range])
                    results.withLock { $0.groups[group] = sums }
                }
                let shown = worker.shown
                results.withLock { $0.shown.append(shown) }
            } catch {
                results.withLock { $0.failure = error }
            }
        }
        let (groups, shown, failure) = results.withLock { $0 }
        if let failure { throw failure }
        var sums = RankingSums(metrics, itemCount: model.itemCount)
        for group in groups.compactMap(\.self) {
            sums.users += group.users
            sums.relevant += group.relevant
            for index in metrics.indices {
                sums.totals[index] += group.totals[index]
                sums.counts[index] += group.counts[index]
            }
        }
        for thread in shown {
            for (index, items) in thread.enumerated() {
                for item in items.indices where items[item] { sums.shown[index][item] = true }
            }
        }
        return sums
    }
}

/// One thread of it.
private final class RankingWorker {
    private let task: RankingTask
    private var judge: UserJudge
    private let users: FactorMatrix
    private var scores: [Float]
    /// As in ``RankingSums``.
    private(set) var shown: [[Bool]]

    init(_ task: RankingTask, groupSize: Int) throws(Failure) {
        self.task = task
        judge = UserJudge(itemCount: task.model.itemCount, metrics: task.metrics)
        users = try FactorMatrix(rowCount: groupSize, rank: task.model.rank)
        scores = Array(repeating: 0, count: groupSize * task.model.itemCount)
        shown = RankingSums(task.metrics, itemCount: task.model.itemCount).shown
    }

    /// Ranks a group of users, in order.
    func rank(_ rows: ArraySlice<Int>) -> RankingSums {
        let (rank, itemCount) = (task.model.rank, task.model.itemCount)
        let factors = task.model.userFactors
        for (index, row) in rows.enumerated() {
            guard let user = task.mapping.user(row) else { preconditionFailure("an unknown user is ranked") }
            users.row(index).update(from: factors.elements.baseAddress! + user * rank, count: rank)
        }
        var sums = RankingSums(task.metrics)
        scores.withUnsafeMutableBufferPointer { scores in
            task.products.write(of: users, rows: 0..<rows.count, to: scores.baseAddress!)
            for (index, row) in rows.enumerated() {
                let scores = UnsafeMutableBufferPointer(rebasing: scores[index * itemCount..<(index + 1) * itemCount])
                // The intercept and the user's bias do not change the order.
                if let biases = task.model.itemBiases?.elements {
                    for item in 0..<itemCount { scores[item] += biases[item] }
                }
                add(row, scores, &sums)
            }
        }
        return sums
    }

    private func add(
        _ row: Int, _ scores: UnsafeMutableBufferPointer<Float>, _ sums: inout RankingSums
    ) {
        task.seen?.forEach(of: row) { scores[$0] = -.infinity }
        let (relevant, unknownCount) = task.relevantItems(of: row)
        let unseen = relevant.filter { scores[$0] > -.infinity }
        guard unseen.count + unknownCount > 0 else { return }
        let judged = judge.judge(UnsafeBufferPointer(scores), relevant: unseen, unknownCount: unknownCount)
        sums.users += 1
        sums.relevant += judged.ranking.relevantCount
        for (index, metric) in task.metrics.enumerated() {
            if metric.kind == .coverage, let cutoff = metric.cutoff {
                for item in judged.list.prefix(cutoff) { shown[index][item] = true }
            } else if let value = judged.value(of: metric) {
                sums.totals[index] += value
                sums.counts[index] += 1
            }
        }
    }
}

extension RankingTask {
    /// The model's rows of the items that are to be found for the user `row`, and how many the model does not have.
    func relevantItems(of row: Int) -> (known: [Int], unknownCount: Int) {
        let range = heldOut.range(of: row)
        var values = [Float](repeating: 0, count: range.count)
        if relevantFrom != nil {
            values.withUnsafeMutableBufferPointer { heldOut.values.decode(range, minus: 0, to: $0.baseAddress!) }
        }
        var known: [Int] = []
        var unknownCount = 0
        for (position, value) in zip(range, values) where relevantFrom.map({ value >= $0 }) ?? true {
            if let item = mapping.item(Int(heldOut.columns[position])) { known.append(item) } else { unknownCount += 1 }
        }
        return (known, unknownCount)
    }
}
