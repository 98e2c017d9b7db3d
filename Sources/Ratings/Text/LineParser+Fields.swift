// Why: the fields that are not plain digits: spaces around them, quotes, signs, exponents, string ids; and what is
// said of those that are wrong.

extension LineParser {
    /// The number of an id of any form at `cursor`, which is moved to the field's end.
    mutating func slowID<Separator: FieldSeparator>(
        _ cursor: inout TextPointer, _ side: Side, _ separator: Separator.Type
    ) throws(LineDefect) -> UInt32 {
        let content = try content(&cursor, separator)
        if let defect = IDText.defect(content) { throw LineDefect(line: line, "the \(side) id \(defect)") }
        return number(content, side)
    }

    /// The number of an id that has been checked.
    mutating func number(_ id: UnsafeBufferPointer<UInt8>, _ side: Side) -> UInt32 {
        let kind = side == .user ? users.kind : items.kind
        guard kind == .integers else { return side == .user ? users.number(of: id) : items.number(of: id) }
        switch IDText(id) {
        case .integer(let value):
            return side == .user ? users.number(of: value) : items.number(of: value)
        case .tooLarge:
            if tooLarge == nil {
                tooLarge = LineDefect(
                    line: line, "the \(side) id \(id.quoted) does not fit in 64 bits",
                    remedy: "correct the id; ids that are not integers at all may be any text")
            }
        case .text:
            stringSides.insert(side)
        }
        return 0
    }

    /// The rating of any form at `cursor`, which is moved to the field's end.
    mutating func slowRating<Separator: FieldSeparator>(
        _ cursor: inout TextPointer, _ separator: Separator.Type
    ) throws(LineDefect) -> Float {
        let content = try content(&cursor, separator)
        switch DecimalText(content) {
        case .value(let value): return value
        case .notFinite: throw LineDefect(line: line, "the rating \(content.quoted) is not a finite number")
        case .notANumber where content.isEmpty: throw LineDefect(line: line, "the rating is empty")
        case .notANumber: throw LineDefect(line: line, "the rating \(content.quoted) is not a number")
        }
    }

    /// Moves `cursor` to the end of a field that nobody needs.
    @inline(__always)
    mutating func skipField<Separator: FieldSeparator>(
        _ cursor: inout TextPointer, _ separator: Separator.Type
    ) throws(LineDefect) {
        // In tab-separated text a quote in such a field is a character like any other.
        if layout.format == .csv, skipSpaces(cursor)[0] == UInt8(ascii: "\"") {
            _ = try content(&cursor, separator)
            return
        }
        while Separator.length(at: cursor) == 0, !isLineEnd(cursor) { cursor += 1 }
    }

    /// The content of the field at `cursor`, without quotes and the blanks around it; `cursor` is moved to its end.
    private mutating func content<Separator: FieldSeparator>(
        _ cursor: inout TextPointer, _ separator: Separator.Type
    ) throws(LineDefect) -> UnsafeBufferPointer<UInt8> {
        let start = separator == Tab.self ? skipSpaces(cursor) : cursor + Blanks.length(at: cursor)
        if layout.allowsQuotes, start[0] == UInt8(ascii: "\"") {
            return try quotedContent(start + 1, &cursor, separator)
        }
        var end = start
        while Separator.length(at: end) == 0, !isLineEnd(end) { end += 1 }
        cursor = end
        while end > start, end[-1] == UInt8(ascii: " ") || end[-1] == UInt8(ascii: "\t") { end -= 1 }
        return UnsafeBufferPointer(start: start, count: end - start)
    }

    /// The content of a quoted field that begins, after its quote, at `start`.
    private mutating func quotedContent<Separator: FieldSeparator>(
        _ start: TextPointer, _ cursor: inout TextPointer, _ separator: Separator.Type
    ) throws(LineDefect) -> UnsafeBufferPointer<UInt8> {
        let quote = UInt8(ascii: "\"")
        var place = start
        var doubled = 0
        while true {
            if isLineEnd(place) {
                throw LineDefect(
                    line: line, "a quoted field does not end on its line",
                    remedy: "close the quote; fields with line breaks in them cannot be read")
            }
            if place[0] == quote {
                guard place[1] == quote else { break }
                doubled += 1
                place += 1
            }
            place += 1
        }
        cursor = skipSpaces(place + 1)
        guard Separator.length(at: cursor) > 0 || Separator.length(at: place + 1) > 0 || isLineEnd(cursor) else {
            throw LineDefect(line: line, "text follows the closing quote of a field")
        }
        if separator == Blanks.self { cursor = place + 1 }
        guard doubled > 0 else { return UnsafeBufferPointer(start: start, count: place - start) }
        let buffer = ElementBuffer<UInt8>(few: place - start - doubled)
        unquoted = buffer
        var source = start
        for index in 0..<buffer.count {
            buffer.pointer[index] = source[0]
            source += source[0] == quote ? 2 : 1
        }
        return buffer.prefix
    }

    /// What to say of the line at `start`, which has too few or too many fields.
    func fieldCountDefect<Separator: FieldSeparator>(_ start: TextPointer, _ separator: Separator.Type) -> LineDefect {
        var place = start + (separator == Blanks.self ? Blanks.length(at: start) : 0)
        var fields = 1
        while !isLineEnd(place) {
            let length = Separator.length(at: place)
            if length > 0, separator != Blanks.self || !isLineEnd(place + length) { fields += 1 }
            place += max(1, length)
        }
        let expected =
            layout.itemField == nil
            ? "`item:` or \(layout.fieldCount) fields"
            : layout.format == .matrixMarket
                ? "\(layout.fieldCount) fields" : "\(layout.fieldCount) fields as in the first line"
        return LineDefect(
            line: line, "\(fields) \(fields == 1 ? "field" : "fields") in place of \(expected)",
            remedy: separator == Blanks.self && layout.format == .tsv
                ? "correct or remove the line; where each line is a user and their items, give --format adjacency"
                : "correct or remove the line; formats cannot be mixed in a file")
    }
}
