// Why: a block is solved by all threads of a process, and its result must not depend on how many those are. Each row
// is solved by itself and writes only its own factors and its own sums; the sums are then added in row order.

import Failures
import Ratings

/// Solves blocks of rows, one block at a time, on a number of threads.
///
/// Equal configurations, kernel levels, ratings and factors give equal bytes, whatever the number of threads.
/// A solver may be used from any thread but for one block at a time only: its threads' workspaces belong to the
/// call in progress.
public final class BlockSolver {
    private let configuration: SolverConfiguration
    private let fixed: FixedSide
    private let workspaces: [Workspace]
    private let longRow: LongRow
    private var results: [RowResult] = []
    private var chunks: [Int] = []

    /// - Parameter threads: 1 or more.
    /// - Precondition: `configuration.rank` is at least 1 and its regularization is finite and not negative.
    /// - Throws: a ``Failure`` of kind `badData` when a d x d matrix is beyond what can be addressed.
    public init(configuration: SolverConfiguration, kernels: Kernels, threads: Int) throws(Failure) {
        precondition(configuration.rank >= 1 && threads >= 1)
        precondition(configuration.regularization.isFinite && configuration.regularization >= 0)
        precondition(configuration.conjugateGradientSteps >= 1)
        // Costs are counted as rows x d^3; this bound keeps them, and a matrix's bytes, far from overflow.
        guard configuration.rank <= Self.highestRank, let stride = FactorMatrix.stride(forRank: configuration.rank)
        else {
            throw Failure(
                .badData, "rank \(configuration.rank) is more than \(Self.highestRank)", remedy: "lower the rank")
        }
        precondition(configuration.biasRegularization.map { $0 == configuration.regularization || $0 > 0 } ?? true)
        self.configuration = configuration
        let vectorStride = FactorMatrix.stride(forRank: configuration.width)!
        longRow = LongRow(kernels: kernels, stride: stride, vectorStride: vectorStride, threads: threads)
        let fixed = FixedSide(configuration: configuration, kernels: kernels, stride: stride)
        self.fixed = fixed
        workspaces = (0..<threads).map { _ in
            Workspace(configuration: configuration, kernels: kernels, fixed: fixed, stride: stride)
        }
    }

    /// The highest rank that can be solved; a d x d matrix of it takes 1 GiB a thread.
    public static let highestRank = 1 << 14

    /// Takes the memory that fixed sides of up to `rowCount` rows need, so that ``fix(_:)`` does not have to.
    /// - Throws: a ``Failure`` of kind `system` when there is none.
    public func reserve(fixedRowCount rowCount: Int) throws(Failure) { try fixed.reserve(rowCount: rowCount) }

    /// Makes `factors` the fixed side of the blocks to come; to be called again when they have changed.
    /// - Precondition: their rank is the configuration's, and they have biases if it has.
    /// - Throws: a ``Failure`` of kind `system` when there is no memory for their copy in bfloat16.
    public func fix(_ factors: FactorMatrix) throws(Failure) {
        try fixed.set(factors, threads: workspaces.count, parts: longRow)
    }

    /// Solves every row of a block with the other side fixed, as ``fix(_:)`` did before.
    ///
    /// A row without ratings gets zeros. With the implicit loss a block's squared error is its part of that loss,
    /// over all pairs, and there is none of held-out ratings.
    /// - Parameters:
    ///   - ratings: the block's rows; its columns are rows of the fixed side, which the caller has checked
    ///     (``CompressedRows/defect()``).
    ///   - holdout: the held-out ratings of the same rows, whose squared error is summed but which are not fitted.
    ///   - rows: the block's rows in the side that is solved, for messages and for the warm start.
    ///   - solved: the present factors of the side that is solved; only read.
    ///   - output: room for `rows.count` x `width` floats, without padding, of which all are written.
    /// - Throws: a ``Failure`` of kind `badData` that names the first row whose system is singular or not finite;
    ///   `output` is then undefined.
    public func solve(
        _ ratings: CompressedRows, holdout: CompressedRows?, rows: Range<Int>, side: Side, solved: FactorMatrix,
        into output: UnsafeMutablePointer<Float>
    ) throws(Failure) -> BlockSums {
        let rank = configuration.rank
        guard let fixedRowCount = fixed.factors?.rowCount else { preconditionFailure("no side has been fixed") }
        precondition(ratings.rowCount == rows.count && ratings.columnCount == fixedRowCount)
        precondition(
            solved.rank == rank && solved.hasBiases == configuration.hasBiases && rows.upperBound <= solved.rowCount)
        precondition(holdout.map { $0.rowCount == rows.count && $0.columnCount == fixedRowCount } ?? true)

        cutIntoChunks(ratings)
        results.removeAll(keepingCapacity: true)
        results.append(contentsOf: repeatElement(RowResult(), count: rows.count))
        let failedRow = results.withUnsafeMutableBufferPointer { results in
            BlockTask(
                ratings: ratings, holdout: holdout, firstRow: rows.lowerBound, solved: solved, output: output,
                results: results, chunks: chunks, workspaces: workspaces, longRow: longRow
            ).run()
        }
        if let failedRow {
            throw Failure(
                .badData,
                "the equations of \(side.rawValue) row \(rows.lowerBound + failedRow) are singular or not finite",
                remedy: "raise the regularization (now \(configuration.regularization))")
        }
        var sums = BlockSums.zero
        for result in results {
            sums.squaredError += result.squaredError
            sums.penalty += result.penalty
            sums.holdoutSquaredError += result.holdoutSquaredError
        }
        sums.ratingCount = ratings.count
        sums.holdoutCount = holdout?.count ?? 0
        return sums
    }

    /// Cuts the rows into runs of about equal cost, n d^2 + d^3 a row: enough of them that the threads end together,
    /// few enough that fetching one is nothing beside solving it.
    private func cutIntoChunks(_ ratings: CompressedRows) {
        let chunksPerThread = 16
        let rank = configuration.rank
        // In units of d^2; the highest rank and any number of ratings in memory stay below 2^63.
        func cost(_ row: Int) -> Int {
            let count = ratings.range(of: row).count
            // The long rows have been solved by then.
            return count < LongRow.leastRatingCount ? count + rank : 0
        }
        let total = (0..<ratings.rowCount).reduce(0) { $0 + cost($1) }
        let share = max(total / (workspaces.count * chunksPerThread), 1)
        chunks.removeAll(keepingCapacity: true)
        chunks.append(0)
        var reached = 0
        for row in 0..<ratings.rowCount {
            reached += cost(row)
            if reached >= share || row == ratings.rowCount - 1 {
                chunks.append(row + 1)
                reached = 0
            }
        }
    }
}
