// Why: the text formats of ratings, as a person names them with --format, and what a reader has to know of a file
// once its format is found.

import Failures

/// A text format of ratings; docs/formats.md describes each.
public enum RatingFormat: String, Sendable, Hashable, Codable, CaseIterable {
    /// `user::item::rating::timestamp`, or the same four fields between tabs.
    case movielens
    /// Comma-separated, with a header that names the columns or without one.
    case csv
    /// Separated by tabs or blanks, with a header or without.
    case tsv
    /// `item:` lines, and after each its `user,rating,date` lines.
    case netflix
    /// A sparse matrix of the Matrix Market, `%%MatrixMarket matrix coordinate`: rows are users, columns items.
    case matrixMarket = "matrix-market"
    /// A line a user: the user, then the items; every rating is 1.
    case adjacency
}

/// Where the fields of a rating are in a line of one file.
struct TextLayout: Sendable, Hashable {
    enum Separator: Sendable, Hashable {
        case doubleColon
        case comma
        case tab
        /// One or more spaces or tabs.
        case blanks
    }

    var format: RatingFormat
    var separator: Separator
    /// Fields of every line. Netflix: of the lines between the `item:` lines.
    var fieldCount: Int
    var userField: Int
    /// Nil in the Netflix format, where a line of its own names the item.
    var itemField: Int?
    /// Nil in a file that names pairs only: a probe file, or one whose ratings are all 1.
    var ratingField: Int?
    /// The names of the columns, when the file has a header.
    var header: [String]?
    /// What the size line of a Matrix Market file says; nil in other formats.
    var matrixSize: MatrixSize?

    /// Users, items and entries.
    struct MatrixSize: Sendable, Hashable {
        var rows: Int
        var columns: Int
        var entries: Int
    }

    /// Whether the pairs are a choice among ratings of other files, and have none themselves.
    var isProbe: Bool { format == .netflix && ratingField == nil }

    /// Fields between double quotes may hold the separator.
    var allowsQuotes: Bool { format == .csv || format == .tsv }

    /// What was found, for a person.
    var summary: String {
        switch (format, header) {
        case (.netflix, _):
            return ratingField == nil
                ? "netflix (item: lines, each with its users)" : "netflix (item: lines, each with its user,rating,date)"
        case (.adjacency, _):
            return "adjacency (user item item ...)"
        case (.matrixMarket, _):
            return ratingField == nil ? "matrix-market (user item)" : "matrix-market (user item rating)"
        case (_, let header?):
            let columns = [userField, itemField, ratingField].compactMap { $0.map { header[$0] } }
            return "\(format.rawValue) with a header (\(columns.joined(separator: ", ")))"
        case (_, nil):
            let fields = ["user", "item", "rating"] + (fieldCount > 3 ? ["..."] : [])
            return "\(format.rawValue) (\(fields.joined(separator: separator.text)))"
        }
    }
}

extension TextLayout.Separator {
    /// As written between two fields.
    var text: String {
        switch self {
        case .doubleColon: "::"
        case .comma: ","
        case .tab: "<tab>"
        case .blanks: " "
        }
    }
}
