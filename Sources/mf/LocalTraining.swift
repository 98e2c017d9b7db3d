// Why: `mf train`, `mf bench train` and `mf tune` run jobs in the same way: a coordinator in this process, and workers
// that it starts and that end with it.

import ArgumentParser
import Cluster
import ClusterRuntime
import CommandSupport
import Failures
import Foundation
import LeastSquares
import Logging
import Synchronization

/// The workers that a command starts for its job.
struct LocalWorkerOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Worker processes. (default: 1)", valueName: "n"))
    var workers: Int?

    @Option(
        help: ArgumentHelp("Threads of each worker; the cores divided among the workers by default.", valueName: "n"))
    var threads: Int?

    @OptionGroup var memory: WorkerMemoryOptions

    @OptionGroup var kernels: KernelOptions

    /// The first of these options that was given and says how workers are started, if one was.
    var given: String? {
        workers != nil ? "--workers" : threads != nil ? "--threads" : memory.arguments.first
    }
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
        workers = options.workers ?? 1
        try requireCount(workers, atMost: 256, option: "--workers")
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
        try await withWorkers { host in
            try await run.run(
                host.options, stop: host.stop, logger: host.logger,
                observe: { event in
                    host.note(event)
                    observe(event)
                }, listening: host.listening)
        }
    }

    /// What a coordinator in this process is given.
    private struct Host: Sendable {
        let options: CoordinatorRuntime.Options
        let stop: StopRequest
        let logger: Logger
        /// To be told of every event.
        let note: @Sendable (JobEvent) -> Void
        /// To be told where it listens; then the workers are started.
        let listening: WorkerProcesses.Announcement
    }

    /// Has `body` run a coordinator, and workers for it.
    private func withWorkers<Result: Sendable>(
        kernels: KernelLevel? = nil, _ body: @escaping @Sendable (Host) async throws -> Result
    ) async throws -> Result {
        let logger = logging.makeLogger("mf")
        let stop = try StopRequest()
        let folder = try ScratchFolder()
        defer { withExtendedLifetime(folder) {} }
        let prepared = try connection.prepare(workers: workers, in: folder)
        let options = CoordinatorRuntime.Options(
            listen: prepared.endpoint, keys: prepared.keys,
            // One is enough to begin: the others join when they are ready, and one that dies before is not waited for.
            settings: CoordinatorSettings(minWorkers: 1, kernelLevel: kernels ?? self.kernels),
            failpoints: try .fromEnvironment())
        let processes = try WorkerProcesses(
            threads: threads, kernels: self.kernels, memory: memory, logLevel: logging.logLevel,
            ownArguments: prepared.workerArguments)
        let departure = Mutex<String?>(nil)
        return try await endingBySignals(stop, logger) {
            try await processes.whileRunning(
                stop: stop, logger: logger, reason: { departure.withLock { $0 } }
            ) { listening in
                let note: @Sendable (JobEvent) -> Void = { event in
                    switch event {
                    case .workerRefused(_, let reason, _), .workerLeft(_, let reason, _):
                        departure.withLock { $0 = reason }
                    default: break
                    }
                }
                return try await body(
                    Host(options: options, stop: stop, logger: logger, note: note, listening: listening))
            }
        }
    }
}

extension LocalTraining: SessionProvider {
    func whileOpen<Result: Sendable>(
        kernels: KernelLevel?, _ body: @escaping @Sendable (TrainingSession) async throws -> Result
    ) async throws -> Result {
        try await withWorkers(kernels: kernels) { host in
            try await TrainingSession.whileOpen(
                host.options, stop: host.stop, logger: host.logger, observe: host.note, listening: host.listening, body)
        }
    }
}
