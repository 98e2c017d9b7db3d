// Why: what `mf train` and `mf-coordinator` do with a job is the same: check everything that can be checked before
// the work begins, run the coordinator, show its progress, write the model, report.

import ArrayFiles
import Cluster
import ClusterRuntime
import Failures
import Foundation
import Logging
import Model
import Ratings
import Synchronization
import Training
import ZeroMQ

/// A job from its ratings to its model on disk.
public struct TrainingRun: Sendable {
    public let configuration: JobConfiguration
    public let store: RatingStore
    /// Where the model goes.
    public let destination: String
    private let checkpoints: CoordinatorRuntime.Checkpoints?

    /// - Throws: a ``Failure`` when the ratings cannot be read, or something foreign stands where the model is to go.
    public init(_ options: TrainingOptions) throws(Failure) {
        try self.init(
            options.job.configuration(), ratings: options.ratings, format: options.format.format, model: options.model,
            openCheckpoints: options.openCheckpoints)
    }

    /// - Parameters:
    ///   - ratings: a store or a rating file.
    ///   - format: that of the file; nil to find it.
    ///   - model: where the model goes.
    /// - Throws: as ``init(_:)``.
    public init(
        _ configuration: JobConfiguration, ratings: String, format: RatingFormat? = nil, model: String
    ) throws(Failure) {
        try self.init(configuration, ratings: ratings, format: format, model: model) { () throws(Failure) in nil }
    }

    /// - Parameter openCheckpoints: called once nothing foreign is known to stand where the model is to go.
    private init(
        _ configuration: JobConfiguration, ratings: String, format: RatingFormat?, model: String,
        openCheckpoints: () throws(Failure) -> CoordinatorRuntime.Checkpoints?
    ) throws(Failure) {
        self.configuration = configuration
        destination = model
        try DirectoryReplacement.refuseForeign(destination, marker: FactorModel.marker)
        checkpoints = try openCheckpoints()
        store = try RatingImporter.openStoreOrFile(ratings, format: format)
        try configuration.validate(ratingsFrom: store.description.minimum, to: store.description.maximum)
        if configuration.patience != nil, !Self.canJudge(store, configuration) {
            throw Failure(
                .usage, "early stopping needs held-out ratings, and there are none", at: "--patience",
                remedy: "import the ratings with --holdout 0.1 or --test, and train on that store")
        }
    }

    /// Whether there are held-out ratings by which the sweeps can be judged.
    private static func canJudge(_ store: RatingStore, _ configuration: JobConfiguration) -> Bool {
        guard let holdout = store.holdout, holdout.count > 0 else { return false }
        if configuration.implicit == nil { return true }
        return !RankingSample(ratings: store.ratings, holdout: holdout, seed: configuration.seed).users.isEmpty
    }

    /// What a finished job reports; `--json` prints it.
    public struct Report: Encodable, Sendable {
        public var model: String
        public var users: Int
        public var items: Int
        public var ratings: Int
        public var kernels: String
        public var sweeps: Int
        public var converged: Bool
        /// The sweep whose factors the model has, where early stopping chose it; the errors are of that sweep.
        public var keptSweep: Int?
        public var objective: Double
        public var trainRMSE: Double?
        public var validationRMSE: Double?
        public var validationRecall: Double?
        public var validationNDCG: Double?
        public var seconds: Double

        enum CodingKeys: String, CodingKey {
            case model, users, items, ratings, kernels, sweeps, converged, objective, seconds
            case keptSweep = "kept_sweep"
            case trainRMSE = "train_rmse"
            case validationRMSE = "validation_rmse"
            case validationRecall = "validation_recall"
            case validationNDCG = "validation_ndcg"
        }
    }

    /// Runs a coordinator, on a thread of its own, and writes the model.
    /// - Parameters:
    ///   - observe: told what happens in the job, on that thread.
    ///   - listening: told the endpoint once workers can connect.
    /// - Throws: a ``Failure``; of kind `tryAgain` when the job was stopped.
    public func run(
        _ options: CoordinatorRuntime.Options, stop: StopRequest, logger: Logger,
        observe: @escaping @Sendable (JobEvent) -> Void = { _ in },
        listening: @escaping @Sendable (_ endpoint: String) -> Void = { _ in }
    ) async throws(Failure) -> Report {
        let began = ContinuousClock.now
        return try await onDedicatedThread(named: "coordinator") { () throws(Failure) in
            try Context.use { context throws(Failure) in
                let coordinator = try CoordinatorRuntime(options, context: context)
                listening(coordinator.endpoint)
                return try self.run(
                    on: coordinator, options.failpoints, stop: stop, logger: logger, began: began, observe: observe)
            }
        }
    }

