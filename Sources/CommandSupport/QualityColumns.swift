// Why: how good a sweep is reads the same in every table: by errors where ratings are predicted, by metrics of rankings
// with the implicit loss.

import Foundation
import Training

/// The columns of a table of sweeps that say how good each is.
public struct QualityColumns {
    private let columns: [(name: String, value: (SweepRecord) -> Double?)]

    /// - Parameter sweeps: of one job, which are all judged alike.
    public init(of sweeps: [SweepRecord]) {
        let cutoff = RankingSample.listLength
        columns =
            sweeps.contains { $0.validationNDCG != nil }
            ? [("recall@\(cutoff)", \.validationRecall), ("NDCG@\(cutoff)", \.validationNDCG)]
            : [("train RMSE", \.trainRMSE), ("held-out RMSE", \.validationRMSE)]
    }

    public var headings: [TextTable.Column] { columns.map { .number($0.name) } }

    /// Where there is no value, a dash.
    public func cells(of sweep: SweepRecord) -> [String] {
        columns.map { column in column.value(sweep).map { String(format: "%.4f", $0) } ?? "-" }
    }
}
