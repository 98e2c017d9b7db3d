// Why: which encoding loses nothing is known when every value has been seen. There are few different values, as a rule,
// so that each is examined once and recognized after that.

import ArrayFiles

/// Finds the smallest encoding that holds every value exactly.
struct ValueSurvey: Sendable {
    static let denominators = [1, 2, 4, 5, 10, 20, 100]

    /// For each denominator, whether every value so far is a multiple of its reciprocal within the type's range.
    private var fitsUInt8 = Array(repeating: true, count: denominators.count)
    private var fitsInt16 = Array(repeating: true, count: denominators.count)
    /// Values that were examined lately, by their bits.
    private var recent = [UInt32](repeating: Float.nan.bitPattern, count: 256)

    /// Takes in finite values.
    mutating func take(_ values: UnsafeBufferPointer<Float>) {
        for value in values {
            let bits = value.bitPattern
            let slot = Int((bits &* 0x9E37_79B1) >> 24)
            if recent[slot] == bits { continue }
            recent[slot] = bits
            examine(value)
        }
    }

    private mutating func examine(_ value: Float) {
        for (index, denominator) in Self.denominators.enumerated() where fitsInt16[index] || fitsUInt8[index] {
            let multiple = (value * Float(denominator)).rounded()
            let isExact = multiple / Float(denominator) == value
            if !isExact || multiple < 0 || multiple > Float(UInt8.max) { fitsUInt8[index] = false }
            if !isExact || abs(multiple) > Float(Int16.max) { fitsInt16[index] = false }
        }
    }

    /// Takes in what `other` has seen.
    mutating func merge(_ other: ValueSurvey) {
        for index in fitsUInt8.indices {
            fitsUInt8[index] = fitsUInt8[index] && other.fitsUInt8[index]
            fitsInt16[index] = fitsInt16[index] && other.fitsInt16[index]
        }
    }

    var encoding: ValueEncoding {
        if let index = fitsUInt8.firstIndex(of: true) {
            return ValueEncoding(elementType: .uint8, denominator: Self.denominators[index])
        }
        if let index = fitsInt16.firstIndex(of: true) {
            return ValueEncoding(elementType: .int16, denominator: Self.denominators[index])
        }
        return ValueEncoding(elementType: .float32, denominator: 1)
    }
}
