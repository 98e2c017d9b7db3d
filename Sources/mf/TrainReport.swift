// Why: what `mf bench train` found, for a person and as JSON.

import Cluster
import CommandSupport
import Foundation
import Ratings
import Training

/// A job and what it took.
struct TrainReport: Encodable {
    struct Sweep: Encodable {
        let record: SweepRecord
        /// From the start of coordinator and workers to its end.
        let seconds: Double

        init(_ record: SweepRecord, endedAfter seconds: Double) {
            (self.record, self.seconds) = (record, seconds)
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(record.sweep, forKey: .sweep)
            try container.encode(seconds, forKey: .seconds)
            try container.encode(record.objective, forKey: .objective)
            try container.encodeIfPresent(record.trainRMSE, forKey: .trainRMSE)
            try container.encodeIfPresent(record.validationRMSE, forKey: .validationRMSE)
            try container.encodeIfPresent(record.validationRecall, forKey: .validationRecall)
            try container.encodeIfPresent(record.validationNDCG, forKey: .validationNDCG)
        }

        enum CodingKeys: String, CodingKey {
            case sweep, seconds, objective
            case trainRMSE = "train_rmse"
            case validationRMSE = "validation_rmse"
            case validationRecall = "validation_recall"
            case validationNDCG = "validation_ndcg"
        }
    }

    /// A half-step, and what a worker did in it on average; see ``HalfStepTime``.
    struct HalfStepRow: Encodable {
        let sweep: Int
        let side: String
        let isOpening: Bool
        let seconds: Double
        let solve: Double
        let wait: Double
        let exchange: Double

        init(_ halfStep: HalfStep, _ time: HalfStepTime) {
            sweep = halfStep.sweep
            side = "\(halfStep.side)"
            isOpening = halfStep.isOpening
            (seconds, solve, wait, exchange) = (time.seconds, time.solve, time.wait, time.exchange)
        }

        enum CodingKeys: String, CodingKey {
            case sweep, side, seconds
            case isOpening = "opening"
            case solve = "solve_seconds"
            case wait = "wait_seconds"
            case exchange = "exchange_seconds"
        }
    }

    struct Process: Encodable {
        let name: String
        let bytesSent: Int
        let bytesReceived: Int
        /// Nil for a worker that did not live to say it.
        let peakMemory: Int?

        enum CodingKeys: String, CodingKey {
            case name
            case bytesSent = "bytes_sent"
            case bytesReceived = "bytes_received"
            case peakMemory = "peak_memory_bytes"
        }
    }

    let ratings: Int
    let users: Int
    let items: Int
    let rank: Int
    let kernels: String
    let workers: Int
    let threads: Int
    /// `ipc` or `tcp`.
    let transport: String
    /// Whether workers and coordinator had keys.
    let curve: Bool
    /// From the coordinator's start to the model on disk.
    let seconds: Double
    let converged: Bool
    let sweeps: [Sweep]
    let halfSteps: [HalfStepRow]
    /// The median of the sweeps, each all of its half-steps, without the first, in which workers join; nil when there
    /// is no other.
    let sweepSeconds: Double?
    /// The coordinator, then the workers: a membership each.
    let processes: [Process]
    /// Of all processes together.
    let peakMemory: Int
    /// The lowest held-out RMSE, or with the implicit loss the highest NDCG, and the seconds to it; nil without
    /// held-out ratings.
    let bestRMSE: Double?
    let bestNDCG: Double?
    let secondsToBest: Double?
    /// What was asked for, and the seconds to it; nil when it was not reached.
    let targetRMSE: Double?
    let secondsToTarget: Double?

