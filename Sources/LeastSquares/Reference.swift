// Why: what the solver computes, written once more as the equations stand, in double precision and without any
// thought of speed. Tests compare the fast solver with it, and the solver itself turns to it for the rare row whose
// system single precision cannot factor.
//
//     A = sum f f' + lambda I     b = sum r f     x = A^-1 b       f: the factors that the row's ratings meet
//
// With biases every f ends in a 1, the fixed side's biases are taken from r, and the last lambda is that of the biases.
// With the implicit loss sum (c - c0) f f' + c0 sum over the whole fixed side f f' and sum c f take the places of the
// sums.

import Ratings

/// The mathematics of a half-step, plain and slow.
public enum Reference {
    /// A row's normal equations.
    public struct NormalEquations: Sendable {
        /// d x d, row-major, symmetric.
        public var matrix: [Double]
        /// d.
        public var right: [Double]

        /// - Parameters:
        ///   - factors: of each rating, d of them.
        ///   - values: of each rating, less the intercept; with the implicit loss its confidence.
        ///   - weights: with the implicit loss how much each confidence is above c0.
        ///   - whole: c0 times the Gram matrix of the whole fixed side, d x d.
        public init(
            factors: [[Double]], values: [Double], weights: [Double]? = nil, whole: [Double]? = nil, rank: Int,
            ridge: Double
        ) {
            precondition(factors.count == values.count)
            matrix = whole ?? Array(repeating: 0, count: rank * rank)
            right = Array(repeating: 0, count: rank)
            for (index, row) in factors.enumerated() {
                let weight = weights?[index] ?? 1
                for i in 0..<rank {
                    for j in 0..<rank { matrix[i * rank + j] += weight * row[i] * row[j] }
                    right[i] += values[index] * row[i]
                }
            }
            for i in 0..<rank { matrix[i * rank + i] += ridge }
        }

        /// The minimum of x'A x / 2 - b'x whose first `count` unknowns are not negative, or nil as ``solution()``.
        public func solution(nonnegative count: Int) -> [Double]? {
            guard count > 0 else { return solution() }
            var pivoting = PrincipalPivoting(count: right.count, constrainedCount: count) { _ in true }
            for _ in 0..<(10 * right.count + 100) {
                let free = pivoting.free
                var part = self
                part.matrix = free.flatMap { i in free.map { matrix[i * right.count + $0] } }
                part.right = free.map { right[$0] }
                guard let solved = part.solution() else { return nil }
                var x = Array(repeating: 0.0, count: right.count)
                for (index, value) in zip(free, solved) { x[index] = value }
                let isDone = pivoting.exchange { index, isFree in
                    let gradient = free.reduce(-right[index]) { $0 + matrix[index * right.count + $1] * x[$1] }
                    return isFree ? x[index] < 0 : gradient < -0x1p-45 * abs(right[index])
                }
                if isDone { return x }
            }
            return nil
        }

        /// A^-1 b by Cholesky, or nil when a pivot is lost in rounding or not finite.
        public func solution() -> [Double]? {
            let rank = right.count
            var lower = matrix
            var x = right
            for i in 0..<rank {
                for j in 0...i {
                    var sum = matrix[i * rank + j]
                    for k in 0..<j { sum -= lower[i * rank + k] * lower[j * rank + k] }
                    if i > j {
                        lower[i * rank + j] = sum / lower[j * rank + j]
                    } else {
                        guard sum > matrix[i * rank + i] * 0x1p-50, sum.isFinite else { return nil }
                        lower[i * rank + i] = sum.squareRoot()
                    }
                }
                for k in 0..<i { x[i] -= lower[i * rank + k] * x[k] }
                x[i] /= lower[i * rank + i]
            }
            for i in (0..<rank).reversed() {
                for k in i + 1..<max(rank, i + 1) { x[i] -= lower[k * rank + i] * x[k] }
                x[i] /= lower[i * rank + i]
            }
            return x.allSatisfy(\.isFinite) ? x : nil
        }
    }

    /// The factors that the ratings of row `row` of `ratings` meet, with a 1 after them if there are biases, and their
    /// values less `intercept` and the biases of the fixed side.
    public static func meetings(
        ofRow row: Int, of ratings: CompressedRows, fixed: FactorMatrix, intercept: Float
    ) -> (factors: [[Double]], values: [Double]) {
        let range = ratings.range(of: row)
        let values = [Float](unsafeUninitializedCapacity: range.count) { buffer, count in
            if let start = buffer.baseAddress { ratings.values.decode(range, minus: intercept, to: start) }
            count = range.count
        }
        let factors = range.map { index -> [Double] in
            let stored = UnsafeBufferPointer(start: fixed.row(Int(ratings.columns[index])), count: fixed.rank)
            return stored.map(Double.init) + (fixed.hasBiases ? [1] : [])
        }
        let biases = range.map { index in fixed.biases.map { $0[Int(ratings.columns[index])] } ?? 0 }
        return (factors, zip(values, biases).map { Double($0) - Double($1) })
    }

    /// The exact solution of row `row` of `ratings`, and after it the bias if there is one; zeros when it has no
    /// ratings, nil when its system is singular.
    public static func solution(
        ofRow row: Int, of ratings: CompressedRows, fixed: FactorMatrix, configuration: SolverConfiguration
    ) -> [Double]? {
        if ratings.range(of: row).isEmpty { return Array(repeating: 0, count: configuration.width) }
        return equations(ofRow: row, of: ratings, fixed: fixed, configuration: configuration)
            .solution(nonnegative: configuration.isNonnegative ? configuration.rank : 0)
    }

