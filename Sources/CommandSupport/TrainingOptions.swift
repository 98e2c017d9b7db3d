// Why: `mf train` and `mf-coordinator` take the same options for the same job.

import ArgumentParser
import ClusterRuntime
import Failures
import Training

/// The options that determine a model, and where its ratings and it are.
public struct TrainingOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A store that `mf import` wrote, or a rating file.", valueName: "store-or-file"))
    public var ratings: String

    @Option(help: ArgumentHelp("Where to put the model; an older model there is replaced.", valueName: "dir"))
    public var model: String

    @OptionGroup public var format: RatingFormatOptions

    @OptionGroup public var job: JobOptions

    @Option(
        help: ArgumentHelp(
            "Keep the state of the job there, so that it can go on after whatever ends it.", valueName: "dir"))
    public var checkpoint: String?

    @Option(
        help: ArgumentHelp("Half-steps from one checkpoint to the next, 1 by default; a sweep is two.", valueName: "n"))
    public var checkpointEvery: Int?

    @Flag(help: "Go on from the newest checkpoint, if there is one.")
    public var resume = false

    @Flag(help: "Print the result as one JSON object.")
    public var json = false

    public init() {}

    /// Opens the folder of checkpoints, when one is named.
    /// - Throws: a ``Failure``, as ``CheckpointFolder/init(path:resumes:)`` does.
    func openCheckpoints() throws(Failure) -> CoordinatorRuntime.Checkpoints? {
        guard let checkpoint else {
            guard !resume else {
                throw Failure(
                    .usage, "there is nothing to go on from", at: "--resume", remedy: "give --checkpoint DIR too")
            }
            guard checkpointEvery == nil else {
                throw Failure(
                    .usage, "there is no folder for checkpoints", at: "--checkpoint-every",
                    remedy: "give --checkpoint DIR too")
            }
            return nil
        }
        let checkpointEvery = checkpointEvery ?? 1
        try requireCount(checkpointEvery, atMost: JobConfiguration.maximumSweeps, option: "--checkpoint-every")
        return CoordinatorRuntime.Checkpoints(
            folder: try CheckpointFolder(path: checkpoint, resumes: resume), every: checkpointEvery)
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
