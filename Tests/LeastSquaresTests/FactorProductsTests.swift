// Why: rankings go by these products, and break ties by row. So two items with the same factors must have the very same
// product, wherever in a tile they are.

import LeastSquares
import TestKit
import Testing

@Suite struct FactorProductsTests {
    @Test(arguments: KernelLevel.available, [1, 16, 33, 128, 160, 520])
    func areTheDotProductsOfAllPairs(level: KernelLevel, rank: Int) throws {
        let seed = UInt64(rank)
        var generator = SeededGenerator(seed: seed)
        func matrix(_ rows: Int) throws -> FactorMatrix {
            let matrix = try FactorMatrix(rowCount: rows, rank: rank)
            for row in 0..<rows { for k in 0..<rank { matrix.row(row)[k] = .random(in: -1...1, using: &generator) } }
            return matrix
        }
        let (users, items) = (try matrix(5), try matrix(611))
        // Every seventh item is the same.
        for item in stride(from: 7, to: 611, by: 7) { items.row(item).update(from: items.row(0), count: rank) }
        var output = [Float](repeating: .nan, count: 4 * 611)
        let products = FactorProducts(of: items, kernels: try Kernels(level: level))
        output.withUnsafeMutableBufferPointer { products.write(of: users, rows: 0..<4, to: $0.baseAddress!) }
        for user in 0..<4 {
            for item in 0..<611 {
                let expected = (0..<rank).reduce(0.0) { $0 + Double(users.row(user)[$1]) * Double(items.row(item)[$1]) }
                let found = output[user * 611 + item]
                #expect(abs(Double(found) - expected) < 1e-6 * Double(rank + 4), "seed \(seed), \(user), \(item)")
                if item % 7 == 0 { #expect(found == output[user * 611], "seed \(seed), \(user), \(item)") }
            }
        }
    }
}
