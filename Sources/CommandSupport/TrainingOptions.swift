// Why: `mf train` and `mf-coordinator` take the same options for the same job.

import ArgumentParser
import Failures
import Training

/// The options that determine a model, and where its ratings and it are.
public struct TrainingOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A store that `mf import` wrote, or a rating file.", valueName: "store-or-file"))
    public var ratings: String

    @Option(help: ArgumentHelp("Where to put the model; an older model there is replaced.", valueName: "dir"))
    public var model: String

    @OptionGroup public var solver: SolverOptions

    @Flag(inversion: .prefixedNo, help: "Subtract the mean of the ratings before the fit.")
    public var center = JobConfiguration().center

    @Option(help: ArgumentHelp("The most sweeps.", valueName: "n"))
    public var sweeps = JobConfiguration().sweeps

    @Option(help: ArgumentHelp("Stop when a sweep lowers the objective by less than this part of it; 0: never.", valueName: "fraction"))
    public var tolerance = JobConfiguration().tolerance

    @Option(
        help: ArgumentHelp(
            "Stop after so many sweeps without a lower held-out RMSE, and keep the sweep with the lowest.",
            valueName: "sweeps"))
    public var patience: Int?

    @Flag(inversion: .prefixedNo, help: "Extrapolate the item factors between sweeps, which saves some.")
    public var extrapolate = JobConfiguration().extrapolate

    @Option(help: ArgumentHelp("Seed of the initial factors.", valueName: "n"))
    public var seed = JobConfiguration().seed

    @Flag(help: "Print the result as one JSON object.")
    public var json = false

    public init() {}

    /// - Throws: a ``Failure`` of kind `usage`.
    public func configuration() throws(Failure) -> JobConfiguration {
        var configuration = JobConfiguration()
        solver.apply(to: &configuration)
        configuration.center = center
        configuration.sweeps = sweeps
        configuration.tolerance = tolerance
        configuration.patience = patience
        configuration.extrapolate = extrapolate
        configuration.seed = seed
        try configuration.validate()
        return configuration
    }
}

/// Requires a count of workers or threads that can be.
public func requireCount(
    _ count: Int, from minimum: Int = 1, atMost maximum: Int, option: String
) throws(Failure) {
    guard (minimum...maximum).contains(count) else {
        throw Failure(.usage, "the number is \(count)", at: option, remedy: "give \(minimum) to \(maximum)")
    }
}
