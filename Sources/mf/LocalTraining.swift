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

    @Option(help: ArgumentHelp("Threads of each worker; the cores divided among the workers by default.", valueName: "n"))
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
    private let logging: LoggingOptions

    /// - Throws: a ``Failure`` when such workers cannot be.
    init(_ options: LocalWorkerOptions, logging: LoggingOptions) throws(Failure) {
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
        try await withWorkers { options, stop, logger, note in
            try await run.run(options, stop: stop, logger: logger) { event in
                note(event)
                observe(event)
            }
        }
    }

    /// Starts workers and has `body` run with a coordinator for them.
    private func withWorkers<Result: Sendable>(
        kernels: KernelLevel? = nil,
        _ body: @escaping @Sendable (
            CoordinatorRuntime.Options, StopRequest, Logger, _ note: @escaping @Sendable (JobEvent) -> Void
        ) async throws -> Result
    ) async throws -> Result {
        let logger = logging.makeLogger("mf")
        let stop = try StopRequest()
        let folder = try ScratchFolder()
        defer { withExtendedLifetime(folder) {} }
        let options = CoordinatorRuntime.Options(
            listen: try Endpoint("ipc://\(folder("coordinator"))"),
            // One is enough to begin: the others join when they are ready, and one that dies before is not waited for.
            settings: CoordinatorSettings(minWorkers: 1, kernelLevel: kernels ?? self.kernels),
            failpoints: try .fromEnvironment())
        let processes = try WorkerProcesses(
            count: workers, threads: threads, endpoint: options.listen, kernels: self.kernels, memory: memory,
            logLevel: logging.logLevel)
        let departure = Mutex<String?>(nil)
        return try await endingBySignals(stop, logger) {
            try await processes.whileRunning(stop: stop, logger: logger, reason: { departure.withLock { $0 } }) {
                try await body(options, stop, logger) { event in
                    switch event {
                    case .workerRefused(_, let reason, _), .workerLeft(_, let reason, _):
                        departure.withLock { $0 = reason }
                    default: break
                    }
                }
            }
        }
    }
}

extension LocalTraining: SessionProvider {
    func whileOpen<Result: Sendable>(
        kernels: KernelLevel?, _ body: @escaping @Sendable (TrainingSession) async throws -> Result
    ) async throws -> Result {
        try await withWorkers(kernels: kernels) { options, stop, logger, note in
            try await TrainingSession.whileOpen(options, stop: stop, logger: logger, observe: note, body)
        }
    }
}
