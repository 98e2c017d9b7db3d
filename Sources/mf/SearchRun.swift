// Why: a search goes from trial to trial, whether they have been made before or are made now, and says how each went.

import CommandSupport
import Failures
import Foundation
import Tuning

/// A search under way.
struct SearchRun: Sendable {
    private let search: TuningSearch
    private let journal: Journal?
    private let isQuiet: Bool
    private(set) var race: Race
    private(set) var trials: [Trial] = []

    /// - Parameters:
    ///   - journal: where trials are kept, if they are.
    ///   - keepsAll: whether all candidates are tried on every fold.
    init(_ search: TuningSearch, _ journal: Journal?, keepsAll: Bool, isQuiet: Bool) {
        self.search = search
        self.journal = journal
        self.isQuiet = isQuiet
        race = Race(count: search.candidates.count, folds: search.description.foldsTried, keepsAll: keepsAll)
    }

    var isOver: Bool { race.next == nil }

    /// Takes in the trials that the journal has, up to the first that it lacks. One that failed is made again: it may
    /// have been for want of memory.
    mutating func replay() {
        while let heat = race.next, let trial = journal?.trial(heat.candidate, fold: heat.fold), trial.failure == nil {
            take(trial, heat, isKnown: true)
        }
    }

    /// Makes the trials that are lacking.
    func finished(on session: TrainingSession) async throws(Failure) -> SearchRun {
        var run = self
        let runner = try TrialRunner(search, on: session)
        var fold: TrialRunner.Fold?
        while let heat = run.race.next {
            let trial: Trial
            do throws(Failure) {
                if fold?.number != heat.fold { fold = try await runner.prepare(heat.fold) }
                trial = try await runner.run(heat.candidate, on: fold!)
            } catch {
                throw stopped(error)
            }
            try journal?.keep(trial)
            run.take(trial, heat, isKnown: false)
            run.replay()
        }
        return run
    }

    /// What a search says of a job that was stopped.
    private func stopped(_ failure: Failure) -> Failure {
        guard failure.kind == .tryAgain else { return failure }
        return Failure(
            .tryAgain, "the search is not over: \(failure.what)",
            remedy: journal == nil
                ? "with --results it could go on from there"
                : "start it again with --resume to go on from there")
    }

    private mutating func take(_ trial: Trial, _ heat: Race.Heat, isKnown: Bool) {
        trials.append(trial)
        race.take(trial.value.map { search.metric.loss($0) })
        if !isQuiet { report(trial, heat, isKnown: isKnown) }
    }

    /// Says how a trial went.
    private func report(_ trial: Trial, _ heat: Race.Heat, isKnown: Bool) {
        let name = search.metric.metric.name
        let result = trial.value.map { "\(name) \(decimal($0, 4))" } ?? "failed: \(trial.failure ?? "")"
        let best = race.best.map {
            "; best mean so far \(decimal(search.metric.value(ofLoss: race.standings[$0].mean!), 4)), "
                + search.grid.text(search.candidates[$0])
        }
        let time = isKnown ? "known" : "\(decimal(trial.seconds, 1)) s"
        StandardError.write(
            """
            fold \(heat.fold + 1) of \(race.foldCount), candidate \(heat.ordinal) of \(heat.count): \
            \(search.grid.text(search.candidates[trial.candidate])): \(result), \(time)\(best ?? "")\n
            """)
    }
}

private func decimal(_ value: Double, _ places: Int) -> String { String(format: "%.\(places)f", value) }
