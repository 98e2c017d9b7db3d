// Why: the metrics that `--metrics` can name, in one list.

import Failures

/// A measure of how well a model predicts ratings it has not seen. The raw value is its name in options and JSON.
public enum Metric: String, Sendable, Hashable, CaseIterable {
    /// Root of the mean squared error.
    case rmse
    /// Mean absolute error.
    case mae

    /// The names of all, as `--metrics` takes them.
    public static var names: String { allCases.map(\.rawValue).joined(separator: ",") }

    /// Reads a list such as `rmse,mae`; blanks and repetitions do not matter.
    /// - Throws: a ``Failure`` of kind `usage` that lists the metrics there are.
    public static func list(_ text: String) throws(Failure) -> [Metric] {
        var metrics: [Metric] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let name = String(part.filter { $0 != " " })
            guard let metric = Metric(rawValue: name.lowercased()) else {
                throw Failure(.usage, "there is no metric '\(name)'", at: "--metrics", remedy: "name some of \(names)")
            }
            if !metrics.contains(metric) { metrics.append(metric) }
        }
        return metrics
    }
}
