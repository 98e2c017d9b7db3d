// Why: `mf evaluate`: how well a model predicts ratings.

import ArgumentParser
import CommandSupport
import Evaluation
import Failures
import Foundation
import Model
import Ratings

struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Measures how well a model predicts ratings.",
        discussion: """
            A store with held-out ratings is evaluated on those, any other on all of its ratings. Users and items that \
            the model does not know are predicted by its mean.

            Example:
              mf evaluate --model model --ratings store --json
            """)

    @Option(help: ArgumentHelp("The model's folder.", valueName: "dir"))
    var model: String

    @Option(help: ArgumentHelp("The ratings to predict: a store, or a rating file.", valueName: "store-or-file"))
    var ratings: String

    @Option(help: ArgumentHelp("What to measure, with commas: \(Metric.names).", valueName: "list"))
    var metrics = Metric.names

    @Flag(help: "Print one JSON object, with a key a metric.")
    var json = false

    func run() throws {
        let metrics = try Metric.list(metrics)
        let model = try FactorModel.open(model)
        let evaluation = try StoreEvaluation(of: model, on: try RatingImporter.openStoreOrFile(ratings))
        guard evaluation.errors.unknown < evaluation.errors.ratings else {
            throw Failure(
                .badData, "the model knows none of these users and items", at: ratings,
                remedy: "give ratings of the data that the model was trained on")
        }
        if json {
            try printJSON(EvaluationReport(metrics: metrics, errors: evaluation.errors))
            return
        }
        let errors = evaluation.errors
        let part = evaluation.part == .holdout ? "the held-out ratings" : "all ratings"
        let unknown = errors.unknown == 0 ? "" : ", \(errors.unknown.grouped) of them unknown to the model"
        print("Compared with \(part) of \(printable(ratings)): \(errors.ratings.grouped)\(unknown)")
        for line in alignedLines(metrics.map { ($0.rawValue, String(format: "%.6f", errors[$0])) }) { print(line) }
    }
}

/// The object that `--json` prints.
private struct EvaluationReport: Encodable {
    let metrics: [Metric]
    let errors: PredictionErrors

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: Key.self)
        for metric in metrics { try object.encode(errors[metric], forKey: Key(stringValue: metric.rawValue)) }
        try object.encode(errors.ratings, forKey: Key(stringValue: "ratings"))
        try object.encode(errors.unknown, forKey: Key(stringValue: "unknown"))
    }
}
