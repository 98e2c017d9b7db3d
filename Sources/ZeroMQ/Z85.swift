// Why: keys are written as ZeroMQ writes them everywhere: Z85 (ZeroMQ RFC 32), five characters for four bytes, the most
// significant digit first. What people and files hold is checked here before libzmq sees it.

/// 32 bytes as 40 characters.
package enum Z85 {
    static let keyByteCount = 32
    static let keyCharacterCount = 40
    private static let alphabet = Array(
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#".utf8)
    private static let digits: [UInt8?] = {
        var digits = [UInt8?](repeating: nil, count: 256)
        for (digit, character) in alphabet.enumerated() { digits[Int(character)] = UInt8(digit) }
        return digits
    }()

    /// The characters of `bytes`, whose count is a multiple of 4.
    package static func encode(_ bytes: [UInt8]) -> String {
        var characters: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 4) {
            let value = bytes[start..<start + 4].reduce(0) { $0 << 8 | UInt64($1) }
            var divisor: UInt64 = 85 * 85 * 85 * 85
            for _ in 0..<5 {
                characters.append(alphabet[Int(value / divisor % 85)])
                divisor /= 85
            }
        }
        return String(decoding: characters, as: UTF8.self)
    }

    /// Hands the bytes of a key to `take`, one after the other.
    /// - Returns: false when `characters` are no key.
    static func decodeKey(_ characters: UnsafeRawBufferPointer, _ take: (UInt8) -> Void) -> Bool {
        guard characters.count == keyCharacterCount else { return false }
        for start in stride(from: 0, to: characters.count, by: 5) {
            var value: UInt64 = 0
            for index in start..<start + 5 {
                guard let digit = digits[Int(characters[index])] else { return false }
                value = value * 85 + UInt64(digit)
            }
            guard value <= UInt64(UInt32.max) else { return false }
            for shift in [24, 16, 8, 0] { take(UInt8(truncatingIfNeeded: value >> UInt64(shift))) }
        }
        return true
    }
}
