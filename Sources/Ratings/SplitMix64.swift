// Why: hashes of ids, initial factors, generated ratings and tests all need bits that are well mixed, and the same on
// every machine. They share this one generator.

/// SplitMix64 (Steele, Lea and Flood 2014): a counter and a mixing function.
public struct SplitMix64: RandomNumberGenerator, Sendable {
    /// What the counter goes up by: 2^64 over the golden ratio, odd.
    public static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15

    @usableFromInline var state: UInt64

    @inlinable
    public init(seed: UInt64) { state = seed }

    @inlinable
    public mutating func next() -> UInt64 {
        state &+= Self.increment
        return Self.mix(state)
    }

    /// The generator's finalizer: a bijection of 64 bits in which each bit of the input turns each bit of the output
    /// with probability near one half.
    @inlinable
    public static func mix(_ value: UInt64) -> UInt64 {
        var bits = value
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return bits ^ (bits >> 31)
    }
}
