// Why: every worker makes the initial factors itself instead of receiving them, so they must be the same on every
// machine, whoever makes which rows. Each element is a function of (seed, side, row, column) and of nothing else:
// a counter-based generator, in integer arithmetic and one exact conversion.
//
// Biases start at zero. Where no factor may be negative, users start at the magnitudes. Users start uniformly
// distributed with variance 1/d; items start at zero, for the opening half-step computes them from the users.

import LeastSquares
import Ratings

/// The factors before the first half-step.
public struct InitialFactors: Sendable, Hashable {
    public let seed: UInt64
    public let rank: Int
    public let hasBiases: Bool
    public let isNonnegative: Bool
    private let halfWidth: Float

    public init(seed: UInt64, rank: Int, hasBiases: Bool = false, isNonnegative: Bool = false) {
        self.seed = seed
        self.rank = rank
        self.hasBiases = hasBiases
        self.isNonnegative = isNonnegative
        // A uniform variable on [-a, a] has variance a^2 / 3.
        halfWidth = (3 / Float(rank)).squareRoot()
    }

    /// The element at (`row`, `column`) of `side`.
    public func element(side: Side, row: Int, column: Int) -> Float {
        guard side == .user else { return 0 }
        let key = SplitMix64.mix(seed &+ SplitMix64.increment)
        let bits = SplitMix64.mix(key ^ SplitMix64.mix(UInt64(row) &* 0xD1B5_4A32_D192_ED03 &+ UInt64(column)))
        // 24 bits are exact in single precision: a multiple of 2^-23 in [-1, 1).
        let unit = Float(Int32(bits >> 40) - (1 << 23)) * 0x1p-23
        return (isNonnegative ? unit.magnitude : unit) * halfWidth
    }

    /// Writes rows `rows` of `side`, compact, to `output`, which has room for rows x rank elements, or x (rank + 1)
    /// with biases.
    public func write(side: Side, rows: Range<Int>, to output: UnsafeMutablePointer<Float>) {
        var cursor = output
        for row in rows {
            for column in 0..<rank {
                cursor.pointee = element(side: side, row: row, column: column)
                cursor += 1
            }
            guard hasBiases else { continue }
            cursor.pointee = 0
            cursor += 1
        }
    }
}
