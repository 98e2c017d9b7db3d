// Why: ratings are kept in the smallest type that loses nothing, on disk, in memory and on the wire: a byte for
// stars and half stars. The solver decodes one row at a time.

import ArrayFiles

/// How rating values are stored: `value = stored / denominator`, in single precision.
///
/// Half stars are bytes with denominator 2. The denominator is 1 for `float32`.
public struct ValueEncoding: Sendable, Hashable, Codable {
    /// `uint8`, `int16` or `float32`.
    public var elementType: ElementType
    public var denominator: Int

    /// What others may name as the denominator.
    public static let denominators = 1...1000

    public init(elementType: ElementType, denominator: Int) {
        self.elementType = elementType
        self.denominator = denominator
    }

    enum CodingKeys: String, CodingKey {
        case denominator
        case elementType = "element_type"
    }
}

/// A run of rating values in their stored encoding.
public enum RatingValues: Sendable {
    case uint8(ArrayView<UInt8>, denominator: Int)
    case int16(ArrayView<Int16>, denominator: Int)
    case float32(ArrayView<Float>)

    public var count: Int {
        switch self {
        case .uint8(let view, _): view.count
        case .int16(let view, _): view.count
        case .float32(let view): view.count
        }
    }

    public var encoding: ValueEncoding {
        switch self {
        case .uint8(_, let denominator): ValueEncoding(elementType: .uint8, denominator: denominator)
        case .int16(_, let denominator): ValueEncoding(elementType: .int16, denominator: denominator)
        case .float32: ValueEncoding(elementType: .float32, denominator: 1)
        }
    }

    /// The stored bytes.
    public var bytes: UnsafeRawBufferPointer {
        switch self {
        case .uint8(let view, _): UnsafeRawBufferPointer(view.elements)
        case .int16(let view, _): UnsafeRawBufferPointer(view.elements)
        case .float32(let view): UnsafeRawBufferPointer(view.elements)
        }
    }

    /// Decodes the values of `range`, less `intercept`, to `output`, which has room for them.
    public func decode(_ range: Range<Int>, minus intercept: Float, to output: UnsafeMutablePointer<Float>) {
        switch self {
        case .uint8(let view, let denominator):
            Self.decode(view, range, Float(denominator), intercept, output)
        case .int16(let view, let denominator):
            Self.decode(view, range, Float(denominator), intercept, output)
        case .float32(let view):
            for (offset, index) in range.enumerated() { output[offset] = view[index] - intercept }
        }
    }

    @inline(__always)
    private static func decode<Stored: ArrayElement & FixedWidthInteger>(
        _ view: ArrayView<Stored>, _ range: Range<Int>, _ denominator: Float, _ intercept: Float,
        _ output: UnsafeMutablePointer<Float>
    ) {
        precondition(range.lowerBound >= 0 && range.upperBound <= view.count)
        guard !range.isEmpty else { return }
        // Checked once, so that the loops can be over vectors.
        let stored = view.elements.baseAddress! + range.lowerBound
        if denominator == 1 {
            for offset in 0..<range.count { output[offset] = Float(stored[offset]) - intercept }
        } else {
            // Division and not multiplication by the reciprocal: k / 10 is then the float nearest to the decimal.
            for offset in 0..<range.count { output[offset] = Float(stored[offset]) / denominator - intercept }
        }
    }

    /// A view of part of the values.
    public func slice(_ range: Range<Int>) -> RatingValues {
        switch self {
        case .uint8(let view, let denominator): .uint8(view.slice(range), denominator: denominator)
        case .int16(let view, let denominator): .int16(view.slice(range), denominator: denominator)
        case .float32(let view): .float32(view.slice(range))
        }
    }
}
