// Why: `mf train` and `mf bench train` run a job in the same way: a coordinator in this process, and workers that it
// starts and that end with it.

import ArgumentParser
import Cluster
import ClusterRuntime
import CommandSupport
import Failures
import Foundation
import LeastSquares
import Synchronization

/// The workers that a command starts for its job.
struct LocalWorkerOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Worker processes.", valueName: "n"))
    var workers = 1

    @Option(help: ArgumentHelp("Threads of each worker; the cores divided among the workers by default.", valueName: "n"))
    var threads: Int?

    @OptionGroup var memory: WorkerMemoryOptions

    @OptionGroup var kernels: KernelOptions
}

/// A job whose workers are processes of this machine.
struct LocalTraining {
    let workers: Int
    let threads: Int
    private let kernels: KernelLevel?
    private let memory: WorkerMemoryOptions
    private let connection: LocalConnection
    private let logging: LoggingOptions

    /// - Throws: a ``Failure`` when such workers cannot be.
    init(
        _ options: LocalWorkerOptions, connection: LocalConnection = LocalConnection(), logging: LoggingOptions
    ) throws(Failure) {
        try connection.validate()
        self.connection = connection
        try requireCount(options.workers, atMost: 256, option: "--workers")
        workers = options.workers
        threads = options.threads ?? max(1, ProcessInfo.processInfo.activeProcessorCount / workers)
        try requireCount(threads, atMost: Limits.threadCount, option: "--threads")
        kernels = try options.kernels.level()
        if let kernels { _ = try Kernels(level: kernels) }
        memory = options.memory
        // Once, rather than by each worker in turn.
        _ = try memory.ratingsCache()
        self.logging = logging
    }

    /// Runs the job to its end.
    /// - Parameter observe: told what happens in the job, on the coordinator's thread.
    /// - Throws: a ``Failure``; the exit code of a signal when one has ended it.
    func run(
        _ run: TrainingRun, observe: @escaping @Sendable (JobEvent) -> Void = { _ in }
    ) async throws -> TrainingRun.Report {
        let logger = logging.makeLogger("mf")
        let stop = try StopRequest()
        let trap = SignalTrap { stop.stop(reason: $0) }
        let folder = try ScratchFolder()
        defer { withExtendedLifetime(folder) {} }
        let prepared = try connection.prepare(workers: workers, in: folder)
        let options = CoordinatorRuntime.Options(
            listen: prepared.endpoint, keys: prepared.keys,
            // One is enough to begin: the others join when they are ready, and one that dies before is not waited for.
            settings: CoordinatorSettings(minWorkers: 1, kernelLevel: kernels), failpoints: try .fromEnvironment())
        let processes = try WorkerProcesses(
            threads: threads, kernels: kernels, memory: memory, logLevel: logging.logLevel,
            ownArguments: prepared.workerArguments)
        let departure = Mutex<String?>(nil)
        do {
            return try await processes.whileRunning(
                stop: stop, logger: logger, reason: { departure.withLock { $0 } }
            ) { listening throws(Failure) in
                try await run.run(
                    options, stop: stop, logger: logger,
                    observe: { event in
                        switch event {
                        case .workerRefused(_, let reason, _), .workerLeft(_, let reason, _):
                            departure.withLock { $0 = reason }
                        default: break
                        }
                        observe(event)
                    }, listening: listening)
            }
        } catch let failure where trap.received != nil {
            logger.notice("\(failure)")
            throw ExitCode(SignalTrap.exitCode(of: trap.received!))
        }
    }
}
