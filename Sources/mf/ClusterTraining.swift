// Why: who has a cluster searches on it: workers of other hosts connect here, as they do to mf-coordinator.

import ArgumentParser
import Cluster
import ClusterRuntime
import CommandSupport
import Failures
import LeastSquares
import Logging
import Synchronization

/// Jobs whose workers were started elsewhere.
struct ClusterTraining: SessionProvider {
    private let options: CoordinatorRuntime.Options
    private let logger: Logger

    /// - Parameter logging: for where it listens, and who comes and goes.
    /// - Throws: a ``Failure``, as ``CoordinatorOptions/coordinator(listen:kernels:logger:)`` does.
    init(
        listen: String, _ options: CoordinatorOptions, kernels: KernelOptions, logging: LoggingOptions
    ) throws(Failure) {
        logger = logging.makeLogger("mf")
        self.options = try options.coordinator(listen: listen, kernels: kernels, logger: logger)
    }

    func whileOpen<Result: Sendable>(
        kernels: KernelLevel?, _ body: @escaping @Sendable (TrainingSession) async throws -> Result
    ) async throws -> Result {
        var options = options
        if let kernels { options.settings.kernelLevel = kernels }
        let stop = try StopRequest()
        let (logger, settled) = (logger, options)
        return try await endingBySignals(stop, logger) {
            try await TrainingSession.whileOpen(
                settled, stop: stop, logger: logger, observe: WorkerList(logger).note,
                listening: { logger.notice("listening on \($0)") }, body)
        }
    }
}

/// Says who has come for the first time; the same workers join every job anew.
private final class WorkerList: Sendable {
    private let logger: Logger
    private let known = Mutex<Set<String>>([])

    init(_ logger: Logger) { self.logger = logger }

    @Sendable func note(_ event: JobEvent) {
        switch event {
        case .workerWaits(let name, let workers, let needed):
            guard isNew(name) else { return }
            logger.notice("worker \(name) is here: \(workers) of the \(needed) with which the search begins")
        case .workerJoined(let name, let threads, _, let workers):
            guard isNew(name) else { return }
            logger.notice("worker \(name) joined: \(counted(threads, "thread")); \(counted(workers, "worker"))")
        default: break
        }
    }

    private func isNew(_ name: String) -> Bool { known.withLock { $0.insert(name).inserted } }
}
