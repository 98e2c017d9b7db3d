// Why: sizes of memory are read from options and told to people in one way: whole numbers with a binary unit.

/// A number of bytes, written as `512M` or `2G`.
public struct ByteSize: Sendable, Hashable, CustomStringConvertible {
    public var bytes: Int

    public init(_ bytes: Int) { self.bytes = bytes }

    private static let units: [(letter: Character, shift: Int)] = [("K", 10), ("M", 20), ("G", 30), ("T", 40)]

    /// Reads a number of 1 or more, with K, M, G or T for powers of 1024 or without a unit for bytes.
    /// - Returns: nil for anything else, and for more than can be counted.
    public init?(_ text: String) {
        let unit = Self.units.first { text.uppercased().hasSuffix(String($0.letter)) }
        let digits = unit == nil ? text[...] : text.dropLast()
        guard let number = Int(digits), number >= 1, digits.allSatisfy(\.isNumber) else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: 1 << (unit?.shift ?? 0))
        if overflow { return nil }
        self.bytes = bytes
    }

    /// In MiB, rounded up, so that what is said to be needed is enough: `310 MiB`.
    public var description: String { "\((bytes + (1 << 20) - 1) >> 20) MiB" }

    /// The smallest option value that is enough: `310M`.
    public var optionText: String { "\((bytes + (1 << 20) - 1) >> 20)M" }
}
