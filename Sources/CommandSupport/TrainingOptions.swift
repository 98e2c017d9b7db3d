// Why: `mf train` and `mf-coordinator` take the same options for the same job.

import ArgumentParser
import Failures

/// The options that determine a model, and where its ratings and it are.
public struct TrainingOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A store that `mf import` wrote, or a rating file.", valueName: "store-or-file"))
    public var ratings: String

    @Option(help: ArgumentHelp("Where to put the model; an older model there is replaced.", valueName: "dir"))
    public var model: String

    @OptionGroup public var job: JobOptions

    @Flag(help: "Print the result as one JSON object.")
    public var json = false

    public init() {}
}

/// Requires a count of workers or threads that can be.
public func requireCount(_ count: Int, atMost maximum: Int, option: String) throws(Failure) {
    guard (1...maximum).contains(count) else {
        throw Failure(.usage, "the number is \(count)", at: option, remedy: "give 1 to \(maximum)")
    }
}
