// Why: sorting and encoding are compiled once for each type that values are stored in.

import ArrayFiles

/// An element type that rating values are stored in.
protocol StoredValue: ArrayElement {
    /// What is stored for `value`, which the encoding holds exactly.
    static func encode(_ value: Float, denominator: Float) -> Self
    func decode(denominator: Float) -> Float
    static func values(_ view: ArrayView<Self>, denominator: Int) -> RatingValues
    /// Mean, least and greatest of one value or more.
    static func summary(_ values: UnsafeBufferPointer<Self>, denominator: Int) -> ValueSummary
}

struct ValueSummary {
    var mean: Double
    var minimum: Float
    var maximum: Float
}

extension UInt8: StoredValue {
    static func values(_ view: ArrayView<UInt8>, denominator: Int) -> RatingValues {
        .uint8(view, denominator: denominator)
    }
}

extension Int16: StoredValue {
    static func values(_ view: ArrayView<Int16>, denominator: Int) -> RatingValues {
        .int16(view, denominator: denominator)
    }
}

extension StoredValue where Self: FixedWidthInteger {
    static func encode(_ value: Float, denominator: Float) -> Self {
        // By way of Int32, for whose conversion there is an instruction; the generic one costs more than the sorting.
        Self(Int32((value * denominator).rounded()))
    }

    func decode(denominator: Float) -> Float { Float(self) / denominator }

    /// The sum is exact: fewer than 2^47 values of 16 bits fit in memory.
    static func summary(_ values: UnsafeBufferPointer<Self>, denominator: Int) -> ValueSummary {
        var (sum, least, greatest) = (0, values[0], values[0])
        for value in values {
            sum += Int(value)
            least = Swift.min(least, value)
            greatest = Swift.max(greatest, value)
        }
        return ValueSummary(
            mean: Double(sum) / (Double(denominator) * Double(values.count)),
            minimum: least.decode(denominator: Float(denominator)),
            maximum: greatest.decode(denominator: Float(denominator)))
    }
}

extension Float: StoredValue {
    static func encode(_ value: Float, denominator: Float) -> Float { value }

    func decode(denominator: Float) -> Float { self }

    static func values(_ view: ArrayView<Float>, denominator: Int) -> RatingValues { .float32(view) }

    /// The sum is taken in double, front to back.
    static func summary(_ values: UnsafeBufferPointer<Float>, denominator: Int) -> ValueSummary {
        var (sum, least, greatest) = (0.0, values[0], values[0])
        for value in values {
            sum += Double(value)
            least = Swift.min(least, value)
            greatest = Swift.max(greatest, value)
        }
        return ValueSummary(mean: sum / Double(values.count), minimum: least, maximum: greatest)
    }
}