    /// - Parameter coordinatorMemory: the most that this process had resident, in bytes.
    init(
        _ result: TrainingRun.Report, rank: Int, workers: Int, threads: Int, connection: LocalConnection,
        record: JobRecord.Content, coordinatorMemory: Int?, targetRMSE: Double?
    ) {
        (ratings, users, items) = (result.ratings, result.users, result.items)
        (self.rank, kernels, self.workers, self.threads) = (rank, result.kernels, workers, threads)
        (transport, curve) = (connection.transport, connection.hasKeys)
        (seconds, converged) = (result.seconds, result.converged)
        (sweeps, halfSteps) = (record.sweeps, record.halfSteps)
        let later = Dictionary(grouping: halfSteps.filter { $0.sweep > 1 }, by: \.sweep)
        let totals = later.values.map { $0.reduce(0) { $0 + $1.seconds } }
        sweepSeconds = totals.isEmpty ? nil : median(totals)
        // What the workers were sent is what the coordinator sent.
        let coordinator = Process(
            name: "coordinator", bytesSent: record.workers.reduce(0) { $0 + $1.bytesReceived },
            bytesReceived: record.workers.reduce(0) { $0 + $1.bytesSent }, peakMemory: coordinatorMemory)
        processes =
            [coordinator]
            + record.workers.map {
                Process(
                    name: "worker \($0.name)", bytesSent: $0.bytesSent, bytesReceived: $0.bytesReceived,
                    peakMemory: $0.peakMemory)
            }
        peakMemory = processes.reduce(0) { $0 + ($1.peakMemory ?? 0) }
        let judged = sweeps.filter { $0.record.validationError != nil }
        let best = judged.min { $0.record.validationError! < $1.record.validationError! }
        (bestRMSE, bestNDCG) = (best?.record.validationRMSE, best?.record.validationNDCG)
        secondsToBest = best?.seconds
        self.targetRMSE = targetRMSE
        secondsToTarget = targetRMSE.flatMap { target in
            judged.first { $0.record.validationRMSE.map { $0 <= target } ?? false }?.seconds
        }
    }

    var lines: [String] {
        var lines = [
            "\(ratings.grouped) ratings, \(users.grouped) users, \(items.grouped) items, rank \(rank), \(kernels), "
                + "\(counted(workers, "worker")) of \(counted(threads, "thread")) over \(transport)"
                + (curve ? " with keys" : ""),
            "",
        ]
        let quality = QualityColumns(of: sweeps.map(\.record))
        var table = TextTable([.number("sweep"), .number("at s"), .number("objective")] + quality.headings)
        for sweep in sweeps {
            table.add(
                ["\(sweep.record.sweep)", decimal(sweep.seconds), String(format: "%.1f", sweep.record.objective)]
                    + quality.cells(of: sweep.record))
        }
        lines += table.lines + [""]
        table = TextTable([
            .number("sweep"), .text("side"), .number("seconds"), .number("solve"), .number("wait"), .number("exchange"),
        ])
        for row in halfSteps {
            table.add(
                ["\(row.sweep)", row.side + (row.isOpening ? ", opening" : "")]
                    + [row.seconds, row.solve, row.wait, row.exchange].map(decimal))
        }
        let sums = [\HalfStepRow.seconds, \.solve, \.wait, \.exchange].map { path in
            halfSteps.reduce(0) { $0 + $1[keyPath: path] }
        }
        table.add(["all", ""] + sums.map(decimal))
        lines += table.lines + [""]
        table = TextTable([
            .text("process"), .number("sent MB"), .number("received MB"), .number("peak memory MiB"),
        ])
        for process in processes {
            table.add([
                process.name, String(format: "%.1f", Double(process.bytesSent) / 1e6),
                String(format: "%.1f", Double(process.bytesReceived) / 1e6),
                process.peakMemory.map { "\($0 >> 20)" } ?? "-",
            ])
        }
        table.add(["all", "", "", "\(peakMemory >> 20)"])
        lines += table.lines + [""]
        if let sweepSeconds { lines.append("median sweep \(decimal(sweepSeconds)) s, without the first") }
        if let bestRMSE, let secondsToBest {
            lines.append(String(format: "best held-out RMSE %.4f after %.3f s", bestRMSE, secondsToBest))
        }
        if let bestNDCG, let secondsToBest {
            lines.append(
                String(
                    format: "best held-out NDCG@%d %.4f after %.3f s", RankingSample.listLength, bestNDCG, secondsToBest
                ))
        }
        if let targetRMSE {
            let when = secondsToTarget.map { String(format: "after %.3f s", $0) } ?? "was not reached"
            lines.append("held-out RMSE \(targetRMSE) \(when)")
        }
        lines.append(
            "\(counted(sweeps.count, "sweep")), \(converged ? "converged" : "not converged yet"), "
                + String(format: "%.3f s with the model on disk", seconds))
        return lines
    }

    private func decimal(_ value: Double) -> String { String(format: "%.3f", value) }

    enum CodingKeys: String, CodingKey {
        case ratings, users, items, rank, kernels, workers, threads, transport, curve, seconds, converged, sweeps
        case processes
        case sweepSeconds = "sweep_seconds"
        case halfSteps = "half_steps"
        case peakMemory = "peak_memory_bytes"
        case bestRMSE = "best_rmse"
        case bestNDCG = "best_ndcg"
        case secondsToBest = "seconds_to_best"
        case targetRMSE = "target_rmse"
        case secondsToTarget = "seconds_to_target"
    }
}
