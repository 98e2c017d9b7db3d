// Why: training on one machine is the same coordinator and workers as on a cluster, started here over `ipc://`.

import ArgumentParser
import CommandSupport

struct TrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Trains a model on this machine.",
        discussion: """
            Example:
              mf train --ratings ratings.csv --model model --rank 64 --regularization 0.06 \\
                  --workers 2
            """)

    @OptionGroup var training: TrainingOptions

    @OptionGroup var workers: LocalWorkerOptions

    @OptionGroup var logging: LoggingOptions

    func run() async throws {
        let local = try LocalTraining(workers, logging: logging)
        let report = try await local.run(try TrainingRun(training))
        try report.print(asJSON: training.json)
    }
}
