// Why: a signal stops a job as any other reason does; what differs is the exit code.

import ArgumentParser
import ClusterRuntime
import Logging

/// Runs `body`, which `stop` ends when a signal comes.
/// - Throws: what `body` throws; when a signal has come, the exit code of a command that it ended.
public func endingBySignals<Result: Sendable>(
    _ stop: StopRequest, _ logger: Logger, _ body: () async throws -> Result
) async throws -> Result {
    let trap = SignalTrap { stop.stop(reason: $0) }
    do {
        return try await body()
    } catch {
        guard let signal = trap.received else { throw error }
        logger.notice("\(error)")
        throw ExitCode(SignalTrap.exitCode(of: signal))
    }
}
