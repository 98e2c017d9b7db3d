// Why: the coordinator's copy of the factors: immutable payloads, one a block, that are sent to workers as they are. A
// block's payload is replaced and never changed, so one that is still on its way to a slow worker stays whole.
//
// What a block was solved to last is its *result*; what the workers read is its *present* factors. The two differ
// for items between sweeps, when the present factors are extrapolated from the last two results.

import LeastSquares
import Ratings
import Training

/// The present factors of a block.
enum FactorBlock {
    /// Every worker makes these itself.
    case initial
    case solved(version: Int, Payload)

    var payload: Payload? { if case .solved(_, let payload) = self { payload } else { nil } }
}

/// The factors of a job, block by block, and their regularization.
struct JobFactors {
    private(set) var present: BySide<[FactorBlock]>
    /// The regularization of each side's present factors.
    private(set) var penalty: BySide<Double>
    private var results: BySide<[Payload?]>
    /// The versions of complete results.
    private var resultVersions = BySide(user: 0, item: 0)
    /// The regularization of the items' results.
    private var itemResultPenalty = 0.0
    /// The regularization of each block of extrapolated items.
    private var extrapolatedPenalties: [Double]
    /// The results of the sweep that is to be the model; nil when that is the last.
    private var kept: (results: BySide<[Payload]>, versions: BySide<Int>)?
    private let data: JobData
    private let solver: SolverConfiguration

    /// The initial factors.
    init(_ initial: InitialFactors, data: JobData, solver: SolverConfiguration) {
        self.data = data
        self.solver = solver
        present = data.plan.map { Array(repeating: .initial, count: $0.count) }
        results = data.plan.map { Array(repeating: nil, count: $0.count) }
        extrapolatedPenalties = Array(repeating: 0, count: data.plan.item.count)
        penalty = BySide(user: Side.user, item: Side.item).map { side in
            Objective.initialPenalty(
                initial, side: side, offsets: data.rows(side).offsets.elements, others: data.rows(side).columnCount,
                solver: solver)
        }
    }

    /// Takes in the result of a block.
    mutating func take(_ result: Payload, block: Int, of halfStep: HalfStep) {
        let factors = halfStep.isExtrapolated ? extrapolate(result, block) : result
        results[halfStep.side][block] = result
        present[halfStep.side][block] = .solved(version: halfStep.solvedVersion, factors)
    }

    /// Takes in that all blocks of `halfStep` are solved, with `objective`.
    mutating func complete(_ halfStep: HalfStep, _ objective: Objective) {
        resultVersions[halfStep.side] = halfStep.solvedVersion
        penalty = objective.penalty
        guard halfStep.isExtrapolated else { return }
        itemResultPenalty = penalty.item
        // In block order, so that it is the same whoever solved what when.
        penalty.item = extrapolatedPenalties.reduce(0, +)
    }

    /// Makes the items' results their present factors, under a version of their own.
    mutating func withdrawExtrapolation(version: Int) {
        penalty.item = itemResultPenalty
        resultVersions.item = version
        present.item = results.item.map { .solved(version: version, $0!) }
    }

    /// Makes the present results the model, until they are kept anew.
    mutating func keep() { kept = (latest, resultVersions) }

    /// The model: what was kept, or else the latest results.
    var finished: BySide<[Payload]> { kept?.results ?? latest }

    /// The results of both sides, once each has been solved.
    private var latest: BySide<[Payload]> { results.map { $0.map { $0! } } }

    // MARK: Checkpoints

    /// The factors as they are, for ``init(_:data:solver:)``. Between half-steps only.
    var checkpoint: [Checkpoint.Factors] {
        func factors(_ role: Checkpoint.Factors.Role, _ version: Int, _ payloads: [Payload]) -> Checkpoint.Factors {
            Checkpoint.Factors(role: role, version: version, payloads: payloads)
        }
        var all: [Checkpoint.Factors] = []
        if resultVersions.user > 0 { all.append(factors(.user, resultVersions.user, results.user.map { $0! })) }
        if resultVersions.item > 0 { all.append(factors(.item, resultVersions.item, results.item.map { $0! })) }
        let (read, solved) = (present.item.compactMap(\.payload), results.item.compactMap { $0 })
        if !zip(read, solved).allSatisfy({ $0 === $1 }) {
            all.append(factors(.extrapolatedItem, resultVersions.item, read))
        }
        if let kept {
            all.append(factors(.keptUser, kept.versions.user, kept.results.user))
            all.append(factors(.keptItem, kept.versions.item, kept.results.item))
        }
        return all
    }

    /// The regularization of the items' results, which is not that of the present factors while these are extrapolated.
    var checkpointItemPenalty: Double { itemResultPenalty }

    /// The factors as they were in a checkpoint.
    init(_ checkpoint: Checkpoint, data: JobData, solver: SolverConfiguration) {
        self.data = data
        self.solver = solver
        let record = checkpoint.record
        penalty = record.penalty
        itemResultPenalty = record.itemResultPenalty
        extrapolatedPenalties = Array(repeating: 0, count: data.plan.item.count)
        results = BySide(user: Side.user, item: Side.item).map { side in
            checkpoint[side == .user ? .user : .item]?.payloads ?? Array(repeating: nil, count: data.plan[side].count)
        }
        resultVersions = BySide(user: record.versions[.user] ?? 0, item: record.versions[.item] ?? 0)
        let versions = resultVersions
        present = BySide(user: Side.user, item: Side.item).map { side in
            let read = side == .item ? checkpoint[.extrapolatedItem] ?? checkpoint[.item] : checkpoint[.user]
            guard let read else { return Array(repeating: .initial, count: data.plan[side].count) }
            return read.payloads.map { .solved(version: versions[side], $0) }
        }
        if let users = checkpoint[.keptUser], let items = checkpoint[.keptItem] {
            kept = (
                BySide(user: users.payloads, item: items.payloads), BySide(user: users.version, item: items.version)
            )
        }
    }

    // MARK: Extrapolation

    /// Extrapolates an item block, and books its penalty.
    private mutating func extrapolate(_ result: Payload, _ block: Int) -> Payload {
        let previous = results.item[block]!
        var factors = Payload(byteCount: result.bytes.count) { bytes in
            Extrapolation.extrapolate(result.floats, previous: previous.floats, to: bytes.bindMemory(to: Float.self))
        }
        // Only absurd values can overflow; they are then not extrapolated.
        if !factors.isFinite { factors = result }
        extrapolatedPenalties[block] = penalty(of: factors, block)
        return factors
    }

    /// The regularization of an item block's factors, added in row order.
    private func penalty(of factors: Payload, _ block: Int) -> Double {
        let (offsets, floats) = (data.rows(.item).offsets, factors.floats)
        var penalty = 0.0
        for (index, row) in data.plan.item.rows(block).enumerated() {
            let squares = solver.squaredNorm(of: floats.baseAddress! + index * solver.width)
            let count = Int(offsets[row + 1] - offsets[row])
            penalty += solver.regularization(ofRowWith: count, others: data.rows(.item).columnCount) * squares
        }
        return penalty
    }
}
