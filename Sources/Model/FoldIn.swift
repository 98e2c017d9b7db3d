// Why: whoever comes after the training has ratings and no factors. With the other side as the model has it, theirs are
// one more row of a half-step,
//
//     u = (V'V + lambda_n I)^-1 V'(r - intercept)        V: the factors of the items rated, n their number
//
// solved exactly, in single precision, with the regularization and scaling of the training.

import ArrayFiles
import Failures
import Foundation
import LeastSquares
import Ratings
import Training

extension FactorModel {
    /// The factors of new users, or of new items, from their ratings.
    ///
    /// - Parameters:
    ///   - side: which of the two the rows of `ratings` are.
    ///   - ratings: a row for each new user (or item); its columns are rows of this model's other side. A row without
    ///     ratings gets zeros, whose prediction is the intercept.
    /// - Returns: `ratings.rowCount` x ``rank``, always finite.
    /// - Throws: a ``Failure`` of kind `badData` when a row's equations are singular, which they may be without
    ///   regularization, and of kind `system` when there is not enough memory.
    public func foldedFactors(
        of side: Side, from ratings: CompressedRows, kernels: Kernels = .best,
        threads: Int = ProcessInfo.processInfo.activeProcessorCount
    ) throws(Failure) -> ArrayView<Float> {
        var configuration = description.configuration.solverConfiguration(mean: intercept)
        (configuration.solver, configuration.precision) = (.exact, .fp32)
        let solver = try BlockSolver(configuration: configuration, kernels: kernels, threads: max(1, threads))
        try solver.fix(try factorMatrix(of: side.other))
        let count = ratings.rowCount * rank
        let output = UnsafeMutablePointer<Float>.allocate(capacity: max(count, 1))
        defer { output.deallocate() }
        _ = try solver.solve(
            ratings, holdout: nil, rows: 0..<ratings.rowCount, side: side,
            solved: try FactorMatrix(rowCount: ratings.rowCount, rank: rank), into: output)
        return ArrayView(Array(UnsafeBufferPointer(start: output, count: count)), shape: [ratings.rowCount, rank])
    }

    /// This model with other users: those of `ratings`, whose columns are this model's item rows.
    /// - Parameter userIDs: an id for each row of `ratings`.
    /// - Throws: as ``foldedFactors(of:from:kernels:threads:)`` does.
    public func foldingIn(
        _ userIDs: IDMap, ratings: CompressedRows, kernels: Kernels = .best
    ) throws(Failure) -> FactorModel {
        precondition(userIDs.count == ratings.rowCount && ratings.columnCount == itemCount)
        let factors = try foldedFactors(of: .user, from: ratings, kernels: kernels)
        return FactorModel(self, userIDs: userIDs, userFactors: factors)
    }

    /// The factors of a side in the form that solvers and kernels read.
    /// - Throws: a ``Failure`` of kind `system` when there is not enough memory.
    package func factorMatrix(of side: Side) throws(Failure) -> FactorMatrix {
        let factors = side == .user ? userFactors : itemFactors
        let matrix = try FactorMatrix(rowCount: factors.count / rank, rank: rank)
        if let start = factors.elements.baseAddress { matrix.setRows(0..<matrix.rowCount, from: start) }
        return matrix
    }
}
