// Why: a rating's text becomes the single-precision number nearest to it, always the same one, and nothing that is
// not a finite decimal number gets through (strtof alone accepts "nan", "0x10" and "3abc").

import Glibc

/// How the text of a rating reads.
enum DecimalText: Equatable {
    case value(Float)
    /// "nan", "inf", or beyond the range of single precision.
    case notFinite
    /// Anything that is not `[+-] digits [. digits] [e [+-] digits]`.
    case notANumber

    private static let notFiniteWords = ["nan", "inf", "infinity"]
    private static let maximumByteCount = 64

    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard bytes.count <= Self.maximumByteCount, Self.isDecimal(bytes) else {
            let word = String(decoding: bytes.prefix(16), as: UTF8.self).lowercased().drop { "+-".contains($0) }
            self = Self.notFiniteWords.contains(String(word)) ? .notFinite : .notANumber
            return
        }
        // The C locale, which no part of this program changes, has the decimal point; the string ends with a NUL.
        let value = withUnsafeTemporaryAllocation(of: CChar.self, capacity: bytes.count + 1) { text in
            for (index, byte) in bytes.enumerated() { text[index] = CChar(bitPattern: byte) }
            text[bytes.count] = 0
            return strtof(text.baseAddress!, nil)
        }
        self = value.isFinite ? .value(value + 0) : .notFinite  // + 0 turns -0 into 0
    }

    private static func isDecimal(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var rest = bytes[...]
        func isSign(_ byte: UInt8?) -> Bool { byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") }
        func takeDigits() -> Int {
            let digits = rest.prefix { $0 &- UInt8(ascii: "0") < 10 }.count
            rest = rest.dropFirst(digits)
            return digits
        }
        if isSign(rest.first) { rest = rest.dropFirst() }
        var digits = takeDigits()
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            digits += takeDigits()
        }
        guard digits > 0 else { return false }
        if let mark = rest.first, mark | 0x20 == UInt8(ascii: "e") {
            rest = rest.dropFirst()
            if isSign(rest.first) { rest = rest.dropFirst() }
            guard takeDigits() > 0 else { return false }
        }
        return rest.isEmpty
    }
}
