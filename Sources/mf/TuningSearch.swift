// Why: what is searched, and by what it is judged, is settled before the first trial.

import Evaluation
import Failures
import Ratings
import Tuning

/// What is searched.
struct TuningSearch: Sendable {
    let store: RatingStore
    let grid: Grid
    let candidates: [Candidate]
    let description: SearchDescription
    let metric: TuningMetric
}

/// The metric that decides.
struct TuningMetric: Sendable {
    let metric: Metric

    init(_ name: String) throws(Failure) {
        let metrics = try Metric.list(name, option: "--metric")
        guard metrics.count == 1, metrics[0].kind != .coverage else {
            throw Failure(
                .usage, "\(name) is no one measure of quality", at: "--metric",
                remedy: "choose one, such as rmse or ndcg@20")
        }
        metric = metrics[0]
    }

    /// The smaller the better.
    func loss(_ value: Double) -> Double { metric.kind.isError ? value : -value }
    func value(ofLoss loss: Double) -> Double { metric.kind.isError ? loss : -loss }
}
