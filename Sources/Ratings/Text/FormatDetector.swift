// Why: people do not know what their file's format is called. The first lines decide:
//
//     first line         `123:`                     netflix; the next line tells ratings from a probe file
//     it holds           `::`                       movielens
//                        a tab                      movielens when it is four plain fields, else tsv
//                        a comma                    csv
//                        blanks                     tsv; adjacency when it can be nothing else; with more than four
//                                                   integers and no header it could be either, and is refused
//                        `%%MatrixMarket`           matrix-market
//     its third field    a number                   there is no header: user, item, rating, anything
//                        else                       a header; the columns are found by name
//
// Every later line must have as many fields as the first, so that a lost field is an error and not a wrong rating.

import Failures

/// Finds the layout of a text from its first lines.
struct FormatDetector {
    /// The format that the user gave; nil to find it.
    let format: RatingFormat?
    /// The text's name, for messages.
    let name: String

    /// What was found.
    struct Finding: Sendable, Hashable {
        var layout: TextLayout
        /// Where the ratings begin, after a byte order mark and a header.
        var start: Int
        /// Lines before them.
        var linesBefore: Int
    }

    /// Names of columns, lower case, without anything but letters and digits; the first that a header has is taken.
    private static let userNames = ["userid", "user", "uid", "reviewerid", "reviewer", "customerid", "customer"]
    private static let itemNames = [
        "itemid", "item", "iid", "movieid", "movie", "filmid", "film", "productid", "product", "bookid", "book", "isbn",
        "artistid", "artist", "trackid", "track", "songid", "song", "businessid", "business", "asin",
    ]
    private static let ratingNames = ["rating", "ratings", "score", "value", "stars", "overall", "bookrating"]

    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    /// Examines the beginning of a text.
    /// - Parameter sample: whole lines, but for the last of the text; enough for a header and a line after it.
    /// - Throws: a ``Failure`` of kind `badData` with the line.
    func find(_ sample: UnsafeBufferPointer<UInt8>) throws(Failure) -> Finding {
        let start = sample.starts(with: Self.byteOrderMark) ? Self.byteOrderMark.count : 0
        var lines: [(number: Int, range: Range<Int>, next: Int)] = []
        var place = start
        var number = 0
        while place < sample.count, lines.count < 2 {
            let end = sample[place...].firstIndex(of: UInt8(ascii: "\n")) ?? sample.count
            number += 1
            let content = Self.trimmed(sample, place..<end)
            if !content.isEmpty { lines.append((number, content, min(end + 1, sample.count))) }
            place = end + 1
        }
        guard let first = lines.first else {
            throw Failure(.badData, "the file is empty", at: name, remedy: "give a file with ratings")
        }
        let text = UnsafeBufferPointer(rebasing: sample[first.range])
        let at = "\(name):\(first.number)"
        if text.contains(0) || text.starts(with: [0xFF, 0xFE]) || text.starts(with: [0xFE, 0xFF]) {
            throw LineDefect.binary(first.number).failure(in: name, linesBefore: 0)
        }
        if format == .matrixMarket || format == nil && Self.isMatrix(text) { return try matrix(sample, from: start) }
        let body = UnsafeBufferPointer(rebasing: sample[start...])
        if format == .adjacency || format == nil && Self.isAdjacency(body) {
            let layout = TextLayout(
                format: .adjacency, separator: .blanks, fieldCount: 0, userField: 0, itemField: 1)
            return Finding(layout: layout, start: start, linesBefore: 0)
        }
        let finding = Finding(layout: try layout(text, at), start: start, linesBefore: 0)
        switch finding.layout.format {
        case .netflix:
            // The data line decides about ratings; other item lines may stand before it.
            return try netflix(sample, from: start, at: at)
        default:
            guard finding.layout.header != nil else { return finding }
            return Finding(layout: finding.layout, start: first.next, linesBefore: first.number)
        }
    }

    private static func trimmed(_ sample: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Range<Int> {
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0D || byte == 0x09 }
        guard let first = range.first(where: { !isBlank(sample[$0]) }) else {
            return range.lowerBound..<range.lowerBound
        }
        var end = range.upperBound
        while end > first, sample[end - 1] == 0x20 || sample[end - 1] == 0x0D { end -= 1 }
        return first..<end
    }

