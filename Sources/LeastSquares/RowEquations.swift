// Why: a row's normal equations, with the unknown that is its bias among them. The kernels sum over the factors as they
// are stored, which lack the constant that a bias meets; what it adds is one more row and column,
//
//     [ F'F    c F'1 ] [x]   [ F'values ]
//     [ c 1'F  c^2 n ] [y] = [ c 1'values ]
//
// and goes into the padding of the matrix or, where the rank leaves none, into a larger one.

import CKernels

/// A row's normal equations, and the memory that they take.
struct RowEquations: ~Copyable {
    private let kernels: Kernels
    private let configuration: SolverConfiguration
    /// Of the factors that are stored, and of the unknowns.
    private let stride: Int
    let order: Int
    private var panel: Scratch
    /// `order` x `order`.
    private(set) var matrix: Scratch
    /// `stride` x `stride`, where that is less.
    private var stored: Scratch
    private var ones = Scratch(count: 0)
    private var onesCount = 0
    /// `order`; after ``solve(ridge:)`` the solution.
    private(set) var right: Scratch

    init(configuration: SolverConfiguration, kernels: Kernels, stride: Int) {
        self.kernels = kernels
        self.configuration = configuration
        (self.stride, order) = (stride, FactorMatrix.stride(forRank: configuration.width)!)
        panel = Scratch(count: MF_PANEL_ROWS * stride)
        matrix = Scratch(count: order * order)
        stored = Scratch(count: order == stride ? 0 : stride * stride)
        right = Scratch(count: order)
        panel.clear()
    }

    /// Sets the equations of the ratings `meetings`.
    /// - Parameters:
    ///   - whole: what is added to the matrix, if anything; without biases.
    ///   - parts: what works on a long row with all threads; nil for other rows.
    mutating func set(_ meetings: mf_row, plus whole: UnsafePointer<Float>?, _ parts: LongRow?) {
        right.clear()
        let sums = order == stride ? matrix.floats : stored.floats
        if let whole {
            sums.update(from: whole, count: stride * stride)
        } else {
            sums.update(repeating: 0, count: stride * stride)
        }
        if let parts {
            parts.addNormalEquations(meetings, matrix: sums, right: right.floats)
        } else {
            withUnsafePointer(to: meetings) {
                kernels.table.pointee.add_normal_equations($0, panel.floats, sums, right.floats)
            }
        }
        if meetings.constant != 0 { addConstant(meetings) }
    }

    /// Adds `ridge` to the diagonal, and solves.
    /// - Returns: false when a pivot is not finite or lost in rounding.
    mutating func solve(ridge: Float) -> Bool {
        kernels.table.pointee.solve(matrix.floats, order, configuration.width, ridge, right.floats) < 0
    }

    /// Adds `ridge` to the diagonal, and sets `inverse`, `order` x `order`, to the whole inverse.
    /// - Returns: false as ``solve(ridge:)`` does.
    mutating func invert(ridge: Float, into inverse: inout Scratch) -> Bool {
        inverse.reserve(order * order)
        return kernels.table.pointee.invert(matrix.floats, order, configuration.width, ridge, inverse.floats) < 0
    }

    private mutating func addConstant(_ meetings: mf_row) {
        let (constant, column) = (meetings.constant, meetings.constant_column)
        if order > stride {
            for row in 0..<stride {
                (matrix.floats + row * order).update(from: stored.floats + row * stride, count: stride)
                (matrix.floats + row * order + stride).update(repeating: 0, count: order - stride)
            }
            (matrix.floats + stride * order).update(repeating: 0, count: (order - stride) * order)
        }
        // F'1, summed where the constant's column will be read from.
        let sums = panel.floats
        sums.update(repeating: 0, count: stride)
        if onesCount < meetings.count {
            ones.reserve(meetings.count)
            ones.floats.update(repeating: 1, count: ones.count)
            onesCount = ones.count
        }
        var counted = meetings
        counted.values = UnsafePointer(ones.floats)
        kernels.table.pointee.add_multiples(&counted, sums)
        for row in 0..<column {
            matrix.floats[row * order + column] = constant * sums[row]
            matrix.floats[column * order + row] = constant * sums[row]
        }
        matrix.floats[column * order + column] = constant * constant * Float(meetings.count)
        var total = 0.0
        for index in 0..<meetings.count { total += Double(meetings.values[index]) }
        right.floats[column] = constant * Float(total)
    }
}
