// Why: `mf evaluate`: how well a model predicts ratings, and how well it ranks items.

import ArgumentParser
import CommandSupport
import Evaluation
import Failures
import Foundation
import LeastSquares
import Model
import Ratings

struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Measures how well a model predicts ratings and ranks items.",
        discussion: """
            A store with held-out ratings is evaluated on those, any other on all of its ratings. Users and items \
            that the model does not know are predicted by its intercept and the bias of the other.

            For rankings (precision, recall, ndcg, map, mrr, coverage, each at K items; auc) every item is scored \
            for every user with held-out ratings, and the training ratings of the store, or those of --seen, are \
            left out. Users that the model does not know are not ranked, unless --fold-in gives them factors. \
            docs/evaluation.md has the formulas.

            Example:
              mf evaluate --model model --ratings store --json
            Example: recall and NDCG, as for the Gowalla benchmark
              mf evaluate --model model --ratings gowalla.store --metrics recall@20,ndcg@20
            Example: new users, known by 80% of their ratings
              mf evaluate --model model --ratings new-users.csv --fold-in 0.8 \\
                  --metrics recall@20,ndcg@100
            """)

    @Option(help: ArgumentHelp("The model's folder.", valueName: "dir"))
    var model: String

    @Option(help: ArgumentHelp("The ratings to predict: a store, or a rating file.", valueName: "store-or-file"))
    var ratings: String

    @Option(
        help: ArgumentHelp(
            """
            What to measure, with commas: \(Metric.names). By default \(Metric.errorNames), and \(Metric.rankingNames) for a \
            model of the implicit loss.
            """, valueName: "list"))
    var metrics: String?

    @Option(
        help: ArgumentHelp(
            "Leave out of the rankings what users have rated in this store or rating file.", valueName: "store-or-file")
    )
    var seen: String?

    @Option(help: ArgumentHelp("Rankings are to find ratings from this value on; all by default.", valueName: "value"))
    var relevantFrom: Float?

    @Option(
        help: ArgumentHelp(
            "Give all users factors from this part of their ratings, and judge by the rest.", valueName: "fraction"))
    var foldIn: Double?

    @Option(help: "The seed that chooses which ratings are folded in.")
    var seed: UInt64 = 1

    @OptionGroup var format: RatingFormatOptions

    @OptionGroup var kernelOptions: KernelOptions

    @Flag(help: "Print one JSON object, with a key a metric.")
    var json = false

    func validate() throws {
        if let relevantFrom, !relevantFrom.isFinite {
            throw ValidationError("--relevant-from must be a finite number, and is \(relevantFrom)")
        }
        if let foldIn, !(foldIn > 0 && foldIn < 1) {
            throw ValidationError("--fold-in must be above 0 and below 1, and is \(foldIn)")
        }
        if foldIn != nil, seen != nil { throw ValidationError("--fold-in and --seen exclude each other.") }
    }

    func run() throws {
        let chosen = try metrics.map { try Metric.list($0) }
        let kernels = try kernelOptions.chosenKernels()
        let subject = try subject(kernels)
        let isImplicit = subject.model.description.configuration.implicit != nil
        let metrics = try chosen ?? Metric.list(isImplicit ? Metric.rankingNames : Metric.errorNames)
        var report = EvaluationReport(metrics: metrics, foldedKnown: subject.foldedKnown)
        if metrics.contains(where: \.kind.isError) {
            let errors = try PredictionErrors(of: subject.model, on: subject.heldOut, mapping: subject.mapping)
            guard errors.unknown < errors.ratings || subject.hasKnownBiases else {
                throw Failure(
                    .badData, "the model knows none of these users and items", at: ratings,
                    remedy:
                        "give ratings of the data that the model was trained on, or fold new users in with --fold-in")
            }
            report.errors = errors
        }
        if metrics.contains(where: { !$0.kind.isError }) {
            let ranking = try RankingEvaluation(
                of: subject.model, on: subject.heldOut, mapping: subject.mapping, seen: subject.seen, metrics: metrics,
                relevantFrom: relevantFrom, kernels: kernels)
            if let missing = metrics.first(where: { !$0.kind.isError && ranking[$0] == nil }) {
                throw Failure(
                    .badData, "there is no \(missing.name): every item that a user has not seen is to be found",
                    at: ratings, remedy: "leave the metric out, or give ratings of more items")
            }
            report.ranking = ranking
        }
        if json { try printJSON(report) } else { for line in report.lines(subject) { print(line) } }
    }

    /// What is judged by what.
    private func subject(_ kernels: Kernels) throws(Failure) -> Subject {
        let model = try FactorModel.open(model)
        let store = try format.open(ratings)
        let mapping = RowMapping(store: store, model: model)
        if let foldIn {
            guard store.holdout == nil else {
                throw Failure(
                    .usage, "the store has held-out ratings, which --fold-in does not use", at: ratings,
                    remedy: "give the new users' ratings as a file, or as a store without a holdout")
            }
            let split = try HistorySplit(store, fraction: foldIn, seed: seed)
            let folded = try model.foldingIn(
                store.userIDs, ratings: mapping.columnsOfModel(split.history, itemCount: model.itemCount),
                kernels: kernels)
            let ownUsers = mapping.withUsersOfRatings
            return Subject(
                model: folded, heldOut: split.heldOut, mapping: ownUsers,
                seen: SeenItems(split.history, mapping: ownUsers),
                name: "the part not folded in of \(printable(ratings))",
                foldedKnown: (0..<store.userIDs.count).count { mapping.user($0) != nil })
        }
        let seenItems: SeenItems?
        if let seen {
            seenItems = SeenItems(try format.open(seen), usersOf: store, model: model)
        } else {
            seenItems = store.holdout == nil ? nil : SeenItems(store.ratings.byUser, mapping: mapping)
        }
        let evaluated = StoreEvaluation.ratings(of: store)
        if evaluated.part == .holdout, store.fingerprint != model.description.storeFingerprint {
            StandardError.write(
                "mf: note: \(printable(ratings)) is not the store that the model was trained on: it may have been trained on "
                    + "what is judged here\n")
        }
        return Subject(
            model: model, heldOut: evaluated.ratings, mapping: mapping, seen: seenItems,
            name: "\(evaluated.part == .holdout ? "the held-out ratings" : "all ratings") of \(printable(ratings))",
            foldedKnown: nil)
    }

    fileprivate struct Subject {
        var model: FactorModel
        var heldOut: CompressedRows
        var mapping: RowMapping
        var seen: SeenItems?
        /// The held-out ratings, for a person.
        var name: String
        /// Users that were folded in though the model knows them; nil when nobody was folded in.
        var foldedKnown: Int?

        /// Whether there is a bias of one of these users or items.
        var hasKnownBiases: Bool {
            guard model.itemBiases != nil else { return false }
            return (0..<heldOut.rowCount).contains { mapping.user($0) != nil }
                || (0..<heldOut.columnCount).contains { mapping.item($0) != nil }
        }
    }
}

