// Why: the kernels rely on the padding and the alignment of factor rows.

import Failures
import LeastSquares
import Testing

@Suite struct FactorMatrixTests {
    @Test("rows are aligned, padded and zero", arguments: [1, 15, 16, 17, 100])
    func layout(rank: Int) throws {
        // Large enough at each rank to be given 2 MiB pages.
        let matrix = try FactorMatrix(rowCount: 40_000, rank: rank)
        #expect(matrix.stride == (rank + 15) / 16 * 16)
        #expect(UInt(bitPattern: matrix.row(0)) % (2 << 20) == 0)
        for row in [0, 1, 39_999] {
            #expect(UInt(bitPattern: matrix.row(row)) % 64 == 0)
            #expect((0..<matrix.stride).allSatisfy { matrix.row(row)[$0] == 0 })
        }
    }

    @Test("runs of rows are copied in and out without their padding")
    func copies() throws {
        let matrix = try FactorMatrix(rowCount: 5, rank: 3)
        let rows: [Float] = [1, 2, 3, 4, 5, 6]
        matrix.setRows(2..<4, from: rows)
        var back = [Float](repeating: -1, count: 9)
        matrix.copyRows(1..<4, to: &back)
        #expect(back == [0, 0, 0] + rows)
        #expect(matrix.row(3)[3] == 0)
    }

    @Test("a size that overflows is an error, and no rows are not")
    func sizes() throws {
        #expect(throws: Failure.self) { try FactorMatrix(rowCount: .max / 8, rank: 64) }
        #expect(throws: Failure.self) { try FactorMatrix(rowCount: 1, rank: .max) }
        #expect(try FactorMatrix(rowCount: 0, rank: 4).rowCount == 0)
    }
}
