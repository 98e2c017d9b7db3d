// Why: training on one machine is the same coordinator and workers as on a cluster, started here over `ipc://`.

import ArgumentParser
import Cluster
import ClusterRuntime
import CommandSupport
import Failures
import Foundation
import LeastSquares
import Logging

struct TrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Trains a model on this machine.",
        discussion: """
            Example:
              mf train --ratings ratings.csv --model model --rank 64 --regularization 0.06 --workers 2
            """)

    @OptionGroup var training: TrainingOptions

    @Option(help: ArgumentHelp("Worker processes.", valueName: "n"))
    var workers = 1

    @Option(help: ArgumentHelp("Threads of each worker; the cores divided among the workers by default.", valueName: "n"))
    var threads: Int?

    @OptionGroup var kernels: KernelOptions

    @OptionGroup var logging: LoggingOptions

    func run() async throws {
        try requireCount(workers, atMost: 256, option: "--workers")
        let cores = ProcessInfo.processInfo.activeProcessorCount
        let threads = threads ?? max(1, cores / workers)
        try requireCount(threads, atMost: Limits.threadCount, option: "--threads")
        let logger = logging.makeLogger("mf")
        let level = try kernels.level()
        if let level { _ = try Kernels(level: level) }
        let run = try TrainingRun(training)
        let stop = try StopRequest()
        let trap = SignalTrap { stop.stop(reason: $0) }
        let folder = try EndpointFolder()
        let options = CoordinatorRuntime.Options(
            listen: try Endpoint("ipc://\(folder.path)/coordinator"),
            // One is enough to begin: the others join when they are ready, and one that dies before is not waited for.
            settings: CoordinatorSettings(minWorkers: 1, kernelLevel: level), failpoints: try .fromEnvironment())
        defer { withExtendedLifetime(folder) {} }
        let processes = try WorkerProcesses(
            count: workers, threads: threads, endpoint: options.listen, kernels: level, logLevel: logging.logLevel)
        do {
            let report = try await processes.whileRunning(stop: stop, logger: logger) { () throws(Failure) in
                try await run.run(options, stop: stop, logger: logger)
            }
            try report.print(asJSON: training.json)
        } catch let failure where trap.received != nil {
            logger.notice("\(failure)")
            throw ExitCode(SignalTrap.exitCode(of: trap.received!))
        }
    }
}

/// A folder that only this user can enter, for the socket; removed when it goes out of scope.
private final class EndpointFolder: Sendable {
    let path: String

    init() throws(Failure) {
        // A Unix domain socket's path is short, and TMPDIR may not be.
        let parents = [ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp", "/tmp"]
        for parent in parents where parent.utf8.count < 60 {
            var template = Array("\(parent)/swift-mf.XXXXXX".utf8CString)
            if mkdtemp(&template) != nil {
                path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
                return
            }
        }
        throw Failure(
            .cannotCreate, "cannot create a folder for the workers' socket", at: parents[0],
            remedy: "set TMPDIR to a folder with a short path that you may write to")
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