/// The object that `--json` prints.
private struct EvaluationReport: Encodable {
    let metrics: [Metric]
    let foldedKnown: Int?
    var errors: PredictionErrors?
    var ranking: RankingEvaluation?

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(_ name: String) { stringValue = name }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: Key.self)
        for metric in metrics { try object.encodeIfPresent(value(of: metric), forKey: Key(metric.name)) }
        try object.encodeIfPresent(errors?.ratings, forKey: Key("ratings"))
        try object.encodeIfPresent(errors?.unknown, forKey: Key("unknown"))
        try object.encodeIfPresent(ranking?.users, forKey: Key("users"))
        try object.encodeIfPresent(ranking?.relevant, forKey: Key("relevant"))
        try object.encodeIfPresent(ranking?.unknownUsers, forKey: Key("unknown_users"))
        try object.encodeIfPresent(foldedKnown, forKey: Key("folded_known_users"))
    }

    private func value(of metric: Metric) -> Double? { errors?[metric] ?? ranking?[metric] }

    /// The same for a person.
    func lines(_ subject: EvaluateCommand.Subject) -> [String] {
        var lines: [String] = []
        if let errors {
            let unknown = errors.unknown == 0 ? "" : ", \(errors.unknown.grouped) of them unknown to the model"
            lines.append("Compared with \(subject.name): \(errors.ratings.grouped)\(unknown)")
        }
        if let ranking {
            let seen = subject.seen == nil ? "all items, seen ones too (--seen leaves them out)" : "unseen items"
            let unknown =
                ranking.unknownUsers == 0
                ? "" : "; left out \(counted(ranking.unknownUsers, "user")) unknown to the model"
            lines.append(
                "Ranked \(seen) for \(counted(ranking.users, "user")), "
                    + "\(ranking.relevant.grouped) of \(subject.name) to be found\(unknown)")
        }
        if let foldedKnown, foldedKnown > 0 {
            lines.append(
                "The model was trained on \(counted(foldedKnown, "user")) of those folded in, and knows their ratings")
        }
        return lines
            + alignedLines(
                metrics.compactMap { metric in value(of: metric).map { (metric.name, String(format: "%.6f", $0)) } })
    }
}
