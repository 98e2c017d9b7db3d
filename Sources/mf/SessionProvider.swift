// Why: a search does not care where its workers come from.

import CommandSupport
import LeastSquares

/// Who has workers for jobs that run one after another.
protocol SessionProvider {
    /// Opens a session for as long as `body` runs.
    /// - Parameter kernels: the level of all its jobs; nil for what was asked for, or the best that all workers have.
    /// - Throws: what `body` throws; the exit code of a signal when one has ended it.
    func whileOpen<Result: Sendable>(
        kernels: KernelLevel?, _ body: @escaping @Sendable (TrainingSession) async throws -> Result
    ) async throws -> Result
}
