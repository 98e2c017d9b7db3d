// Why: an oracle that shares nothing with the code under test: singular values by Jacobi rotations, in double.

/// Eigenvalues of small symmetric matrices.
enum JacobiEigenvalues {
    /// The squared singular values of `matrix`, falling: the eigenvalues of its Gram matrix.
    static func squaredSingularValues(of matrix: [[Double]]) -> [Double] {
        let count = matrix[0].count
        var gram = (0..<count).map { i in (0..<count).map { j in matrix.reduce(0) { $0 + $1[i] * $1[j] } } }
        // Cyclic Jacobi (Golub and Van Loan, section 8.5): each rotation makes one pair of elements zero.
        for _ in 0..<60 {
            for p in 0..<count {
                for q in p + 1..<count where abs(gram[p][q]) > 1e-300 {
                    let theta = (gram[q][q] - gram[p][p]) / (2 * gram[p][q])
                    let t = (theta < 0 ? -1.0 : 1.0) / (abs(theta) + (theta * theta + 1).squareRoot())
                    let c = 1 / (t * t + 1).squareRoot()
                    let s = t * c
                    for k in 0..<count {
                        let (a, b) = (gram[k][p], gram[k][q])
                        (gram[k][p], gram[k][q]) = (c * a - s * b, s * a + c * b)
                    }
                    for k in 0..<count {
                        let (a, b) = (gram[p][k], gram[q][k])
                        (gram[p][k], gram[q][k]) = (c * a - s * b, s * a + c * b)
                    }
                }
            }
        }
        return (0..<count).map { gram[$0][$0] }.sorted(by: >)
    }
}
