// Why: which rank, which lambda, biases or not: the ratings themselves can tell, by cross-validation. A search is many
// jobs of `mf train`, through the same code, and one table.

import ArgumentParser
import CommandSupport
import Evaluation
import Failures
import Foundation
import LeastSquares
import Model
import Ratings
import Training
import Tuning

struct TuneCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tune",
        abstract: "Finds the options that predict best, by cross-validation.",
        discussion: """
            Tries every combination of the values in --grid, or with --random so many that are drawn from them, by \
            k-fold cross-validation: a candidate is trained on all folds but one and judged by that one. Candidates \
            that are clearly worse than the best on the folds so far are dropped (docs/tuning.md has the rule). \
            Ratings that the store holds out are not touched: they remain to judge the winner by.

            Values are lists, rank=16,32,64, or ranges, regularization=0.02:0.2:log5 (five values, evenly spaced on \
            a logarithmic scale; lin5 on a linear one); with --random also 0.02:0.2:log, to draw from. Parameters \
            are the options of mf train: \(JobOptions.named.map(\.name).joined(separator: ", ")). (biases=yes,no; \
            alpha=A is confidence=linear:A.) All other options hold for every candidate.

            Examples:
              mf tune --ratings store --grid "rank=16,32,64 regularization=0.02:0.2:log5" \\
                  --results search
              mf tune --ratings store --grid "rank=64,128" --listen tcp://127.0.0.1:5555 \\
                  --min-workers 2
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

    @OptionGroup var format: RatingFormatOptions

    @OptionGroup var job: JobOptions

    @OptionGroup var workers: LocalWorkerOptions

    @Option(
        help: ArgumentHelp(
            """
            Search on workers that connect here, tcp://HOST:PORT or ipc://PATH, instead of starting some; they are \
            mf-worker processes, and stay until the search is over.
            """, valueName: "endpoint"))
    var listen: String?

    @OptionGroup var coordinator: CoordinatorOptions

    @Flag(help: "Print one JSON object, with every trial.")
    var json = false

    @OptionGroup var logging: LoggingOptions

    func run() async throws {
        let sessions = try sessions()
        let search = try plan()
        var run = SearchRun(search, try journal(of: search), keepsAll: keepAll, isQuiet: logging.logLevel > .info)
        run.replay()
        if !run.isOver {
            let kernels = try kernels(of: run.trials)
            run = try await sessions.whileOpen(kernels: kernels) { [run] session in try await run.finished(on: session)
            }
        }
        let report = TuningReport(search, run.race, run.trials, ratings: ratings, format: format.name)
        if json { try printJSON(report) } else { for line in report.lines { print(line) } }
        if run.race.best == nil {
            throw Failure(.badData, "every candidate has failed", remedy: "see why above, and try other values")
        }
    }

    /// Who has the workers.
    private func sessions() throws(Failure) -> any SessionProvider {
        var quiet = logging
        // A line a trial is enough; sweeps are for who asks for more.
        if logging.logLevel == .info { quiet.logLevel = .notice }
        if let listen {
            if let given = workers.given {
                throw Failure(
                    .usage, "with --listen the workers are started elsewhere", at: given, remedy: "leave it out")
            }
            return try ClusterTraining(listen: listen, coordinator, kernels: workers.kernels, logging: quiet)
        }
        if let given = coordinator.given {
            throw Failure(
                .usage, "this is for workers that are started elsewhere", at: given,
                remedy: "give --listen ENDPOINT too")
        }
        return try LocalTraining(workers, logging: quiet)
    }

    /// The level of the trials that are known, with which the others are to be made.
    private func kernels(of trials: [Trial]) throws(Failure) -> KernelLevel? {
        let level = trials.lazy.compactMap(\.kernels).first.flatMap(KernelLevel.init(rawValue:))
        if let level, let asked = try workers.kernels.level(), asked != level {
            throw Failure(
                .usage, "the trials in --results were made with \(level.rawValue) kernels",
                at: "--kernels \(asked.rawValue)",
                remedy: "leave it out, or give another --results folder")
        }
        return level
    }

    /// Checks everything that can be checked before the first trial.
    private func plan() throws(Failure) -> TuningSearch {
        try requireCount(folds, from: 2, atMost: 100, option: "--folds")
        if let triedFolds { try requireCount(triedFolds, atMost: folds, option: "--tried-folds") }
        if let random { try requireCount(random, atMost: Grid.mostCandidates, option: "--random") }
        let kinds = JobOptions.named.map {
            ($0.name, $0.isWhole ? ParameterKind.count : $0.hasNumbers ? .number : .text)
        }
        let grid = try Grid(grid, kinds: Dictionary(uniqueKeysWithValues: kinds))
        let candidates = if let random { grid.draw(random, seed: tuningSeed) } else { try grid.candidates() }
        let store = try format.open(ratings)
        var configurations: [JobConfiguration] = []
        var seen: Set<JobConfiguration> = []
        var different: [Candidate] = []
        for candidate in candidates {
            do throws(Failure) {
                let configuration = try job.setting(candidate).configuration()
                try configuration.validate(ratingsFrom: store.description.minimum, to: store.description.maximum)
                // Two of biases=no that differ in the regularization of biases are one, for example.
                guard seen.insert(configuration).inserted else { continue }
                configurations.append(configuration)
                different.append(candidate)
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
            store: store, grid: grid, candidates: different,
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
}
