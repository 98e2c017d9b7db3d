// Why: a trial is a job of `mf train` on the other folds' ratings, and a look at what its model says of the fold's.
// Folds are made one at a time, in a folder that goes with the search: there is room for one.

import ArgumentParser
import CommandSupport
import Evaluation
import Failures
import Foundation
import Model
import Ratings
import Training
import Tuning

/// Runs the trials of a search, one after another.
struct TrialRunner {
    /// A fold's ratings, on disk.
    struct Fold {
        let number: Int
        let store: RatingStore
        let path: String
    }

    private let search: TuningSearch
    private let session: TrainingSession
    private let scratch: ScratchFolder
    private let failpoints: Failpoints

    init(_ search: TuningSearch, on session: TrainingSession) throws(Failure) {
        self.search = search
        self.session = session
        scratch = try ScratchFolder()
        failpoints = try .fromEnvironment()
    }

    /// Makes the fold, in place of the one before.
    func prepare(_ fold: Int) async throws(Failure) -> Fold {
        let path = scratch("fold")
        let store = try await session.perform { [search] () throws(Failure) in
            try search.store.split(
                fold: fold, of: search.description.folds, seed: search.description.seed,
                threads: ProcessInfo.processInfo.activeProcessorCount)
        }
        try store.save(to: path)
        return Fold(number: fold, store: store, path: path)
    }

    /// Tries a candidate.
    /// - Throws: what ends the search: a signal, a full disk, workers that cannot be had. What the candidate itself
    ///   cannot do is the trial's failure.
    func run(_ candidate: Int, on fold: Fold) async throws(Failure) -> Trial {
        let clock = ContinuousClock()
        let began = clock.now
        var trial = Trial(candidate: candidate, fold: fold.number)
        do throws(Failure) {
            let run = try TrainingRun(
                search.description.configurations[candidate], ratings: fold.path, model: scratch("model"))
            let report = try await session.train(run)
            (trial.sweeps, trial.keptSweep, trial.kernels) = (report.sweeps, report.keptSweep, report.kernels)
            // Without this runner, whose folder goes though nobody waits for the judgement any more.
            trial.value = try await session.perform { [metric = search.metric.metric, failpoints] () throws(Failure) in
                failpoints.hit("tune.judge")
                return try Self.value(of: metric, report, fold)
            }
        } catch {
            guard error.kind == .badData else { throw error }
            trial.failure = error.description
        }
        trial.seconds = (clock.now - began) / .seconds(1)
        return trial
    }

    /// What the model of a trial is worth on its fold.
    private static func value(
        of metric: Metric, _ report: TrainingRun.Report, _ fold: Fold
    ) throws(Failure) -> Double {
        let model = try FactorModel.open(report.model)
        guard let heldOut = fold.store.holdout?.byUser else { preconditionFailure("a fold without ratings") }
        if metric.kind.isError {
            return try PredictionErrors(of: model, on: heldOut, mapping: .identity)[metric]!
        }
        let ranking = try RankingEvaluation(
            of: model, on: heldOut, mapping: .identity, seen: SeenItems(fold.store.ratings.byUser, mapping: .identity),
            metrics: [metric])
        guard let value = ranking[metric] else { throw Failure(.badData, "there is no \(metric.name)") }
        return value
    }
}
