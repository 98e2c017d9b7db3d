// Why: the process that runs a job over workers, on this host or others.

import ArgumentParser
import ClusterRuntime
import CommandSupport
import Failures

@main
struct CoordinatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mf-coordinator",
        abstract: "Trains a model over worker processes.",
        discussion: """
            Waits for workers, gives them blocks of users and items in turn, and writes the model. Workers may join \
            and leave at any time; the model is the same, byte for byte.

            Example:
              mf-coordinator --ratings store --model model --rank 64 \\
                  --listen tcp://127.0.0.1:5555 --min-workers 2
              mf-worker --coordinator tcp://127.0.0.1:5555      (twice, in other terminals)
            """,
        version: programVersion)

    @OptionGroup var training: TrainingOptions

    @Option(
        help: ArgumentHelp(
            "Where workers connect: tcp://HOST:PORT (port * for a free one) or ipc://PATH.", valueName: "endpoint"))
    var listen = "tcp://127.0.0.1:5555"

    @OptionGroup var coordinator: CoordinatorOptions

    @OptionGroup var kernels: KernelOptions

    @OptionGroup var logging: LoggingOptions

    static func main() async { await runCommand(CoordinatorCommand.self) }

    func run() async throws {
        let logger = logging.makeLogger("mf-coordinator")
        let options = try coordinator.coordinator(listen: listen, kernels: kernels, logger: logger)
        let run = try TrainingRun(training)
        let stop = try StopRequest()
        let report = try await endingBySignals(stop, logger) {
            try await run.run(options, stop: stop, logger: logger, listening: { logger.info("listening on \($0)") })
        }
        try report.print(asJSON: training.json)
    }
}
