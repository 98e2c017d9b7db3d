// Why: two formats name pairs in ways of their own, and have no separator but blanks:
//
//     adjacency         user item item item ...        every rating is 1
//     matrix-market     row column [value]             both from 1; the size line says up to where

extension LineParser {
    /// Parses a line of a user and any number of items. A user without items names no pair and is passed over.
    /// - Returns: where the next line begins.
    mutating func parseAdjacencyLine(_ start: TextPointer) throws(LineDefect) -> TextPointer {
        var cursor = start + Blanks.length(at: start)
        if isLineEnd(cursor) { return Self.nextLine(cursor) }
        let userEnd = Self.fieldEnd(cursor)
        let firstItem = userEnd + Blanks.length(at: userEnd)
        if isLineEnd(firstItem) { return Self.nextLine(firstItem) }
        let user = try id(&cursor, .user, Blanks.self)
        cursor = firstItem
        repeat {
            let item = try id(&cursor, .item, Blanks.self)
            append(user, item, 1)
            cursor += Blanks.length(at: cursor)
        } while !isLineEnd(cursor)
        return Self.nextLine(cursor)
    }

    /// Parses a line with an entry of a matrix.
    /// - Returns: where the next line begins.
    mutating func parseMatrixLine(_ start: TextPointer) throws(LineDefect) -> TextPointer {
        guard let size = layout.matrixSize else { preconditionFailure("a matrix without a size line") }
        var cursor = start + Blanks.length(at: start)
        if isLineEnd(cursor) { return Self.nextLine(cursor) }
        let user = try index(&cursor, .user, upTo: size.rows, line: start)
        let item = try index(&cursor, .item, upTo: size.columns, line: start)
        var value: Float = 1
        if layout.ratingField != nil {
            guard !isLineEnd(cursor) else { throw fieldCountDefect(start, Blanks.self) }
            value = try rating(&cursor, Blanks.self)
            cursor += Blanks.length(at: cursor)
        }
        guard isLineEnd(cursor) else { throw fieldCountDefect(start, Blanks.self) }
        append(user, item, value)
        return Self.nextLine(cursor)
    }

    /// The number of the row or column at `cursor`, which is moved to the next field.
    private mutating func index(
        _ cursor: inout TextPointer, _ side: Side, upTo limit: Int, line start: TextPointer
    ) throws(LineDefect) -> UInt32 {
        guard !isLineEnd(cursor) else { throw fieldCountDefect(start, Blanks.self) }
        let end = Self.fieldEnd(cursor)
        let content = UnsafeBufferPointer(start: cursor, count: end - cursor)
        guard case .integer(let value) = IDText(content), value >= 1, value <= Int64(limit) else {
            throw LineDefect(
                line: line, "the \(side == .user ? "row" : "column") \(content.quoted) is not one of 1 to \(limit)",
                remedy: "correct the line, or the size line before the entries")
        }
        cursor = end + Blanks.length(at: end)
        return number(content, side)
    }

    /// The first blank or line end at or after `place`.
    private static func fieldEnd(_ place: TextPointer) -> TextPointer {
        var end = place
        while Blanks.length(at: end) == 0, !isLineEnd(end) { end += 1 }
        return end
    }
}
