// Why: the element types that our array files use, with the names NumPy has for them.

/// The element type of an array file; the raw value is NumPy's `descr`, little-endian.
public enum ElementType: String, Sendable, Hashable, Codable, CaseIterable {
    case uint8 = "|u1"
    case int16 = "<i2"
    case uint32 = "<u4"
    case int64 = "<i8"
    case float32 = "<f4"
    case float64 = "<f8"

    /// Bytes an element.
    public var byteCount: Int {
        switch self {
        case .uint8: 1
        case .int16: 2
        case .uint32, .float32: 4
        case .int64, .float64: 8
        }
    }
}

/// A Swift type that array files can hold.
public protocol ArrayElement: BitwiseCopyable, Sendable {
    static var elementType: ElementType { get }
}

extension UInt8: ArrayElement { public static var elementType: ElementType { .uint8 } }
extension Int16: ArrayElement { public static var elementType: ElementType { .int16 } }
extension UInt32: ArrayElement { public static var elementType: ElementType { .uint32 } }
extension Int64: ArrayElement { public static var elementType: ElementType { .int64 } }
extension Float: ArrayElement { public static var elementType: ElementType { .float32 } }
extension Double: ArrayElement { public static var elementType: ElementType { .float64 } }
