// Why: the header of a `.npy` file, format version 1.0 as NumPy documents it:
//
//     \x93NUMPY  01 00  length: UInt16 LE  {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }  spaces  \n
//
// padded so that the elements begin at a multiple of 64 bytes. We write nothing else, and read no more
// than NumPy itself would write for our element types; anything else is an error.

import Failures

/// What stands before the elements of an array file.
public struct ArrayHeader: Sendable, Hashable {
    public var elementType: ElementType
    /// One or two dimensions, C order.
    public var shape: [Int]

    public init(elementType: ElementType, shape: [Int]) {
        self.elementType = elementType
        self.shape = shape
    }

    static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    static let alignment = 64
    /// The longest header we read; ours take 128 bytes.
    static let maximumByteCount = 4096

    /// The dictionary as NumPy writes it, without the padding.
    private var dictionary: [UInt8] {
        let shapeText = shape.count == 1 ? "(\(shape[0]),)" : "(" + shape.map(String.init).joined(separator: ", ") + ")"
        return Array("{'descr': '\(elementType.rawValue)', 'fortran_order': False, 'shape': \(shapeText), }".utf8)
    }

    /// The header as it stands in the file.
    public var encoded: [UInt8] {
        var text = dictionary
        let fixedByteCount = Self.magic.count + 4
        let total = (fixedByteCount + text.count + 1 + Self.alignment - 1) / Self.alignment * Self.alignment
        text.append(contentsOf: repeatElement(UInt8(ascii: " "), count: total - fixedByteCount - text.count - 1))
        text.append(UInt8(ascii: "\n"))
        return Self.magic + [1, 0, UInt8(text.count & 0xFF), UInt8(text.count >> 8)] + text
    }

    /// Reads a header.
    /// - Returns: the header, and at which byte the elements begin.
    /// - Throws: a ``Failure`` of kind `badData` that names `path`.
    static func decode(_ bytes: UnsafeRawBufferPointer, path: String) throws(Failure) -> (ArrayHeader, Int) {
        func bad(_ what: String) -> Failure {
            Failure(.badData, "not an array file we can read: \(what)", at: path, remedy: "write the file again")
        }
        let fixedByteCount = magic.count + 4
        guard bytes.count >= fixedByteCount, bytes.prefix(magic.count).elementsEqual(magic) else {
            throw bad("the NumPy signature is missing")
        }
        guard bytes[6] == 1, bytes[7] == 0 else { throw bad("format version \(bytes[6]).\(bytes[7]), not 1.0") }
        let textByteCount = Int(bytes[8]) | Int(bytes[9]) << 8
        let dataOffset = fixedByteCount + textByteCount
        guard dataOffset <= min(bytes.count, maximumByteCount) else { throw bad("the header is cut off") }
        guard dataOffset % 16 == 0 else { throw bad("the elements are not aligned") }
        let text = String(decoding: bytes[fixedByteCount..<dataOffset], as: UTF8.self)
        guard let descr = value(of: "descr", in: text)?.split(separator: "'", omittingEmptySubsequences: false),
            descr.count >= 3, let elementType = ElementType(rawValue: String(descr[1]))
        else { throw bad("unknown element type") }
        guard let order = value(of: "fortran_order", in: text), order.hasPrefix("False") else {
            throw bad("the elements are not in C order")
        }
        guard let tuple = value(of: "shape", in: text), tuple.first == "(", let end = tuple.firstIndex(of: ")") else {
            throw bad("the shape is missing")
        }
        var shape: [Int] = []
        for part in tuple[tuple.index(after: tuple.startIndex)..<end].split(separator: ",") {
            guard let size = Int(part.filter { $0 != " " }), size >= 0 else {
                throw bad("the shape is not a tuple of sizes")
            }
            shape.append(size)
        }
        guard (1...2).contains(shape.count) else { throw bad("\(shape.count) dimensions, not 1 or 2") }
        // The checksums cover the elements alone, so a damaged byte of the header has to be found here.
        let header = ArrayHeader(elementType: elementType, shape: shape)
        let dictionary = header.dictionary
        let padding = bytes[fixedByteCount..<dataOffset].dropFirst(dictionary.count)
        guard bytes[fixedByteCount...].starts(with: dictionary), padding.last == UInt8(ascii: "\n"),
            padding.dropLast().allSatisfy({ $0 == UInt8(ascii: " ") })
        else { throw bad("the header is not as NumPy writes it") }
        return (header, dataOffset)
    }

    /// What follows `'key':` in the header's dictionary.
    private static func value(of key: String, in text: String) -> Substring? {
        guard let range = text.firstRange(of: "'\(key)':") else { return nil }
        return text[range.upperBound...].drop { $0 == " " }
    }

    /// Elements, or nil when the product overflows.
    var elementCount: Int? {
        var count = 1
        for size in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            if overflow { return nil }
            count = product
        }
        return count
    }
}
