// Why: the sweeps of a job, and who worked on it, read the same while it runs, at its end, and years later from the
// model.

import Foundation
import Training

/// A table with a row a sweep.
public func sweepTable(_ sweeps: [SweepRecord]) -> TextTable {
    let quality = QualityColumns(of: sweeps)
    var table = TextTable(
        [.number("sweep"), .number("objective", atLeast: 12)] + quality.headings + [
            .number("user s", atLeast: 7), .number("item s", atLeast: 7), .number("sent MB"), .number("received MB"),
            .number("workers"),
        ])
    for sweep in sweeps {
        table.add(
            [String(sweep.sweep), String(format: "%.1f", sweep.objective)] + quality.cells(of: sweep) + [
                String(format: "%.3f", sweep.userSeconds), String(format: "%.3f", sweep.itemSeconds),
                String(format: "%.1f", Double(sweep.bytesSent) / 1e6),
                String(format: "%.1f", Double(sweep.bytesReceived) / 1e6), String(sweep.workers),
            ])
    }
    return table
}

/// A table with a row a worker that took part.
public func workerTable(_ workers: [WorkerRecord]) -> TextTable {
    var table = TextTable([.text("worker"), .number("threads"), .number("blocks solved")])
    for worker in workers { table.add([worker.name, String(worker.threads), worker.blocks.grouped]) }
    return table
}

/// What there is of a sweep's errors and metrics, in a sentence: `, train RMSE 0.6561, held-out RMSE 0.8499`.
func errorText(trainRMSE: Double?, validationRMSE: Double?, recall: Double?, ndcg: Double?) -> String {
    let cutoff = RankingSample.listLength
    let named = [
        ("train RMSE", trainRMSE), ("held-out RMSE", validationRMSE), ("held-out recall@\(cutoff)", recall),
        ("NDCG@\(cutoff)", ndcg),
    ]
    return named.compactMap { name, value in value.map { ", \(name) \(ProgressView.decimal($0, 4))" } }.joined()
}
