// Why: what counts as an id, and when an id is an integer, is decided in one place for readers, id maps and
// look-ups alike.
//
// An id is 1 to 256 bytes of UTF-8 without control characters. It is an integer when it is an optional `-` and
// decimal digits, and its value fits in 64 bits; so `007` is the integer 7 as long as every id of its side is an
// integer, and stays the text `007` when one of them is not.

/// How the text of an id reads.
enum IDText: Hashable {
    case integer(Int64)
    /// Digits only, but beyond 64 bits.
    case tooLarge
    /// Anything that is not an integer.
    case text

    /// The longest id, in bytes.
    static let maximumByteCount = 256

    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        let isNegative = bytes.first == UInt8(ascii: "-")
        let digits = bytes.dropFirst(isNegative ? 1 : 0)
        guard !digits.isEmpty else {
            self = .text
            return
        }
        var value: Int64 = 0
        var fits = true
        for byte in digits {
            let digit = byte &- UInt8(ascii: "0")
            guard digit < 10 else {
                self = .text
                return
            }
            // Summed on the negative side, which reaches one further.
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (difference, underflow) = product.subtractingReportingOverflow(Int64(digit))
            if overflow || underflow { fits = false }
            value = fits ? difference : 0
        }
        if !isNegative {
            if value == .min { fits = false } else { value = -value }
        }
        self = fits ? .integer(value) : .tooLarge
    }

    /// What is wrong with `bytes` as an id, to follow "the id", or nil.
    static func defect(_ bytes: UnsafeBufferPointer<UInt8>) -> String? {
        if bytes.isEmpty { return "is empty" }
        if bytes.count > maximumByteCount { return "has \(bytes.count) bytes, more than \(maximumByteCount)" }
        if bytes.contains(where: { $0 < 0x20 || $0 == 0x7F }) { return "has control characters" }
        if String(validating: bytes, as: UTF8.self) == nil { return "is not valid UTF-8" }
        return nil
    }
}
