// Why: the ratings of a block, as they travel to a worker that cannot open the store. The layout is that of the
// store's arrays, so the worker solves from the received bytes as they are:
//
//     rows UInt64 | columns of the matrix UInt64 | value type and denominator UInt64 | ratings UInt64 | held-out UInt64
//     offsets   Int64 x (rows + 1)     from 0
//     columns   UInt32 x ratings       each array padded to 8 bytes
//     values    as encoded x ratings
//     and, when the last bit of the value word is set, the held-out ratings of the same rows: offsets, columns, values
//
// Little-endian, as everything here.

import ArrayFiles
import Ratings

/// The ratings of a block's rows, and those held out of them.
public struct RatingsBlock: Sendable {
    public var ratings: CompressedRows
    public var holdout: CompressedRows?

    public init(ratings: CompressedRows, holdout: CompressedRows?) {
        self.ratings = ratings
        self.holdout = holdout
    }

    private static let headerWords = 5

    /// The value word: denominator, element type, and whether held-out ratings follow.
    private static func word(_ encoding: ValueEncoding, hasHoldout: Bool) -> UInt64 {
        let type: UInt64 =
            switch encoding.elementType {
            case .uint8: 1
            case .int16: 2
            default: 4
            }
        return UInt64(encoding.denominator) << 16 | type << 8 | (hasHoldout ? 1 : 0)
    }

    private static func encoding(_ word: UInt64) -> ValueEncoding? {
        let type: ElementType
        switch word >> 8 & 0xFF {
        case 1: type = .uint8
        case 2: type = .int16
        case 4: type = .float32
        default: return nil
        }
        guard let denominator = Int(exactly: word >> 16), ValueEncoding.denominators.contains(denominator) else {
            return nil
        }
        return ValueEncoding(elementType: type, denominator: denominator)
    }

    private static func padded(_ byteCount: Int) -> Int { (byteCount + 7) & ~7 }

    private static func byteCount(rows: Int, ratings: Int, valueByteCount: Int) -> Int {
        (rows + 1) * 8 + padded(ratings * 4) + padded(ratings * valueByteCount)
    }

    /// The length of a block of `rows` rows with so many ratings, and so many held out of it if any may be.
    static func encodedByteCount(rows: Int, ratings: Int, holdout: Int?, valueByteCount size: Int) -> Int {
        headerWords * 8 + byteCount(rows: rows, ratings: ratings, valueByteCount: size)
            + (holdout.map { byteCount(rows: rows, ratings: $0, valueByteCount: size) } ?? 0)
    }

    // MARK: Encoding

    /// The block as bytes.
    public func encoded() -> Payload {
        let encoding = ratings.values.encoding
        let size = encoding.elementType.byteCount
        if let holdout { precondition(holdout.rowCount == ratings.rowCount && holdout.values.encoding == encoding) }
        let total = Self.encodedByteCount(
            rows: ratings.rowCount, ratings: ratings.count, holdout: holdout?.count, valueByteCount: size)
        return Payload(byteCount: total) { bytes in
            let words = [
                UInt64(ratings.rowCount), UInt64(ratings.columnCount), Self.word(encoding, hasHoldout: holdout != nil),
                UInt64(ratings.count), UInt64(holdout?.count ?? 0),
            ]
            var cursor = bytes.baseAddress!
            for word in words {
                cursor.storeBytes(of: word.littleEndian, as: UInt64.self)
                cursor += 8
            }
            Self.encode(ratings, to: &cursor)
            if let holdout { Self.encode(holdout, to: &cursor) }
        }
    }

    private static func encode(_ rows: CompressedRows, to cursor: inout UnsafeMutableRawPointer) {
        let base = rows.offsets[0]
        for offset in rows.offsets.elements {
            cursor.storeBytes(of: (offset - base).littleEndian, as: Int64.self)
            cursor += 8
        }
        for bytes in [UnsafeRawBufferPointer(rows.columns.elements), rows.values.bytes] {
            if let start = bytes.baseAddress { cursor.copyMemory(from: start, byteCount: bytes.count) }
            cursor += padded(bytes.count)
        }
    }

    // MARK: Decoding

    /// Reads a block from `payload`, which must hold `rowCount` rows of a matrix with `columnCount` columns.
    /// Everything the solver relies on is checked.
    public init(_ payload: Payload, rowCount: Int, columnCount: Int) throws(WireError) {
        let bytes = payload.bytes
        guard bytes.count >= Self.headerWords * 8 else { throw WireError("the ratings are cut off") }
        let words = (0..<Self.headerWords).map {
            UInt64(littleEndian: bytes.load(fromByteOffset: $0 * 8, as: UInt64.self))
        }
        guard words[0] == UInt64(rowCount), words[1] == UInt64(columnCount), let encoding = Self.encoding(words[2]),
            let count = Int(exactly: words[3]), let holdoutCount = Int(exactly: words[4]),
            max(count, holdoutCount) <= bytes.count / 4
        else { throw WireError("the ratings are not those of this block") }
        let size = encoding.elementType.byteCount
        let hasHoldout = words[2] & 1 == 1
        let total = Self.encodedByteCount(
            rows: rowCount, ratings: count, holdout: hasHoldout ? holdoutCount : nil, valueByteCount: size)
        guard total == bytes.count else { throw WireError("the ratings have the wrong length") }
        var position = Self.headerWords * 8
        ratings = try Self.decode(payload, &position, rowCount, columnCount, count, encoding)
        holdout = hasHoldout ? try Self.decode(payload, &position, rowCount, columnCount, holdoutCount, encoding) : nil
    }

    private static func decode(
        _ payload: Payload, _ position: inout Int, _ rowCount: Int, _ columnCount: Int, _ count: Int,
        _ encoding: ValueEncoding
    ) throws(WireError) -> CompressedRows {
        func view<Element: ArrayElement>(_ type: Element.Type, _ count: Int) -> ArrayView<Element> {
            let byteCount = count * MemoryLayout<Element>.size
            let bytes = UnsafeRawBufferPointer(rebasing: payload.bytes[position..<position + byteCount])
            position += padded(byteCount)
            return ArrayView(bytes.bindMemory(to: Element.self), owner: payload)
        }
        let offsets = view(Int64.self, rowCount + 1)
        guard offsets[0] == 0, offsets[rowCount] == Int64(count) else { throw WireError("the offsets do not fit") }
        let columns = view(UInt32.self, count)
        let values: RatingValues
        switch encoding.elementType {
        case .uint8: values = .uint8(view(UInt8.self, count), denominator: encoding.denominator)
        case .int16: values = .int16(view(Int16.self, count), denominator: encoding.denominator)
        default: values = .float32(view(Float.self, count))
        }
        let rows = CompressedRows(offsets: offsets, columns: columns, values: values, columnCount: columnCount)
        if let defect = rows.defect() { throw WireError(defect) }
        return rows
    }
}
