// Why: the process that runs a job over workers, on this host or others.

import ArgumentParser
import Cluster
import ClusterRuntime
import CommandSupport
import Failures
import Foundation

@main
struct CoordinatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mf-coordinator",
        abstract: "Trains a model over worker processes.",
        discussion: """
            Waits for workers, gives them blocks of users and items in turn, and writes the model. Workers may join
            and leave at any time; the model is the same, byte for byte.

            Example:
              mf-coordinator --ratings store --model model --rank 64 --listen tcp://127.0.0.1:5555 --min-workers 2
              mf-worker --coordinator tcp://127.0.0.1:5555      (twice, in other terminals)
            """,
        version: programVersion)

    @OptionGroup var training: TrainingOptions

    @Option(help: ArgumentHelp("Where workers connect: tcp://HOST:PORT (port * for a free one) or ipc://PATH.", valueName: "endpoint"))
    var listen = "tcp://127.0.0.1:5555"

    @Option(help: ArgumentHelp("Begin when so many workers are there.", valueName: "n"))
    var minWorkers = 1

    @Option(help: ArgumentHelp("Fail after so long without any worker, or without enough to begin.", valueName: "seconds"))
    var workerTimeout = 300

    @Option(
        help: ArgumentHelp(
            "Give the blocks of a worker that was silent for so long to others too.", valueName: "seconds"))
    var suspectAfter = 5

    @Option(help: ArgumentHelp("Take a worker that was silent for so long for dead.", valueName: "seconds"))
    var evictAfter = 30

    @Option(
        help: ArgumentHelp(
            "Give up a worker that has blocks to solve and does not get on for so long.", valueName: "seconds"))
    var progressTimeout = 300

    @Option(help: ArgumentHelp("This coordinator's secret key, NAME.key_secret of mf keygen.", valueName: "file"))
    var key: String?

    @Option(
        help: ArgumentHelp(
            "The folder with the .key files of the workers that may take part; read again whenever it changes.",
            valueName: "folder"))
    var allow: String?

    @Flag(help: "Listen where strangers can connect, although there are no keys.")
    var insecure = false

    @OptionGroup var kernels: KernelOptions

    @OptionGroup var logging: LoggingOptions

    static func main() async { await runCommand(CoordinatorCommand.self) }

    func run() async throws {
        try requireCount(minWorkers, atMost: Limits.workerCount, option: "--min-workers")
        try requireCount(workerTimeout, atMost: 1_000_000, option: "--worker-timeout")
        for (seconds, option) in [
            (suspectAfter, "--suspect-after"), (evictAfter, "--evict-after"), (progressTimeout, "--progress-timeout"),
        ] { try requireCount(seconds, from: 2, atMost: 1_000_000, option: option) }
        let logger = logging.makeLogger("mf-coordinator")
        let endpoint = try Endpoint(listen)
        let keys = try readKeys()
        try endpoint.requireSafeToListen(hasKeys: keys != nil, isInsecure: insecure)
        let run = try TrainingRun(training)
        let options = CoordinatorRuntime.Options(
            listen: endpoint, keys: keys, isInsecure: insecure,
            settings: CoordinatorSettings(
                minWorkers: minWorkers, kernelLevel: try kernels.level(), suspicionTimeout: .seconds(suspectAfter),
                silenceTimeout: .seconds(evictAfter), progressTimeout: .seconds(progressTimeout),
                workerTimeout: .seconds(workerTimeout)),
            failpoints: try .fromEnvironment())
        if let keys { logger.info("workers with one of the \(keys.workers.count) keys in \(keys.workers.folder) may take part") }
        if insecure { logger.warning("--insecure: whoever can connect to \(listen) can take part in this job") }
        let stop = try StopRequest()
        let trap = SignalTrap { stop.stop(reason: $0) }
        do {
            let report = try await run.run(
                options, stop: stop, logger: logger, listening: { logger.info("listening on \($0)") })
            try report.print(asJSON: training.json)
        } catch let failure where trap.received != nil {
            logger.notice("\(failure)")
            throw ExitCode(SignalTrap.exitCode(of: trap.received!))
        }
    }

    /// - Throws: a ``Failure`` when only one of the two is given, or one cannot be used.
    private func readKeys() throws(Failure) -> CoordinatorKeys? {
        switch (key, allow) {
        case (nil, nil): return nil
        case (let key?, let allow?):
            guard !insecure else {
                throw Failure(.usage, "there are keys", at: "--insecure", remedy: "leave the option out")
            }
            return CoordinatorKeys(own: try KeyFiles.readSecret(key), workers: try AllowList(folder: allow))
        default:
            throw Failure(
                .usage, "a coordinator with keys has its own and those of its workers",
                at: key == nil ? "--allow" : "--key", remedy: "give both --key and --allow")
        }
    }
}
