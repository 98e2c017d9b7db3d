// Why: checksums say that a checkpoint is as somebody wrote it, and not that a coordinator did. What a coordinator
// cannot have written is found here, once, so that the one that goes on from it can rely on the rest.
//
// Nearly all follows from the half-step that comes next: its index k from its sweep s (users 2s - 1, items 2s, and one
// more once an extrapolation was withdrawn), its versions from k, and from these which factors there are.

import Ratings
import Training

extension Checkpoint.Record {
    /// What is wrong with it as the record of a job of `configuration`; nil when nothing is. It names the key.
    public func defect(for configuration: JobConfiguration) -> String? {
        // In order: each may rely on those before it.
        let checks: [(key: String, holds: () -> Bool)] = [
            ("configuration", { self.configuration == configuration }),
            ("next", { next.isPossible(in: configuration) }),
            ("schedule", { schedule.hasGivenOut(next, of: configuration) }),
            ("sweeps", { sweeps.map(\.sweep) == Array(1..<next.sweep) && sweeps.allSatisfy(\.isPossible) }),
            ("early_stopping", { isPossible(earlyStopping, configuration) }),
            ("seconds", { isMeasure(seconds.user) && isMeasure(seconds.item) }),
            ("penalty", { isMeasure(penalty.user) && isMeasure(penalty.item) }),
            ("item_result_penalty", { isMeasure(itemResultPenalty) }),
            ("plan", { [plan.user, plan.item].allSatisfy { $0.isPossible(width: configuration.width) } }),
            ("versions", { versionsFit }),
            ("workers", { (workers ?? []).count <= Limits.workerCount && (workers ?? []).allSatisfy(\.isPossible) }),
        ]
        return checks.first { !$0.holds() }.map { "the value of \"\($0.key)\" cannot be" }
    }

    private func isPossible(_ earlyStopping: EarlyStopping?, _ configuration: JobConfiguration) -> Bool {
        guard (earlyStopping == nil) == (configuration.patience == nil) else { return false }
        return earlyStopping?.bestSweep.map { $0 >= 1 && $0 <= sweeps.count } ?? true
    }

    /// Whether there are the factors that the next half-step reads, and those that are kept.
    private var versionsFit: Bool {
        let expected =
            next.side == .user
            ? BySide(user: next.priorVersion, item: next.fixedVersion)
            : BySide(user: next.fixedVersion, item: next.priorVersion)
        let isKept = earlyStopping?.bestSweep != nil
        return versions.values.allSatisfy { $0 >= 1 && $0 < next.solvedVersion }
            && (versions[.user] ?? 0, versions[.item] ?? 0) == (expected.user, expected.item)
            && (versions[.item] != nil) == (next.index >= 1) && (versions[.user] != nil) == (next.index >= 2)
            && versions[.extrapolatedItem].map { $0 == expected.item } ?? true
            && (versions[.keptUser] != nil) == isKept && (versions[.keptItem] != nil) == isKept
    }
}

private func isMeasure(_ value: Double) -> Bool { value.isFinite && value >= 0 }

extension HalfStep {
    fileprivate func isPossible(in configuration: JobConfiguration) -> Bool {
        guard sweep >= 1, sweep <= configuration.sweeps else { return false }
        let plain = side == .user ? 2 * sweep - 1 : 2 * sweep
        let repeated = index == plain + 1 && sweep >= 3
        guard index == plain || repeated || (index, side, sweep) == (0, .item, 1) else { return false }
        return solvedVersion == index + (repeated ? 2 : 1) && (0..<solvedVersion).contains(fixedVersion)
            && (0..<solvedVersion).contains(priorVersion) && (!isExtrapolated || side == .item && sweep >= 3)
    }
}

extension SweepRecord {
    fileprivate var isPossible: Bool {
        objective.isFinite && isMeasure(userSeconds) && isMeasure(itemSeconds) && bytesSent >= 0 && bytesReceived >= 0
            && workers >= 0
    }
}

extension BlockPlan {
    fileprivate func isPossible(width: Int) -> Bool {
        count <= Limits.blockCount
            && zip(bounds, bounds.dropFirst()).allSatisfy { $1 - $0 <= Self.maximumRowCount(width: width) }
    }
}

extension WorkerRecord {
    fileprivate var isPossible: Bool {
        threads >= 1 && threads <= Limits.threadCount && blocks >= 1 && blocks <= Limits.version * Limits.blockCount
    }
}
