// Why: where id, title and year stand in the lines of a title file, found out once from its first line.

/// How the lines of a title file are laid out.
struct TitleLayout {
    private enum Separator: CaseIterable {
        case doubleColon, tab, bar, comma

        var bytes: [UInt8] {
            switch self {
            case .doubleColon: Array("::".utf8)
            case .tab: [UInt8(ascii: "\t")]
            case .bar: [UInt8(ascii: "|")]
            case .comma: [UInt8(ascii: ",")]
            }
        }
    }

    private let separator: Separator
    private let idColumn: Int
    private let titleColumn: Int
    private let yearColumn: Int?
    /// The title is the last column, and takes what follows with all its separators.
    private let titleTakesRest: Bool
    /// The first line names the columns.
    let hasHeader: Bool

    /// The layout of a file that begins with `line`, or nil.
    init?(firstLine line: ArraySlice<UInt8>) {
        let places = Separator.allCases.compactMap { separator in
            line.firstRange(of: separator.bytes).map { (separator, $0.lowerBound) }
        }
        guard let separator = places.min(by: { $0.1 < $1.1 })?.0 else { return nil }
        self.separator = separator
        guard let fields = Self.fields(line, separator) else { return nil }

        // `movieId`, `title`; RecBole adds a type to the name: `item_id:token`, `movie_title:token_seq`.
        let names = fields.map { $0.lowercased().prefix { $0 != ":" } }
        if let id = names.firstIndex(where: { $0.hasSuffix("id") }),
            let title = names.firstIndex(where: { $0.hasSuffix("title") || $0.hasSuffix("name") }), id != title
        {
            (idColumn, titleColumn, yearColumn) = (id, title, names.firstIndex { $0.hasSuffix("year") })
            (titleTakesRest, hasHeader) = (false, true)
        } else if separator == .comma, fields.count >= 3, Self.isYear(fields[1]) {
            (idColumn, titleColumn, yearColumn) = (0, 2, 1)
            (titleTakesRest, hasHeader) = (true, false)
        } else {
            (idColumn, titleColumn, yearColumn) = (0, 1, nil)
            (titleTakesRest, hasHeader) = (false, false)
        }
    }

    /// The id and the title in a line; nil when it has none. A year with a column of its own follows the title.
    func entry(_ line: ArraySlice<UInt8>) -> (id: String, title: String)? {
        let fields =
            titleTakesRest
            ? line.split(separator: separator.bytes[0], maxSplits: titleColumn, omittingEmptySubsequences: false)
                .map(Self.text)
            : Self.fields(line, separator)
        guard let fields, fields.count > max(idColumn, titleColumn), !fields[idColumn].isEmpty else { return nil }
        var title = fields[titleColumn]
        if let yearColumn, yearColumn < fields.count, Self.isYear(fields[yearColumn]), fields[yearColumn] != "NULL" {
            title += " (\(fields[yearColumn]))"
        }
        return (fields[idColumn], title)
    }

    /// Four digits, or Netflix's word for an unknown year.
    private static func isYear(_ field: String) -> Bool {
        field == "NULL" || field.utf8.count == 4 && field.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }

    private static func fields(_ line: ArraySlice<UInt8>, _ separator: Separator) -> [String]? {
        switch separator {
        case .comma: quotedFields(line)
        case .doubleColon: line.split(separator: separator.bytes).map(text)
        case .tab, .bar: line.split(separator: separator.bytes[0], omittingEmptySubsequences: false).map(text)
        }
    }

    /// The fields of a line of CSV; quotes may enclose a field and are doubled within. Nil when one is not closed.
    private static func quotedFields(_ line: ArraySlice<UInt8>) -> [String]? {
        let (quote, comma) = (UInt8(ascii: "\""), UInt8(ascii: ","))
        var fields: [String] = []
        var field: [UInt8] = []
        var quoted = false
        var index = line.startIndex
        while index < line.endIndex {
            let byte = line[index]
            if byte == quote {
                if quoted, index + 1 < line.endIndex, line[index + 1] == quote {
                    field.append(quote)
                    index += 1
                } else {
                    quoted.toggle()
                }
            } else if byte == comma, !quoted {
                fields.append(text(field[...]))
                field.removeAll()
            } else {
                field.append(byte)
            }
            index += 1
        }
        return quoted ? nil : fields + [text(field[...])]
    }

    /// A field without the blanks around it.
    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        let isBlank = { (byte: UInt8) in byte == UInt8(ascii: " ") }
        let kept = bytes.drop(while: isBlank)
        let end = kept.lastIndex { !isBlank($0) }.map { $0 + 1 } ?? kept.startIndex
        return String(decoding: kept[..<end], as: UTF8.self)
    }
}
