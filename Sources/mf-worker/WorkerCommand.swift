// Why: the process that solves blocks for a coordinator, on this host or another.

import ArgumentParser
import Cluster
import ClusterRuntime
import CommandSupport
import Failures
import Foundation
import LeastSquares
import ZeroMQ

@main
struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mf-worker",
        abstract: "Solves blocks of factors for a coordinator, until the job or the search is over.",
        discussion: """
            Start any number, on any hosts, before or after the coordinator. A worker that finds the coordinator's \
            store under the same path maps it; the others are sent their ratings.

            Example:
              mf-worker --coordinator tcp://127.0.0.1:5555 --threads 8
            """,
        version: programVersion)

    @Option(help: ArgumentHelp("Where mf-coordinator, or mf tune, listens.", valueName: "endpoint"))
    var coordinator: String

    @Option(help: ArgumentHelp("This worker's secret key, NAME.key_secret of mf keygen.", valueName: "file"))
    var key: String?

    @Option(help: ArgumentHelp("The coordinator's public key, NAME.key.", valueName: "file"))
    var coordinatorKey: String?

    @Flag(help: "Work for a coordinator on another machine, although there are no keys.")
    var insecure = false

    @Option(help: ArgumentHelp("Threads that solve rows; as many as the host has cores by default.", valueName: "n"))
    var threads = ProcessInfo.processInfo.activeProcessorCount

    @Option(help: ArgumentHelp("Give up after so long without a word from the coordinator.", valueName: "seconds"))
    var coordinatorTimeout = 300

    @Option(help: ArgumentHelp("Join anew after so long without a word.", valueName: "seconds", visibility: .hidden))
    var rejoinAfter = 30

    @Option(
        help: ArgumentHelp(
            "End when this process, which started this one, does.", valueName: "pid", visibility: .hidden))
    var endWithParent: Int32?

    @Flag(inversion: .prefixedNo, help: "Map the coordinator's store where it can be opened here.")
    var mapStore = true

    @OptionGroup var memory: WorkerMemoryOptions

    @OptionGroup var kernels: KernelOptions

    @OptionGroup var logging: LoggingOptions

    static func main() async { await runCommand(WorkerCommand.self) }

    func run() async throws {
        try requireCount(threads, atMost: Limits.threadCount, option: "--threads")
        try requireCount(coordinatorTimeout, atMost: 1_000_000, option: "--coordinator-timeout")
        try requireCount(rejoinAfter, from: 2, atMost: 1_000_000, option: "--rejoin-after")
        let logger = logging.makeLogger("mf-worker")
        let endpoint = try Endpoint(coordinator)
        let keys = try readKeys()
        try endpoint.requireSafeToConnect(hasKeys: keys != nil, isInsecure: insecure)
        if insecure { logger.warning("--insecure: whoever answers at \(coordinator) gives this worker its work") }
        let stop = try StopRequest()
        let trap = SignalTrap { stop.stop(reason: $0) }
        let options = WorkerRuntime.Options(
            coordinator: endpoint, keys: keys, threads: threads,
            coordinatorTimeout: .seconds(coordinatorTimeout), silenceTimeout: .seconds(rejoinAfter),
            name: "\(ProcessInfo.processInfo.hostName):\(ProcessInfo.processInfo.processIdentifier)",
            kernelLevels: try kernels.level().map { level in [try Kernels(level: level).level] }
                ?? KernelLevel.available,
            parent: endWithParent, mayMapStore: mapStore, memoryLimit: memory.memoryLimit,
            cache: try memory.ratingsCache(), failpoints: try .fromEnvironment())
        logger.info("connecting to \(options.coordinator)")
        let ending = try await onDedicatedThread(named: "worker") { () throws(Failure) in
            try Context.use { context throws(Failure) in
                try WorkerRuntime(options, context: context, stop: stop, logger: logger).run()
            }
        }
        switch ending {
        case .finished(_, let reason): logger.info("the job is over: \(reason)")
        case .refused(let reason):
            throw Failure(.unavailable, "the coordinator refused this worker: \(reason)", at: coordinator)
        case .failed(let failure): throw failure
        case .interrupted:
            throw ExitCode(SignalTrap.exitCode(of: trap.received ?? SIGTERM))
        }
    }

    /// - Throws: a ``Failure`` when only one of the two is given, or one cannot be used.
    private func readKeys() throws(Failure) -> WorkerKeys? {
        switch (key, coordinatorKey) {
        case (nil, nil): return nil
        case (let key?, let coordinatorKey?):
            guard !insecure else {
                throw Failure(.usage, "there are keys", at: "--insecure", remedy: "leave the option out")
            }
            return WorkerKeys(own: try KeyFiles.readSecret(key), coordinator: try KeyFiles.readPublic(coordinatorKey))
        default:
            throw Failure(
                .usage, "a worker with keys has its own and its coordinator's",
                at: key == nil ? "--coordinator-key" : "--key", remedy: "give both --key and --coordinator-key")
        }
    }
}
