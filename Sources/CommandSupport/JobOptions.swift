// Why: training and its benchmark take the same options for the same job.

import ArgumentParser
import Failures
import Training

/// The options that, with the ratings, determine a model.
public struct JobOptions: ParsableArguments {
    @OptionGroup public var solver: SolverOptions

    @Flag(
        inversion: .prefixedNo,
        help:
            "Subtract the mean of the ratings before the fit. (default: unless the loss is implicit, or with --nonnegative)"
    )
    public var center: Bool?

    @Option(help: ArgumentHelp("The most sweeps.", valueName: "n"))
    public var sweeps = JobConfiguration().sweeps

    @Option(
        help: ArgumentHelp(
            "Stop when a sweep lowers the objective by less than this part of it; 0: never.", valueName: "fraction"))
    public var tolerance = JobConfiguration().tolerance

    @Option(
        help: ArgumentHelp(
            """
            Stop after so many sweeps without a lower held-out RMSE or, with the implicit loss, a higher NDCG@20 of \
            held-out items, and keep the best sweep.
            """,
            valueName: "sweeps"))
    public var patience: Int?

    @Flag(
        inversion: .prefixedNo,
        help: "Extrapolate the item factors between sweeps, which saves some. (default: unless the loss is implicit)")
    public var extrapolate: Bool?

    @Option(help: ArgumentHelp("Seed of the initial factors.", valueName: "n"))
    public var seed = JobConfiguration().seed

    public init() {}

    /// - Throws: a ``Failure`` of kind `usage`.
    public func configuration() throws(Failure) -> JobConfiguration {
        var configuration = JobConfiguration()
        try solver.apply(to: &configuration)
        if let center { configuration.center = center }
        configuration.sweeps = sweeps
        configuration.tolerance = tolerance
        configuration.patience = patience
        if let extrapolate { configuration.extrapolate = extrapolate }
        configuration.seed = seed
        try configuration.validate()
        return configuration
    }
}