    private func layout(_ line: UnsafeBufferPointer<UInt8>, _ at: String) throws(Failure) -> TextLayout {
        let text = String(decoding: line, as: UTF8.self)
        let isItemLine = text.last == ":" && text.dropLast().allSatisfy { $0.isASCII && $0.isNumber } && text.count > 1
        let hasTab = text.utf8.contains(UInt8(ascii: "\t"))
        let found: RatingFormat
        if let format {
            found = format
        } else if isItemLine {
            found = .netflix
        } else if text.contains("::") {
            found = .movielens
        } else if hasTab {
            let fields = Self.fields(line, .tab)
            found = fields.count == 4 && fields.allSatisfy(Self.isNumber) ? .movielens : .tsv
        } else if text.utf8.contains(UInt8(ascii: ",")) {
            found = .csv
        } else {
            found = .tsv
        }
        let separator: TextLayout.Separator =
            switch found {
            case .csv, .netflix: .comma
            case .movielens: text.contains("::") ? .doubleColon : .tab
            case .tsv: hasTab ? .tab : .blanks
            case .matrixMarket, .adjacency: .blanks
            }
        if found == .netflix {
            guard isItemLine else {
                throw Failure(
                    .badData, "a Netflix file begins with a line such as `1:` that names the item", at: at,
                    remedy: "check --format")
            }
            return TextLayout(format: .netflix, separator: .comma, fieldCount: 0, userField: 0)
        }
        let fields = Self.fields(line, separator)
        var layout = TextLayout(
            format: found, separator: separator, fieldCount: fields.count, userField: 0, itemField: 1, ratingField: 2)
        if format == nil, separator == .blanks, fields.count > 4, fields.allSatisfy({ Int($0) != nil }) {
            throw Failure(
                .badData, "may be a rating with more columns, or a user and their items: \(line.quoted)", at: at,
                remedy: "give --format tsv or --format adjacency")
        }
        if fields.count > 2, Self.isNumber(fields[2]) { return layout }
        guard found == .csv || found == .tsv, try name(fields, in: &layout, at) else {
            throw Failure(
                .badData, "is neither a rating nor a header: \(line.quoted)", at: at,
                remedy:
                    "each line needs a user, an item and a rating; give --format, or a header with user, item, rating"
            )
        }
        return layout
    }

    /// Finds the columns by their names in the header `fields`.
    /// - Returns: whether it is a header at all.
    private func name(_ fields: [String], in layout: inout TextLayout, _ at: String) throws(Failure) -> Bool {
        // RecBole's atomic files write the type after the name: `rating:float`.
        let names = fields.map { field in
            String(field.prefix { $0 != ":" }.lowercased().filter { $0.isLetter || $0.isNumber })
        }
        func column(_ known: [String]) -> Int? { known.lazy.compactMap { names.firstIndex(of: $0) }.first }
        let columns = (user: column(Self.userNames), item: column(Self.itemNames), rating: column(Self.ratingNames))
        guard columns.user != nil || columns.item != nil || columns.rating != nil else { return false }
        guard let user = columns.user, let item = columns.item, let rating = columns.rating else {
            let missing = [("user", columns.user), ("item", columns.item), ("rating", columns.rating)]
                .filter { $0.1 == nil }.map(\.0)
            throw Failure(
                .badData, "the header has no column for the \(missing.joined(separator: " and the "))", at: at,
                remedy: "name the columns user, item and rating")
        }
        (layout.userField, layout.itemField, layout.ratingField) = (user, item, rating)
        layout.header = fields
        return true
    }

    /// The layout of a Netflix file: its first line that is no `item:` line tells whether it has ratings.
    private func netflix(
        _ sample: UnsafeBufferPointer<UInt8>, from start: Int, at: String
    ) throws(Failure) -> Finding {
        var fieldCount = 3
        for line in sample[start...].split(separator: UInt8(ascii: "\n")) {
            let range = Self.trimmed(sample, line.startIndex..<line.endIndex)
            if range.isEmpty || sample[range.upperBound - 1] == UInt8(ascii: ":") { continue }
            fieldCount = sample[range].count(where: { $0 == UInt8(ascii: ",") }) + 1
            break
        }
        return Finding(
            layout: TextLayout(
                format: .netflix, separator: .comma, fieldCount: fieldCount, userField: 0,
                ratingField: fieldCount > 1 ? 1 : nil),
            start: start, linesBefore: 0)
    }

    private static func isNumber(_ field: String) -> Bool {
        var text = field
        return text.withUTF8 { DecimalText($0) != .notANumber }
    }

    /// The fields of a line as people read it, without quotes and the spaces around.
    private static func fields(_ line: UnsafeBufferPointer<UInt8>, _ separator: TextLayout.Separator) -> [String] {
        var fields: [[UInt8]] = [[]]
        var isQuoted = false
        var place = 0
        while place < line.count {
            let byte = line[place]
            var length = 1
            if byte == UInt8(ascii: "\""), separator != .doubleColon {
                isQuoted.toggle()
            } else if !isQuoted, let found = separator.length(in: line, at: place) {
                fields.append([])
                length = found
            } else {
                fields[fields.count - 1].append(byte)
            }
            place += length
        }
        return fields.map { field in
            var text = String(decoding: field, as: UTF8.self)[...]
            while text.first == " " { text.removeFirst() }
            while text.last == " " { text.removeLast() }
            return String(text)
        }
    }
}

extension TextLayout.Separator {
    /// Bytes of the separator at `place`, or nil when there is none.
    fileprivate func length(in line: UnsafeBufferPointer<UInt8>, at place: Int) -> Int? {
        switch self {
        case .doubleColon: line[place...].starts(with: Array("::".utf8)) ? 2 : nil
        case .comma: line[place] == UInt8(ascii: ",") ? 1 : nil
        case .tab: line[place] == UInt8(ascii: "\t") ? 1 : nil
        case .blanks:
            switch line[place...].prefix(while: { $0 == 0x20 || $0 == 0x09 }).count {
            case 0: nil
            case let length: length
            }
        }
    }
}
