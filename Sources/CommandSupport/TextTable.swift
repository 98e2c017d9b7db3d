// Why: results a person reads line up in columns, in every command alike.

/// A table of text, printed with its columns aligned.
public struct TextTable {
    /// A column's heading and side.
    public struct Column {
        let heading: String
        let alignsRight: Bool
        let width: Int

        /// A column of words.
        public static func text(_ heading: String) -> Column { Column(heading: heading, alignsRight: false, width: 0) }

        /// A column of numbers.
        /// - Parameter width: its least width, for tables that are printed row by row.
        public static func number(_ heading: String, atLeast width: Int = 0) -> Column {
            Column(heading: heading, alignsRight: true, width: width)
        }
    }

    private let columns: [Column]
    private var rows: [[String]] = []

    public init(_ columns: [Column]) {
        self.columns = columns
    }

    /// Adds a row with a cell a column.
    public mutating func add(_ cells: [String]) {
        precondition(cells.count == columns.count)
        rows.append(cells.map(printable))
    }

    /// The lines: headings, then rows, two blanks between columns.
    public var lines: [String] {
        let all = [columns.map(\.heading)] + rows
        let widths = columns.indices.map { column in max(columns[column].width, all.map { $0[column].count }.max() ?? 0)
        }
        return all.map { cells in
            let padded = columns.indices.map { column in
                let blanks = String(repeating: " ", count: widths[column] - cells[column].count)
                return columns[column].alignsRight ? blanks + cells[column] : cells[column] + blanks
            }
            let line = padded.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }
}

/// `text` without control characters, which could move a terminal's cursor or worse: ids and titles come from
/// strangers.
public func printable(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else { return text }
    return String(
        String.UnicodeScalarView(
            text.unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{FFFD}" : $0 }))
}

extension Int {
    /// With a comma between thousands: 1,000,209.
    public var grouped: String {
        let digits = String(magnitude)
        let groups = stride(from: digits.count, to: 0, by: -3).map { end in
            String(digits.dropLast(digits.count - end).suffix(3))
        }
        return (self < 0 ? "-" : "") + groups.reversed().joined(separator: ",")
    }
}

/// A count of what `one` is: 1 worker, 2 workers.
public func counted(_ count: Int, _ one: String) -> String { "\(count.grouped) \(one)\(count == 1 ? "" : "s")" }

/// Lines of a name and what belongs to it, aligned.
public func alignedLines(_ pairs: [(name: String, value: String)]) -> [String] {
    let width = pairs.map(\.name.count).max() ?? 0
    return pairs.map { name, value in
        name + String(repeating: " ", count: width - name.count + 2) + printable(value)
    }
}
