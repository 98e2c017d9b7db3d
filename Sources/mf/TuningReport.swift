// Why: what a search found, for a person (a table, and a command to type) and for programs (all of it).

import CommandSupport
import Evaluation
import Foundation
import Tuning

/// The result of a search.
struct TuningReport: Encodable {
    struct Row: Encodable {
        var candidate: Candidate
        /// Of the metric, over the folds done; nil when a trial failed.
        var mean: Double?
        var standardError: Double?
        var folds: Int
        var droppedAfter: Int?
        var failure: String?
        var seconds: Double
        var trials: [Trial]

        enum CodingKeys: String, CodingKey {
            case candidate, mean, folds, failure, seconds, trials
            case standardError = "standard_error"
            case droppedAfter = "dropped_after_folds"
        }
    }

    let metric: String
    let folds: Int
    /// The best first.
    let candidates: [Row]
    /// The winner's command line; nil when every candidate has failed.
    let command: [String]?
    /// Parameters of which the winner has the least or the greatest value that could be tried: a better one may be
    /// beyond.
    let atEdge: [String]
    private let names: [String]

    enum CodingKeys: String, CodingKey {
        case metric, folds, candidates, command
        case atEdge = "at_edge"
    }

    init(_ search: TuningSearch, _ race: Race, _ trials: [Trial], ratings: String, format: RatingFormatOptions.Name) {
        metric = search.metric.metric.name
        folds = search.description.foldsTried
        candidates = race.ranking.map { index in
            let own = trials.filter { $0.candidate == index }
            let standing = race.standings[index]
            return Row(
                candidate: search.candidates[index], mean: standing.mean.map { search.metric.value(ofLoss: $0) },
                standardError: standing.standardError, folds: own.count { $0.value != nil },
                droppedAfter: standing.droppedAfter, failure: own.compactMap(\.failure).first,
                seconds: own.reduce(0) { $0 + $1.seconds }, trials: own)
        }
        atEdge =
            race.best.map { best in
                // Without biases their regularization is no part of the job.
                let hasBiases = search.description.configurations[best].biasRegularization != nil
                return search.grid.edges(of: search.candidates[best]).filter {
                    hasBiases || $0 != "bias-regularization"
                }
            } ?? []
        names = race.ranking.map { search.grid.text(search.candidates[$0]) }
        command = race.best.map { best in
            var configuration = search.description.configurations[best]
            let kept = trials.filter { $0.candidate == best }.compactMap(\.keptSweep)
            if configuration.patience != nil, !kept.isEmpty {
                // Where a training without held-out ratings stops too.
                configuration.patience = nil
                configuration.sweeps = Int((Double(kept.reduce(0, +)) / Double(kept.count)).rounded())
                configuration.tolerance = 0
            }
            let given = format == .auto ? [] : ["--format", format.rawValue]
            return ["mf", "train", "--ratings", ratings] + given + ["--model", "MODEL"] + configuration.arguments
        }
    }

    var lines: [String] {
        var table = TextTable([
            .number("mean \(metric)"), .number("std. error"), .number("folds"), .number("seconds"), .text("candidate"),
            .text(""),
        ])
        for (row, name) in zip(candidates, names) {
            table.add([
                row.mean.map { String(format: "%.4f", $0) } ?? "-",
                row.standardError.map { String(format: "%.4f", $0) } ?? "-", "\(row.folds)",
                String(format: "%.1f", row.seconds), name,
                row.failure ?? row.droppedAfter.map { "dropped after \(counted($0, "fold"))" } ?? "",
            ])
        }
        guard let command else { return table.lines }
        let edge =
            atEdge.isEmpty
            ? []
            : ["", "Its \(atEdge.joined(separator: ", ")) is at the edge of what was tried: try beyond."]
        return table.lines + ["", "The best of them:", "  " + command.map(Self.quoted).joined(separator: " ")] + edge
    }

    /// As a shell takes it for one word.
    private static func quoted(_ word: String) -> String {
        let plain = word.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_./:=,+@%".contains($0)) }
        return plain && !word.isEmpty ? word : "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
    }
}
