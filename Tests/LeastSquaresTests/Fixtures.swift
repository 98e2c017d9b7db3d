// Why: the tests of this target all need random rows and factors that a seed gives again.

import ArrayFiles
import LeastSquares
import Ratings
import TestKit

extension SeededGenerator {
    /// About normal, mean 0 and variance 1: the sum of twelve uniform numbers, less 6.
    mutating func normal() -> Float {
        (0..<12).reduce(into: Float(-6)) { sum, _ in sum += Float.random(in: 0..<1, using: &self) }
    }
}

extension CompressedRows {
    /// Rows of (column, value), columns ascending.
    init(_ rows: [[(column: Int, value: Float)]], columnCount: Int) {
        var offsets: [Int64] = [0]
        for row in rows { offsets.append(offsets.last! + Int64(row.count)) }
        self.init(
            offsets: ArrayView(offsets), columns: ArrayView(rows.joined().map { UInt32($0.column) }),
            values: .float32(ArrayView(rows.joined().map(\.value))), columnCount: columnCount)
    }

    /// Rows with `counts` ratings each of random columns, values normal times `valueScale`.
    static func random(
        counts: [Int], columnCount: Int, valueScale: Float = 1, using generator: inout SeededGenerator
    ) -> CompressedRows {
        var rows: [[(column: Int, value: Float)]] = []
        for count in counts {
            let columns = (0..<columnCount).shuffled(using: &generator).prefix(count).sorted()
            rows.append(columns.map { ($0, generator.normal() * valueScale) })
        }
        return CompressedRows(rows, columnCount: columnCount)
    }
}

extension FactorMatrix {
    /// Rows that `factor(row, index)` gives.
    convenience init(rowCount: Int, rank: Int, factor: (Int, Int) -> Float) throws {
        try self.init(rowCount: rowCount, rank: rank)
        for row in 0..<rowCount {
            for index in 0..<rank { self.row(row)[index] = factor(row, index) }
        }
    }

    static func random(
        rowCount: Int, rank: Int, scale: Float = 1, hasBiases: Bool = false, using generator: inout SeededGenerator
    ) throws -> FactorMatrix {
        let matrix = try FactorMatrix(rowCount: rowCount, rank: rank, hasBiases: hasBiases)
        let compact = (0..<rowCount * matrix.width).map { _ in generator.normal() * scale }
        matrix.setRows(0..<rowCount, from: compact)
        return matrix
    }

    /// Rows from `compact`, as a solver writes them.
    convenience init(_ compact: [Float], rank: Int, hasBiases: Bool) throws {
        try self.init(rowCount: compact.count / (hasBiases ? rank + 1 : rank), rank: rank, hasBiases: hasBiases)
        setRows(0..<rowCount, from: compact)
    }
}

extension FactorMatrix {
    /// As rows meet these factors in `precision`: to the nearest bfloat16, ties to even, by the definition.
    func met(in precision: Precision) throws -> FactorMatrix {
        guard precision == .bf16 else { return self }
        let rounded = try FactorMatrix(rowCount: rowCount, rank: rank, hasBiases: hasBiases)
        if let biases { rounded.biases!.update(from: biases, count: rowCount) }
        for (row, index) in product(0..<rowCount, 0..<rank) {
            let exact = self.row(row)[index]
            // The neighbours that have eight significant bits, away from zero and towards it.
            let towards = Float(bitPattern: exact.bitPattern & 0xFFFF_0000)
            let away = Float(bitPattern: (exact.bitPattern & 0xFFFF_0000) &+ 0x1_0000)
            let (down, up) = ((exact - towards).magnitude, (away - exact).magnitude)
            let isTowards = down < up || (down == up && towards.bitPattern & 0x1_0000 == 0)
            rounded.row(row)[index] = isTowards ? towards : away
        }
        return rounded
    }
}

/// Solves all rows of `ratings` as one block, from factors of zero.
func solve(
    _ ratings: CompressedRows, holdout: CompressedRows? = nil, fixed: FactorMatrix, configuration: SolverConfiguration,
    level: KernelLevel = KernelLevel.available.last!, threads: Int = 1, warm: FactorMatrix? = nil
) throws -> (factors: [Float], sums: BlockSums) {
    let solver = try BlockSolver(configuration: configuration, kernels: Kernels(level: level), threads: threads)
    try solver.fix(fixed)
    // NaN, so that a factor that was not written is seen.
    var output = [Float](repeating: .nan, count: ratings.rowCount * configuration.width)
    let present =
        try warm
        ?? FactorMatrix(rowCount: ratings.rowCount, rank: configuration.rank, hasBiases: configuration.hasBiases)
    let sums = try output.withUnsafeMutableBufferPointer {
        try solver.solve(
            ratings, holdout: holdout, rows: 0..<ratings.rowCount, side: .user, solved: present,
            into: $0.baseAddress!)
    }
    return (output, sums)
}

extension SolverConfiguration {
    /// An exact configuration; the tests change what they are about.
    static func exact(
        rank: Int, regularization: Double = 0.1, scaling: RegularizationScaling = .none, precision: Precision = .fp32,
        intercept: Float = 0
    ) -> SolverConfiguration {
        SolverConfiguration(
            rank: rank, regularization: regularization, scaling: scaling, solver: .exact, precision: precision,
            intercept: intercept)
    }
}
