// Why: the one hot loop of an import: from lines of text to triples of user, item and value.
//
// Ids and ratings are read digit by digit in place; whatever is not a plain run of digits up to the next separator
// (a sign, spaces, quotes, an exponent, an error) goes to the slower functions in LineParser+Fields.swift.

import Failures

/// What is wrong with a line, and what to do about it.
struct LineDefect: Error, Hashable {
    /// 1 for the first line that the parser was given.
    var line: Int
    var what: String
    var remedy: String

    init(line: Int, _ what: String, remedy: String = "correct or remove the line") {
        self.line = line
        self.what = what
        self.remedy = remedy
    }

    static func tooLong(_ line: Int) -> LineDefect {
        LineDefect(
            line: line, "the line is longer than \(LineParser.maximumLineByteCount) bytes",
            remedy: "give a text file with one rating a line")
    }

    static func binary(_ line: Int) -> LineDefect {
        LineDefect(line: line, "binary data, not text", remedy: "give an unpacked text file in UTF-8")
    }

    /// The failure of the text `name`, whose first `linesBefore` lines the parser was not given.
    func failure(in name: String, linesBefore: Int) -> Failure {
        Failure(.badData, what, at: "\(name):\(linesBefore + line)", remedy: remedy)
    }
}

/// Why parsing stopped before the end of the text.
enum ParsingStop: Error {
    /// An id of these sides is not an integer, and integers were expected.
    case stringIDs(Set<Side>)
    case defect(LineDefect)
}

/// Parses the lines of one file after the other, with the id tables of one thread.
struct LineParser {
    /// The longest line, in bytes.
    static let maximumLineByteCount = 1 << 20

