// Why: which rank, which lambda, biases or not: the ratings themselves can tell, by cross-validation. A search is many jobs
// of `mf train`, through the same code, and one table.

import ArgumentParser
import CommandSupport
import Evaluation
import Failures
import Foundation
import Model
import Ratings
import Training
import Tuning

struct TuneCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tune",
        abstract: "Finds the options that predict best, by cross-validation.",
        discussion: """
            Tries every combination of the values in --grid, or with --random so many that are drawn from them, by
            k-fold cross-validation: a candidate is trained on all folds but one and judged by that one. Candidates
            that are clearly worse than the best on the folds so far are dropped (docs/tuning.md has the rule).
            Ratings that the store holds out are not touched: they remain to judge the winner by.

            Values are lists, rank=16,32,64, or ranges, regularization=0.02:0.2:log5 (five values, evenly spaced
            on a logarithmic scale; lin5 on a linear one); with --random also 0.02:0.2:log, to draw from.
            Parameters are the options of mf train: \(JobOptions.named.map(\.name).joined(separator: ", ")).
            (biases=yes,no; alpha=A is confidence=linear:A.) All other options hold for every candidate.

            Example:
              mf tune --ratings store --grid "rank=16,32,64 regularization=0.02:0.2:log5" --results search
            """)

    @Option(help: ArgumentHelp("A store that `mf import` wrote, or a rating file.", valueName: "store-or-file"))
    var ratings: String

    @Option(help: ArgumentHelp("Parameters and what they may be.", valueName: "name=values ..."))
    var grid: String

    @Option(help: ArgumentHelp("Draw so many candidates instead of trying all.", valueName: "n"))
    var random: Int?

    @Option(help: ArgumentHelp("Folds of the cross-validation.", valueName: "k"))
    var folds = 5

    @Option(help: ArgumentHelp("Try only so many of the folds; 1 is a single split. (default: all)", valueName: "n"))
    var triedFolds: Int?

    @Option(
        help: ArgumentHelp(
            """
            What is best: rmse or mae, the lower, or a metric of rankings as mf evaluate has them, the higher, seen \
            items left out. (default: rmse, or ndcg@20 when the loss is implicit)
            """, valueName: "name"))
    var metric: String?

    @Option(help: "Seed of the folds, and of what --random draws.")
    var tuningSeed: UInt64 = 1

    @Flag(help: "Try every candidate on every fold.")
    var keepAll = false

    @Option(help: ArgumentHelp("Keep every trial in this folder, so that the search can go on.", valueName: "folder"))
    var results: String?

    @Flag(help: "Go on with the search in --results, if there is one.")
    var resume = false

    @OptionGroup var job: JobOptions

    @OptionGroup var workers: LocalWorkerOptions

    @Flag(help: "Print one JSON object, with every trial.")
    var json = false

    @OptionGroup var logging: LoggingOptions

    func run() async throws {
        let search = try plan()
        let journal = try journal(of: search)
        var race = Race(count: search.candidates.count, keepsAll: keepAll)
        var trials: [Trial] = []
        let runner = try TrialRunner(search, workers: workers, logging: logging)
        for fold in 0..<search.description.foldsTried {
            let tried = race.running
            var prepared: TrialRunner.Fold?
            for (index, candidate) in tried.enumerated() {
                let known = journal?.trial(candidate, fold: fold)
                let trial: Trial
                if let known { trial = known } else {
                    if prepared == nil { prepared = try runner.prepare(fold) }
                    trial = try await runner.run(candidate, on: prepared!)
                    try journal?.keep(trial)
                }
                trials.append(trial)
                race.take(trial.value.map { search.metric.loss($0) }, of: candidate)
                report(trial, index + 1, tried.count, search, race, isKnown: known != nil)
            }
            race.endFold(fold + 1)
        }
        let report = TuningReport(search, race, trials, ratings: ratings)
        if json { try printJSON(report) } else { for line in report.lines { print(line) } }
        if race.best == nil {
            throw Failure(.badData, "every candidate has failed", remedy: "see why above, and try other values")
        }
    }

    /// Checks everything that can be checked before the first trial.
    private func plan() throws(Failure) -> TuningSearch {
        try requireCount(folds, from: 2, atMost: 100, option: "--folds")
        if let triedFolds { try requireCount(triedFolds, atMost: folds, option: "--tried-folds") }
        if let random { try requireCount(random, atMost: Grid.mostCandidates, option: "--random") }
        let kinds = JobOptions.named.map { ($0.name, $0.isWhole ? ParameterKind.count : $0.hasNumbers ? .number : .text) }
        let grid = try Grid(grid, kinds: Dictionary(uniqueKeysWithValues: kinds))
        let candidates = if let random { grid.draw(random, seed: tuningSeed) } else { try grid.candidates() }
        let store = try RatingImporter.openStoreOrFile(ratings)
        var configurations: [JobConfiguration] = []
        for candidate in candidates {
            do throws(Failure) {
                let configuration = try job.setting(candidate).configuration()
                try configuration.validate(ratingsFrom: store.description.minimum, to: store.description.maximum)
                configurations.append(configuration)
            } catch {
                throw Failure(
                    error.kind, "the candidate \(grid.text(candidate)) cannot be: \(error.what)",
                    at: error.place.isEmpty ? "--grid" : error.place, remedy: error.remedy)
            }
        }
        let isImplicit = configurations.contains { $0.implicit != nil }
        let chosen = try TuningMetric(metric ?? (isImplicit ? "ndcg@20" : "rmse"))
        guard !(isImplicit && chosen.metric.kind.isError) else {
            throw Failure(
                .usage, "the scores of the implicit loss are no ratings", at: "--metric \(chosen.metric.name)",
                remedy: "choose a metric of rankings, such as ndcg@20")
        }
        return TuningSearch(
            store: store, grid: grid, candidates: candidates,
            description: SearchDescription(
                storeFingerprint: store.fingerprint, configurations: configurations, folds: folds,
                foldsTried: triedFolds ?? folds, seed: tuningSeed, metric: chosen.metric.name),
            metric: chosen)
    }

    private func journal(of search: TuningSearch) throws(Failure) -> Journal? {
        guard let results else {
            guard !resume else {
                throw Failure(.usage, "there is nothing to go on with", at: "--resume", remedy: "give --results too")
            }
            return nil
        }
        return try Journal(path: results, of: search.description, resumes: resume)
    }

    /// Says how a trial went.
    private func report(
        _ trial: Trial, _ index: Int, _ count: Int, _ search: TuningSearch, _ race: Race, isKnown: Bool
    ) {
        guard logging.logLevel <= .info else { return }
        let name = search.metric.metric.name
        let result = trial.value.map { "\(name) \(decimal($0, 4))" } ?? "failed: \(trial.failure ?? "")"
        let best = race.best.map {
            "; best mean so far \(decimal(search.metric.value(ofLoss: race.standings[$0].mean!), 4)), "
                + search.grid.text(search.candidates[$0])
        }
        let time = isKnown ? "known" : "\(decimal(trial.seconds, 1)) s"
        FileHandle.standardError.write(
            Data(
                """
                fold \(trial.fold + 1) of \(search.description.foldsTried), candidate \(index) of \(count): \
                \(search.grid.text(search.candidates[trial.candidate])): \(result), \(time)\(best ?? "")\n
                """.utf8))
    }
}

private func decimal(_ value: Double, _ places: Int) -> String { String(format: "%.\(places)f", value) }

/// What is searched.
struct TuningSearch {
    let store: RatingStore
    let grid: Grid
    let candidates: [Candidate]
    let description: SearchDescription
    let metric: TuningMetric
}

/// The metric that decides.
struct TuningMetric {
    let metric: Metric

    init(_ name: String) throws(Failure) {
        let metrics = try Metric.list(name)
        guard metrics.count == 1, metrics[0].kind != .coverage else {
            throw Failure(.usage, "\(name) is no one measure of quality", at: "--metric", remedy: "choose one, such as rmse or ndcg@20")
        }
        metric = metrics[0]
    }

    /// The smaller the better.
    func loss(_ value: Double) -> Double { metric.kind.isError ? value : -value }
    func value(ofLoss loss: Double) -> Double { metric.kind.isError ? loss : -loss }
}
