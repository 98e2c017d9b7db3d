// Why: the C library's logarithms and powers may differ from host to host in their last digit, and models with them.
// These are made of basic operations, which every processor rounds alike.

/// Functions that give the same bytes everywhere.
enum PortableMath {
    private static let logarithmOf2 = 0.693_147_180_559_945_3

    /// The natural logarithm of `x`; NaN where there is none.
    static func logarithm(_ x: Double) -> Double {
        guard x > 0, x.isFinite else { return x == .infinity ? x : .nan }
        var (exponent, significand) = (Double(x.exponent), x.significand)
        if significand > 1.414_213_562_373_095_1 { (exponent, significand) = (exponent + 1, significand / 2) }
        // ln m = 2 artanh z, whose series ends below 2^-53 of its first term, as |z| < 0.172.
        let z = (significand - 1) / (significand + 1), square = z * z
        var series = 0.0
        for odd in stride(from: 21.0, through: 1, by: -2) { series = series * square + 1 / odd }
        return exponent * logarithmOf2 + 2 * z * series
    }

    /// `base` to the power of `exponent`; the base is above 0, and the result within the range of normal numbers.
    static func power(_ base: Double, _ exponent: Double) -> Double {
        let wanted = exponent * logarithm(base)
        let halvings = (wanted / logarithmOf2).rounded()
        // e^r by its series, which ends below 2^-53, as |r| < 0.35.
        let rest = wanted - halvings * logarithmOf2
        var series = 1.0
        for index in stride(from: 15.0, through: 1, by: -1) { series = 1 + series * rest / index }
        return Double(sign: .plus, exponent: Int(halvings), significand: series)
    }
}