    var users: IDTable
    var items: IDTable
    let layout: TextLayout
    /// Where the ratings go; has room for all.
    let output: RatingRun
    /// Ratings in `output`.
    private(set) var count = 0
    /// Lines read so far, the one in work included.
    var line = 0
    /// The item of the last `item:` line (Netflix); nil before the first.
    private(set) var currentItem: UInt32?
    /// Whether the text begins in the middle of its file, so that ratings may come before an `item:` line. They
    /// get ``inheritedItem``.
    private let isContinuation: Bool
    /// The first integer id beyond 64 bits. It is a defect only if the side's ids are integers after all.
    var tooLarge: LineDefect?
    /// Sides with an id in the line in work that is not an integer though integers were expected.
    var stringSides: Set<Side> = []
    /// Where a quoted field with doubled quotes is kept while it is read.
    var unquoted: ElementBuffer<UInt8>?
    private let powersOfTen: [Float] = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7]

    /// Stands for the item whose line is before the beginning of the text.
    static let inheritedItem = UInt32.max

    init(_ layout: TextLayout, users: IDTable, items: IDTable, output: RatingRun, isContinuation: Bool) {
        self.layout = layout
        self.users = users
        self.items = items
        self.output = output
        self.isContinuation = isContinuation
    }

    /// Ratings that a text of `byteCount` bytes can have at most.
    static func maximumCount(byteCount: Int) -> Int { byteCount / 2 + 1 }

    /// Parses `text`, which ends at a line's end and is followed by a line feed.
    /// - Parameter limit: stops after this many ratings; ``line`` is then the line of the last.
    mutating func parse(_ text: UnsafeBufferPointer<UInt8>, limit: Int = .max) throws(ParsingStop) {
        switch layout.separator {
        case .doubleColon: try parse(text, limit, DoubleColon.self)
        case .comma: try parse(text, limit, Comma.self)
        case .tab: try parse(text, limit, Tab.self)
        case .blanks: try parse(text, limit, Blanks.self)
        }
    }

    private mutating func parse<Separator: FieldSeparator>(
        _ text: UnsafeBufferPointer<UInt8>, _ limit: Int, _ separator: Separator.Type
    ) throws(ParsingStop) {
        guard var cursor = text.baseAddress else { return }
        let end = cursor + text.count
        do throws(LineDefect) {
            while cursor < end, count < limit {
                line += 1
                let start = cursor
                cursor =
                    switch layout.format {
                    case .adjacency: try parseAdjacencyLine(cursor)
                    case .matrixMarket: try parseMatrixLine(cursor)
                    case .movielens, .csv, .tsv, .netflix: try parseLine(cursor, separator)
                    }
                if cursor - start > Self.maximumLineByteCount { throw .tooLong(line) }
                if !stringSides.isEmpty { break }
            }
        } catch {
            throw .defect(error)
        }
        if !stringSides.isEmpty { throw .stringIDs(stringSides) }
    }

    /// Parses one line.
    /// - Returns: where the next begins.
    @inline(__always)
    private mutating func parseLine<Separator: FieldSeparator>(
        _ start: TextPointer, _ separator: Separator.Type
    ) throws(LineDefect) -> TextPointer {
        var cursor = start
        if cursor[0] <= UInt8(ascii: " ") {
            let place = cursor + Blanks.length(at: cursor)
            if isLineEnd(place) { return Self.nextLine(place) }
            if separator == Blanks.self { cursor = place }
        }
        if layout.itemField == nil, let end = Self.itemLineEnd(cursor) {
            currentItem = number(UnsafeBufferPointer(start: cursor, count: end - cursor), .item)
            return Self.nextLine(skipSpaces(end + 1))
        }
        var user: UInt32 = 0
        var item: UInt32 = 0
        var value = Float.nan
        for field in 0..<layout.fieldCount {
            if field > 0 {
                let length = Separator.length(at: cursor)
                guard length > 0, separator != Blanks.self || !isLineEnd(cursor + length) else {
                    throw fieldCountDefect(start, separator)
                }
                cursor += length
            }
            if field == layout.userField {
                user = try id(&cursor, .user, separator)
            } else if field == layout.itemField {
                item = try id(&cursor, .item, separator)
            } else if field == layout.ratingField {
                value = try rating(&cursor, separator)
            } else {
                try skipField(&cursor, separator)
            }
        }
        if !isLineEnd(cursor) {
            let place = cursor + Blanks.length(at: cursor)
            guard isLineEnd(place) else { throw fieldCountDefect(start, separator) }
            cursor = place
        }
        if layout.itemField == nil {
            guard currentItem != nil || isContinuation else {
                throw LineDefect(
                    line: line, "a rating before the first item line",
                    remedy: "begin the file with a line such as `1:` that names the item")
            }
            item = currentItem ?? Self.inheritedItem
        }
        append(user, item, value)
        return Self.nextLine(cursor)
    }

    /// Puts a rating into the output.
    @inline(__always)
    mutating func append(_ user: UInt32, _ item: UInt32, _ value: Float) {
        output.users.pointer[count] = user
        output.items.pointer[count] = item
        output.values.pointer[count] = value
        count += 1
    }

    /// The number of the id at `cursor`, which is moved to the field's end.
    @inline(__always)
    mutating func id<Separator: FieldSeparator>(
        _ cursor: inout TextPointer, _ side: Side, _ separator: Separator.Type
    ) throws(LineDefect) -> UInt32 {
        let isInteger = side == .user ? users.kind == .integers : items.kind == .integers
        if isInteger {
            var place = cursor
            var value: UInt64 = 0
            var digit = place[0] &- UInt8(ascii: "0")
            while digit < 10 {
                value = value &* 10 &+ UInt64(digit)
                place += 1
                digit = place[0] &- UInt8(ascii: "0")
            }
            if 1...18 ~= place - cursor, Separator.length(at: place) > 0 || isLineEnd(place) {
                cursor = place
                return side == .user ? users.number(of: Int64(value)) : items.number(of: Int64(value))
            }
        }
        return try slowID(&cursor, side, separator)
    }

    /// The rating at `cursor`, which is moved to the field's end.
    @inline(__always)
    mutating func rating<Separator: FieldSeparator>(
        _ cursor: inout TextPointer, _ separator: Separator.Type
    ) throws(LineDefect) -> Float {
        var place = cursor
        var digits: UInt32 = 0
        var fraction = 0
        var digit = place[0] &- UInt8(ascii: "0")
        while digit < 10 {
            digits = digits &* 10 &+ UInt32(digit)
            place += 1
            digit = place[0] &- UInt8(ascii: "0")
        }
        var count = place - cursor
        if place[0] == UInt8(ascii: ".") {
            place += 1
            digit = place[0] &- UInt8(ascii: "0")
            while digit < 10 {
                digits = digits &* 10 &+ UInt32(digit)
                place += 1
                fraction += 1
                digit = place[0] &- UInt8(ascii: "0")
            }
            count += fraction
        }
        if 1...7 ~= count, Separator.length(at: place) > 0 || isLineEnd(place) {
            cursor = place
            // Both are exact in single precision, so the quotient is the number nearest to the decimal.
            return Float(digits) / powersOfTen[fraction]
        }
        return try slowRating(&cursor, separator)
    }

    /// Where the line after the one that ends at `place` begins.
    @inline(__always)
    static func nextLine(_ place: TextPointer) -> TextPointer {
        place[0] == UInt8(ascii: "\n") ? place + 1 : place + 2
    }

    /// Where the colon of an `item:` line is, or nil when the line at `start` is none.
    @inline(__always)
    static func itemLineEnd(_ start: TextPointer) -> TextPointer? {
        var place = start
        while place[0] &- UInt8(ascii: "0") < 10 { place += 1 }
        guard place > start, place[0] == UInt8(ascii: ":"), isLineEnd(skipSpaces(place + 1)) else { return nil }
        return place
    }
}