    /// Runs the job on a coordinator that listens, and writes the model.
    /// - Parameter began: from when on its seconds count.
    func run(
        on coordinator: CoordinatorRuntime, _ failpoints: Failpoints, stop: StopRequest, logger: Logger,
        began: ContinuousClock.Instant = .now, observe: (JobEvent) -> Void
    ) throws(Failure) -> Report {
        let completion = try solve(on: coordinator, stop: stop, logger: logger, observe: observe)
        return try finish(completion, logger, failpoints) { (.now - began) / .seconds(1) }
    }

    private func solve(
        on coordinator: CoordinatorRuntime, stop: StopRequest, logger: Logger, observe: (JobEvent) -> Void
    ) throws(Failure) -> CoordinatorRuntime.Completion {
        let view = ProgressView(logger: logger, sweeps: configuration.sweeps)
        defer { view.finish() }
        return try coordinator.run(configuration, store: store, checkpoints: checkpoints, stop: stop) { event in
            view.show(event)
            observe(event)
        }
    }

    /// Writes the model of a finished job.
    private func finish(
        _ completion: CoordinatorRuntime.Completion, _ logger: Logger, _ failpoints: Failpoints, seconds: () -> Double
    ) throws(Failure) -> Report {
        for (reason, count) in completion.dropped.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            // Copies of overdue blocks come second as a matter of course.
            logger.log(
                level: reason == .stale ? .debug : .notice, "messages not acted on: \(count) \(reason.rawValue)")
        }
        switch completion.outcome {
        case .failed(let failure): throw failure
        case .stopped(let reason):
            throw Failure(
                .tryAgain, "stopped by \(reason) before the model was finished",
                remedy: checkpoints.map { "start it again with --resume to go on from \($0.folder.path)" }
                    ?? "start it again")
        case .done(let factors, let sweeps, let converged, let keptSweep):
            failpoints.hit("model.write")
            try withOwnDescriptors { () throws(Failure) in
                // The runs below point into the payloads.
                defer { withExtendedLifetime(factors) {} }
                try FactorModel.write(
                    to: destination, configuration: configuration, intercept: Double(completion.solver.intercept),
                    kernelLevel: completion.kernelLevel.rawValue, storeFingerprint: store.fingerprint,
                    converged: converged, keptSweep: keptSweep, userIDs: store.userIDs, itemIDs: store.itemIDs,
                    sweeps: sweeps, workers: completion.workers, userRows: factors.user.map(\.floats),
                    itemRows: factors.item.map(\.floats))
                failpoints.hit("model.written")
                checkpoints?.folder.clear()
            }
            let kept = sweeps[(keptSweep ?? sweeps.count) - 1]
            return Report(
                model: destination, users: store.userIDs.count, items: store.itemIDs.count,
                ratings: store.ratings.count, kernels: completion.kernelLevel.rawValue, sweeps: sweeps.count,
                converged: converged, keptSweep: keptSweep,
                objective: kept.objective, trainRMSE: kept.trainRMSE, validationRMSE: kept.validationRMSE,
                validationRecall: kept.validationRecall, validationNDCG: kept.validationNDCG, seconds: seconds())
        }
    }
}

extension TrainingRun.Report {
    /// Prints the report to standard output, for a person or as JSON.
    public func print(asJSON: Bool) throws {
        if asJSON { return try printJSON(self) }
        let ending = keptSweep.map { "of which sweep \($0) is kept" } ?? (converged ? "converged" : "not converged yet")
        let sample = validationNDCG == nil ? "" : " (of a sample of the users; mf evaluate takes all)"
        let errors =
            errorText(
                trainRMSE: trainRMSE, validationRMSE: validationRMSE, recall: validationRecall, ndcg: validationNDCG)
            + sample
        Swift.print(
            """
            \(model): \(counted(sweeps, "sweep")), \(ending), \
            objective \(ProgressView.decimal(objective, 1))\(errors), \
            \(ProgressView.decimal(seconds, 1)) s
            """)
    }
}
