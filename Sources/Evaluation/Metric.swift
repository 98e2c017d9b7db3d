// Why: the metrics that `--metrics` can name, in one list.

import Failures

/// A measure of how good a model is on ratings it has not seen; docs/evaluation.md defines each.
public struct Metric: Sendable, Hashable {
    /// The raw value is the name in options and JSON, which a cutoff may follow.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Root of the mean squared error.
        case rmse
        /// Mean absolute error.
        case mae
        /// How often an item that is relevant ranks before one that is not.
        case auc
        case precision
        case recall
        /// Normalized discounted cumulative gain.
        case ndcg
        /// Mean average precision.
        case map
        /// Mean reciprocal rank.
        case mrr
        /// The part of all items that anyone is shown.
        case coverage

        /// Whether it judges the predicted ratings themselves, and not the order that they put items in.
        public var isError: Bool { self == .rmse || self == .mae }
        /// Whether it looks at the first k items only.
        public var hasCutoff: Bool { !isError && self != .auc }
    }

    public let kind: Kind
    /// k, 1 or more; nil for the kinds without.
    public let cutoff: Int?

    /// - Precondition: there is a cutoff just where the kind has one.
    public init(_ kind: Kind, at cutoff: Int? = nil) {
        precondition(kind.hasCutoff == (cutoff != nil) && cutoff ?? 1 >= 1)
        (self.kind, self.cutoff) = (kind, cutoff)
    }

    public static let rmse = Metric(.rmse)
    public static let mae = Metric(.mae)

    /// `ndcg@10`, as in options and JSON.
    public var name: String { kind.rawValue + (cutoff.map { "@\($0)" } ?? "") }

    /// The metrics of predicted ratings, as `--metrics` takes them.
    public static let errorNames = "rmse,mae"
    /// The usual ones of rankings.
    public static let rankingNames = "recall@20,ndcg@20"
    /// The names of all.
    public static var names: String {
        Kind.allCases.map { $0.hasCutoff ? "\($0.rawValue)@K" : $0.rawValue }.joined(separator: ",")
    }

    /// Reads a list such as `rmse,ndcg@10`; blanks and repetitions do not matter.
    /// - Parameter option: whose value it is.
    /// - Throws: a ``Failure`` of kind `usage` that lists the metrics there are.
    public static func list(_ text: String, option: String = "--metrics") throws(Failure) -> [Metric] {
        var metrics: [Metric] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let name = part.filter { $0 != " " }
            let pieces = name.lowercased().split(separator: "@", omittingEmptySubsequences: false)
            guard let first = pieces.first, let kind = Kind(rawValue: String(first)), pieces.count <= 2 else {
                throw Failure(.usage, "there is no metric '\(name)'", at: option, remedy: "name some of \(names)")
            }
            let cutoff = pieces.count == 2 ? Int(pieces[1]) : nil
            guard kind.hasCutoff ? cutoff ?? 0 >= 1 : pieces.count == 1 else {
                throw Failure(
                    .usage,
                    kind.hasCutoff
                        ? "'\(name)' does not say how many items count" : "'\(name)' takes no number of items",
                    at: option, remedy: kind.hasCutoff ? "give a number, such as \(kind)@10" : "write \(kind)")
            }
            let metric = Metric(kind, at: cutoff)
            if !metrics.contains(metric) { metrics.append(metric) }
        }
        return metrics
    }
}
