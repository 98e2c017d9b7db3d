// Why: whoever comes after the training has ratings and no factors. With the other side as the model has it, theirs are
// one more row of a half-step,
//
//     u = (V'V + lambda_n I)^-1 V'(r - intercept)        V: the factors of the items rated, n their number
//
// with the bias among the unknowns where the model has biases; solved exactly, in single precision, with the
// regularization and scaling of the training.

import ArrayFiles
import Failures
import Foundation
import LeastSquares
import Ratings
import Training

/// What rows that came after the training have.
public struct FoldedRows: Sendable {
    /// A row each, as many columns as the model's rank.
    public var factors: ArrayView<Float>
    /// One each; nil for a model without biases.
    public var biases: ArrayView<Float>?
}

extension FactorModel {
    /// The factors and biases of new users, or of new items, from their ratings.
    ///
    /// - Parameters:
    ///   - side: which of the two the rows of `ratings` are.
    ///   - ratings: a row for each new user (or item); its columns are rows of this model's other side. A row without
    ///     ratings gets zeros, whose prediction is the intercept and the other side's bias.
    /// - Returns: a row for each of `ratings`, always finite.
    /// - Throws: a ``Failure`` of kind `badData` when a row's equations are singular, which they may be without
    ///   regularization, and of kind `system` when there is not enough memory.
    public func folded(
        _ side: Side, from ratings: CompressedRows, kernels: Kernels = .best,
        threads: Int = ProcessInfo.processInfo.activeProcessorCount
    ) throws(Failure) -> FoldedRows {
        var configuration = description.configuration.solverConfiguration(mean: intercept)
        (configuration.solver, configuration.precision) = (.exact, .fp32)
        let solver = try BlockSolver(configuration: configuration, kernels: kernels, threads: max(1, threads))
        try solver.fix(try factorMatrix(of: side.other))
        let width = configuration.width
        let count = ratings.rowCount * width
        let output = UnsafeMutablePointer<Float>.allocate(capacity: max(count, 1))
        defer { output.deallocate() }
        _ = try solver.solve(
            ratings, holdout: nil, rows: 0..<ratings.rowCount, side: side,
            solved: try FactorMatrix(rowCount: ratings.rowCount, rank: rank, hasBiases: configuration.hasBiases),
            into: output)
        let rows = (0..<ratings.rowCount).map { output + $0 * width }
        return FoldedRows(
            factors: ArrayView(
                rows.flatMap { UnsafeBufferPointer(start: $0, count: rank) }, shape: [ratings.rowCount, rank]),
            biases: configuration.hasBiases ? ArrayView(rows.map { $0[rank] }, shape: [ratings.rowCount]) : nil)
    }

    /// This model with other users: those of `ratings`, whose columns are this model's item rows.
    /// - Parameter userIDs: an id for each row of `ratings`.
    /// - Throws: as ``folded(_:from:kernels:threads:)`` does.
    public func foldingIn(
        _ userIDs: IDMap, ratings: CompressedRows, kernels: Kernels = .best
    ) throws(Failure) -> FactorModel {
        precondition(userIDs.count == ratings.rowCount && ratings.columnCount == itemCount)
        return FactorModel(self, userIDs: userIDs, users: try folded(.user, from: ratings, kernels: kernels))
    }

    /// The factors and biases of a side in the form that solvers and kernels read.
    /// - Throws: a ``Failure`` of kind `system` when there is not enough memory.
    package func factorMatrix(of side: Side) throws(Failure) -> FactorMatrix {
        let factors = side == .user ? userFactors : itemFactors
        let biases = side == .user ? userBiases : itemBiases
        let matrix = try FactorMatrix(rowCount: factors.count / rank, rank: rank, hasBiases: biases != nil)
        guard let start = factors.elements.baseAddress else { return matrix }
        for row in 0..<matrix.rowCount {
            matrix.row(row).update(from: start + row * rank, count: rank)
            if let biases { matrix.biases?[row] = biases.elements[row] }
        }
        return matrix
    }
}
