// Why: a row whose factors may not be negative takes a few ridge systems, each of those unknowns that are free
// (PrincipalPivoting.swift). They are parts of one matrix, which is made once.

import CKernels

/// The memory for solving rows without negative factors.
struct NonnegativeRow: ~Copyable {
    private let kernels: Kernels
    private let configuration: SolverConfiguration
    private var matrix: Scratch
    private var right: Scratch

    init(configuration: SolverConfiguration, kernels: Kernels) {
        self.kernels = kernels
        self.configuration = configuration
        // Nothing where it is not used.
        let order = configuration.isNonnegative ? FactorMatrix.stride(forRank: configuration.width)! : 0
        matrix = Scratch(count: order * order)
        right = Scratch(count: order)
    }

    /// Solves `equations` with `ridge` on their diagonal.
    /// - Parameter x: the present unknowns, and then the solution; its padding is left as it is.
    /// - Returns: false when a pivot is not finite or lost in rounding.
    mutating func solve(_ equations: borrowing RowEquations, ridge: Float, x: UnsafeMutablePointer<Float>) -> Bool {
        let width = configuration.width
        var pivoting = PrincipalPivoting(count: width, constrainedCount: configuration.rank) { x[$0] > 0 }
        // What rounding leaves of a y that is 0: some units in the last place of the sums that it is the difference of.
        let roundings = (0..<width).map { abs(Double(equations.right.floats[$0])) * 0x1p-20 }
        // More than any row has taken; the method itself ends after at most 2^d.
        for _ in 0..<(10 * width + 100) {
            let free = pivoting.free
            guard solve(equations, ridge: ridge, for: free) else { return false }
            x.update(repeating: 0, count: width)
            for (position, index) in free.enumerated() { x[index] = right.floats[position] }
            let isDone = pivoting.exchange { index, isFree in
                isFree ? x[index] < 0 : equations.gradient(at: index, x: x, free: free) < -roundings[index]
            }
            if isDone { return true }
        }
        // Rounding goes round in a circle: what is below 0 is so by little.
        for index in 0..<configuration.rank { x[index] = max(x[index], 0) }
        return true
    }

    /// Sets the first of ``right`` to the solution for the unknowns `free`.
    private mutating func solve(_ equations: borrowing RowEquations, ridge: Float, for free: [Int]) -> Bool {
        guard !free.isEmpty else { return true }
        let stride = FactorMatrix.stride(forRank: free.count)!
        matrix.floats.update(repeating: 0, count: stride * stride)
        right.floats.update(repeating: 0, count: stride)
        for (row, i) in free.enumerated() {
            // The upper triangle, and of the tile on the diagonal the whole.
            for (column, j) in free.enumerated() where column / MF_LANES >= row / MF_LANES {
                matrix.floats[row * stride + column] = equations.element(i, j)
            }
            right.floats[row] = equations.right.floats[i]
        }
        return kernels.table.pointee.solve(matrix.floats, stride, free.count, ridge, right.floats) < 0
    }
}

extension RowEquations {
    /// The matrix at (i, j), before it is solved.
    func element(_ i: Int, _ j: Int) -> Float { matrix.floats[min(i, j) * order + max(i, j)] }

    /// A row of A x - b, where x_index is 0, so that the ridge has no part in it.
    fileprivate func gradient(at index: Int, x: UnsafePointer<Float>, free: [Int]) -> Double {
        free.reduce(-Double(right.floats[index])) { $0 + Double(element(index, $1)) * Double(x[$1]) }
    }
}
