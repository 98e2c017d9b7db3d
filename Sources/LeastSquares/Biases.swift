// Why: some users rate high and some items are liked by all, whatever their factors say. A bias a row says so:
//
//     r(user, item) = intercept + b_user + b_item + u . v
//
// It is solved together with the row's factors. To the row that is solved its own bias is one more unknown, and the
// factor that it meets is the same for every rating; the biases of the fixed side are known, and taken from the
// ratings:
//
//     min over (x, b)   sum (r - intercept - b_f - f.x - b)^2 + lambda_n |x|^2 + lambda'_n b^2
//
// With b = c y and c = sqrt(lambda / lambda') the penalty is lambda_n |(x, y)|^2: one ridge system of d + 1 unknowns
// whose last column is the constant c, which is not stored (`mf_row.constant`).
// (Koren, Bell & Volinsky 2009 have the model; the augmented system is that of Paterek 2007, and of cmfrec.)

extension SolverConfiguration {
    public var hasBiases: Bool { biasRegularization != nil }

    /// Numbers of a row as it is solved, sent and kept: its factors and, if there are biases, its bias after them.
    public var width: Int { hasBiases ? rank + 1 : rank }

    /// c: what a row's last unknown is multiplied with to be its bias; 0 without biases.
    var biasFactor: Float {
        guard let biasRegularization else { return 0 }
        return biasRegularization == regularization ? 1 : Float((regularization / biasRegularization).squareRoot())
    }

    /// What lambda_n is multiplied with in a row's penalty: |x|^2 and, if there are biases, (b / c)^2.
    /// - Parameter row: ``width`` numbers.
    public func squaredNorm(of row: UnsafePointer<Float>) -> Double {
        var square = 0.0
        for index in 0..<rank { square += Double(row[index]) * Double(row[index]) }
        guard hasBiases else { return square }
        let unknown = Double(row[rank] / biasFactor)
        return square + unknown * unknown
    }
}
