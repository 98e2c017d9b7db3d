// Why: how the formats of LineParser+Pairs.swift are known. A Matrix Market file says what it is. Lines of a user and
// their items look like a table of numbers whose lines have lost fields, so they are taken for what they are only when
// no table looks like that: integers alone, in lines of at least three lengths, one of which is more than a rating
// needs.

import Failures

extension FormatDetector {
    private static let banner = "%%matrixmarket"

    /// Whether a text that begins with `line` says that it is a Matrix Market file.
    static func isMatrix(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
        String(decoding: line.prefix(banner.utf8.count), as: UTF8.self).lowercased() == banner
    }

    /// Whether the lines of `sample` can be nothing else than users with their items.
    static func isAdjacency(_ sample: UnsafeBufferPointer<UInt8>) -> Bool {
        var lengths: Set<Int> = []
        for line in sample.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
            guard fields.allSatisfy({ $0.allSatisfy { $0 &- UInt8(ascii: "0") < 10 } }) else { return false }
            if !fields.isEmpty { lengths.insert(fields.count) }
        }
        return lengths.count >= 3 && lengths.contains { $0 > 4 }
    }

    /// The layout of a Matrix Market file: after the banner and comments a line with rows, columns and entries.
    /// - Parameter start: where the banner's line begins.
    func matrix(_ sample: UnsafeBufferPointer<UInt8>, from start: Int) throws(Failure) -> Finding {
        var place = start
        var number = 0
        var hasRatings: Bool?
        while place < sample.count {
            let end = sample[place...].firstIndex(of: UInt8(ascii: "\n")) ?? sample.count
            number += 1
            let words = sample[place..<end].split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
                .map { String(decoding: $0, as: UTF8.self) }
            place = min(end + 1, sample.count)
            let at = "\(name):\(number)"
            guard let first = words.first else { continue }
            if let hasRatings {
                if first.hasPrefix("%") { continue }
                guard words.count == 3, case let size = words.compactMap({ Int($0) }), size.count == 3,
                    size.allSatisfy({ $0 >= 0 })
                else {
                    throw Failure(
                        .badData, "is not a size line: \(words.joined(separator: " ").prefix(40))", at: at,
                        remedy: "before the entries a line must have the numbers of rows, columns and entries")
                }
                return Finding(
                    layout: TextLayout(
                        format: .matrixMarket, separator: .blanks, fieldCount: hasRatings ? 3 : 2, userField: 0,
                        itemField: 1, ratingField: hasRatings ? 2 : nil,
                        matrixSize: .init(rows: size[0], columns: size[1], entries: size[2])),
                    start: place, linesBefore: number)
            }
            hasRatings = try Self.hasRatings(banner: words.map { $0.lowercased() }, at)
        }
        throw Failure(
            .badData, "there is no line with the matrix's size", at: name, remedy: "give a complete Matrix Market file")
    }

    /// Whether the entries of the matrix that `banner` announces have values.
    private static func hasRatings(banner words: [String], _ at: String) throws(Failure) -> Bool {
        guard words.first == banner else {
            throw Failure(
                .badData, "a Matrix Market file begins with `%%MatrixMarket`", at: at, remedy: "check --format")
        }
        guard words.count == 5, words[1...2] == ["matrix", "coordinate"],
            ["real", "integer", "pattern"].contains(words[3]), words[4] == "general"
        else {
            throw Failure(
                .badData, "is a kind of matrix that holds no ratings: \(words.dropFirst().joined(separator: " "))",
                at: at,
                remedy: "give `matrix coordinate` of `real`, `integer` or `pattern`, and `general`")
        }
        return words[3] != "pattern"
    }
}
