// Why: the fixed binary layout of headers. Integers are little-endian; a text is its length (UInt16) and UTF-8; a
// list is its length (UInt32) and its elements. Reading checks every length against `Limits` and against what is
// left before it takes memory, and never traps.

/// Why a message cannot be read. Such messages are counted and dropped, and cost the worker its membership unless it
/// would ask for them again.
public struct WireError: Error, Hashable, Sendable {
    public var what: String
    /// Whether the sender speaks another version of the protocol, and so will never be understood.
    public var isOtherVersion: Bool

    public init(_ what: String, isOtherVersion: Bool = false) {
        self.what = what
        self.isOtherVersion = isOtherVersion
    }
}

/// Writes a header.
public struct WireWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func integer(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func number(_ value: Double) { integer(value.bitPattern) }
    package mutating func number(_ value: Float) { integer(value.bitPattern) }
    package mutating func flag(_ value: Bool) { integer(UInt8(value ? 1 : 0)) }

    /// Writes a text, or as much of it as fits in `limit` bytes.
    package mutating func text(_ value: String, atMost limit: Int = Limits.textByteCount) {
        var text = value
        while text.utf8.count > limit { text.removeLast() }
        integer(UInt16(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    package mutating func list<Element>(_ elements: [Element], _ write: (inout WireWriter, Element) -> Void) {
        integer(UInt32(elements.count))
        for element in elements { write(&self, element) }
    }
}

/// Reads a header.
public struct WireReader {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    private mutating func take(_ count: Int) throws(WireError) -> UnsafeRawBufferPointer {
        guard count <= bytes.count - position else { throw WireError("the header is cut off") }
        defer { position += count }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
    }

    package mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) throws(WireError) -> Value
    {
        Value(littleEndian: try take(MemoryLayout<Value>.size).loadUnaligned(as: Value.self))
    }

    /// An integer that must lie in `range`.
    package mutating func count<Value: FixedWidthInteger>(_ type: Value.Type, in range: ClosedRange<Int>)
        throws(WireError) -> Int
    {
        guard let value = Int(exactly: try integer(type)), range.contains(value) else {
            throw WireError("a number is out of its range")
        }
        return value
    }

    package mutating func double() throws(WireError) -> Double { Double(bitPattern: try integer()) }
    package mutating func float() throws(WireError) -> Float { Float(bitPattern: try integer()) }

    package mutating func flag() throws(WireError) -> Bool { try count(UInt8.self, in: 0...1) == 1 }

    package mutating func text(atMost limit: Int = Limits.textByteCount) throws(WireError) -> String {
        let length = try count(UInt16.self, in: 0...limit)
        guard let text = String(validating: try take(length), as: UTF8.self) else {
            throw WireError("a text is not UTF-8")
        }
        return text
    }

    /// A text for a person. It ends up in logs and on terminals, which it must not be able to forge or to steer:
    /// control characters are replaced.
    package mutating func words(atMost limit: Int = Limits.textByteCount) throws(WireError) -> String {
        var scalars = String.UnicodeScalarView()
        for scalar in try text(atMost: limit).unicodeScalars {
            let isHarmless = ![.control, .lineSeparator, .paragraphSeparator, .format].contains(
                scalar.properties.generalCategory)
            scalars.append(isHarmless ? scalar : "\u{FFFD}")
        }
        return String(scalars)
    }

    /// A value of an enumeration that is written as its raw text.
    package mutating func choice<Value: RawRepresentable>(_ type: Value.Type) throws(WireError) -> Value
    where Value.RawValue == String {
        // No value has in it what is replaced here.
        let text = try words()
        guard let value = Value(rawValue: text) else { throw WireError("unknown \(Value.self) \(text)") }
        return value
    }

    package mutating func list<Element>(
        atMost limit: Int, _ read: (inout WireReader) throws(WireError) -> Element
    ) throws(WireError) -> [Element] {
        let length = try count(UInt32.self, in: 0...limit)
        // An element takes a byte at least.
        guard length <= bytes.count - position else { throw WireError("the header is cut off") }
        var elements: [Element] = []
        elements.reserveCapacity(length)
        for _ in 0..<length { elements.append(try read(&self)) }
        return elements
    }

    package func finish() throws(WireError) {
        guard position == bytes.count else { throw WireError("the header is too long") }
    }
}
