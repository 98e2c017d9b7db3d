// Why: threads generate users in any order, and every user is the same whoever does it. So each row has random numbers
// of its own: a generator whose start is a hash of (seed, purpose, row).
//
// Logarithm and cosine are the C library's. Their last bits may differ between its versions, so the same seed may
// give other ratings on another machine, though never on the same one.

import Glibc

/// The random numbers of one row for one purpose.
struct RandomStream {
    enum Purpose: UInt64 {
        /// How much a user rates, and what they like.
        case user = 1
        /// How popular an item is, and who likes it.
        case item
        /// Which items a user rates, and the noise.
        case ratings
    }

    private var generator: SplitMix64
    private var spare: Double?

    init(seed: UInt64, _ purpose: Purpose, row: Int) {
        let key = SplitMix64.mix(SplitMix64.mix(seed &+ SplitMix64.increment) ^ (purpose.rawValue << 56))
        generator = SplitMix64(seed: SplitMix64.mix(key ^ UInt64(row)))
    }

    mutating func bits() -> UInt64 { generator.next() }

    /// In [0, 1).
    mutating func uniform() -> Double { Double(generator.next() >> 11) * 0x1p-53 }

    /// Mean 0, variance 1; two at a time (Box and Muller 1958).
    mutating func normal() -> Double {
        if let value = spare {
            spare = nil
            return value
        }
        let radius = (-2 * log(1 - uniform())).squareRoot()
        let angle = 2 * Double.pi * uniform()
        spare = radius * sin(angle)
        return radius * cos(angle)
    }
}