    /// The equations of row `row` of `ratings`.
    public static func equations(
        ofRow row: Int, of ratings: CompressedRows, fixed: FactorMatrix, configuration: SolverConfiguration
    ) -> NormalEquations {
        let (factors, values) = meetings(ofRow: row, of: ratings, fixed: fixed, intercept: configuration.intercept)
        let ridge = configuration.regularization(ofRowWith: values.count, others: fixed.rowCount)
        guard let implicit = configuration.implicit else {
            var equations = NormalEquations(factors: factors, values: values, rank: configuration.width, ridge: ridge)
            let biasRidge = configuration.biasRidge(ofRowWith: values.count, others: fixed.rowCount)
            if configuration.hasBiases { equations.matrix[equations.matrix.count - 1] += biasRidge - ridge }
            return equations
        }
        let all = (0..<fixed.rowCount).map { row in (0..<fixed.rank).map { Double(fixed.row(row)[$0]) } }
        let whole = NormalEquations(
            factors: all, values: Array(repeating: 0, count: all.count), rank: configuration.rank, ridge: 0)
        let confidences = values.map { Double(implicit.confidence(of: Float($0))) }
        return NormalEquations(
            factors: factors, values: confidences, weights: confidences.map { $0 - implicit.unseenConfidence },
            whole: whole.matrix.map { implicit.unseenConfidence * $0 }, rank: configuration.rank, ridge: ridge)
    }

    /// The implicit loss of `ratings`, whose row i has the factors `rows.row(i)`: every pair is visited.
    public static func implicitLoss(
        _ implicit: ImplicitLoss, of ratings: CompressedRows, rows: FactorMatrix, fixed: FactorMatrix
    ) -> Double {
        var total = 0.0
        for row in 0..<ratings.rowCount {
            let range = ratings.range(of: row)
            let (_, values) = meetings(ofRow: row, of: ratings, fixed: fixed, intercept: 0)
            let stored = Dictionary(uniqueKeysWithValues: zip(range.map { Int(ratings.columns[$0]) }, values))
            for column in 0..<fixed.rowCount {
                let score = (0..<rows.rank).reduce(0.0) {
                    $0 + Double(rows.row(row)[$1]) * Double(fixed.row(column)[$1])
                }
                let confidence = stored[column].map { Double(implicit.confidence(of: Float($0))) }
                let error = (confidence == nil ? 0 : 1) - score
                total += (confidence ?? implicit.unseenConfidence) * error * error
            }
        }
        return total
    }

    /// The sum of squared errors over `ratings`, whose row i has the factors `rows.row(i)`.
    public static func squaredError(
        of ratings: CompressedRows, rows: FactorMatrix, fixed: FactorMatrix, intercept: Float
    ) -> Double {
        var total = 0.0
        for row in 0..<ratings.rowCount {
            let (factors, values) = meetings(ofRow: row, of: ratings, fixed: fixed, intercept: intercept)
            for (factor, value) in zip(factors, values) {
                let bias = rows.biases.map { Double($0[row]) } ?? 0
                let prediction = (0..<rows.rank).reduce(bias) { $0 + Double(rows.row(row)[$1]) * factor[$1] }
                total += (value - prediction) * (value - prediction)
            }
        }
        return total
    }

    /// The sum of lambda_i |x_i|^2 over one side, and of lambda'_i b_i^2 if there are biases.
    public static func penalty(
        of ratings: CompressedRows, rows: FactorMatrix, configuration: SolverConfiguration
    ) -> Double {
        (0..<ratings.rowCount).reduce(0.0) { total, row in
            let square = (0..<rows.rank).reduce(0.0) { $0 + Double(rows.row(row)[$1]) * Double(rows.row(row)[$1]) }
            let bias = rows.biases.map { Double($0[row]) } ?? 0
            let (count, others) = (ratings.range(of: row).count, ratings.columnCount)
            return total + configuration.regularization(ofRowWith: count, others: others) * square
                + configuration.biasRidge(ofRowWith: count, others: others) * bias * bias
        }
    }

    /// The regularized loss: the sum of squared errors over all training ratings, or the implicit one over all pairs.
    public static func objective(
        of ratings: RatingMatrix, users: FactorMatrix, items: FactorMatrix, configuration: SolverConfiguration
    ) -> Double {
        (configuration.implicit.map { implicitLoss($0, of: ratings.byUser, rows: users, fixed: items) }
            ?? squaredError(of: ratings.byUser, rows: users, fixed: items, intercept: configuration.intercept))
            + penalty(of: ratings.byUser, rows: users, configuration: configuration)
            + penalty(of: ratings.byItem, rows: items, configuration: configuration)
    }
}

extension SolverConfiguration {
    /// The regularization of the bias of a row with `count` ratings; 0 without biases.
    fileprivate func biasRidge(ofRowWith count: Int, others: Int) -> Double {
        guard let biasRegularization else { return 0 }
        var configuration = self
        configuration.regularization = biasRegularization
        return configuration.regularization(ofRowWith: count, others: others)
    }
}
