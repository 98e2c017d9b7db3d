// Why: a half-step visits the ratings row by row, so both sides of the rating matrix are kept as compressed rows:
//
//     row i's ratings are columns[offsets[i] - offsets[0] ..< offsets[i + 1] - offsets[0]], and values likewise.
//
// A block of rows is a slice that shares the memory: its offsets keep their values from the whole matrix, which
// is why the first offset is subtracted. The same type serves a mapped store, a block that came over the wire,
// and ratings made in memory.

import ArrayFiles

/// Sparse rows: for each row its columns, ascending, and the rating at each.
public struct CompressedRows: Sendable {
    /// `rowCount + 1` positions, never falling. The first is 0 in a whole matrix, and may be more in a slice.
    public let offsets: ArrayView<Int64>
    /// The column of each rating: less than ``columnCount``, strictly ascending within a row.
    public let columns: ArrayView<UInt32>
    public let values: RatingValues
    /// Rows of the other side.
    public let columnCount: Int

    /// - Precondition: the arrays have lengths that fit each other; use ``defect()`` before this with untrusted
    ///   content.
    public init(offsets: ArrayView<Int64>, columns: ArrayView<UInt32>, values: RatingValues, columnCount: Int) {
        precondition(offsets.count >= 1 && columns.count == values.count)
        precondition(Int(offsets[offsets.count - 1] - offsets[0]) == columns.count)
        self.offsets = offsets
        self.columns = columns
        self.values = values
        self.columnCount = columnCount
    }

    public var rowCount: Int { offsets.count - 1 }
    /// Ratings in all rows.
    public var count: Int { columns.count }

    /// Where row `row` stands in ``columns`` and ``values``.
    @inlinable
    public func range(of row: Int) -> Range<Int> {
        let base = offsets[0]
        return Int(offsets[row] - base)..<Int(offsets[row + 1] - base)
    }

    /// The rows `rows`, sharing this matrix's memory.
    public func slice(_ rows: Range<Int>) -> CompressedRows {
        let base = offsets[0]
        let span = Int(offsets[rows.lowerBound] - base)..<Int(offsets[rows.upperBound] - base)
        return CompressedRows(
            offsets: offsets.slice(rows.lowerBound..<rows.upperBound + 1), columns: columns.slice(span),
            values: values.slice(span), columnCount: columnCount)
    }

    /// What is wrong with the content, or nil: offsets that fall, a column out of range or out of order, a value
    /// that is not finite. Run it once over content from a file or a peer; the solver relies on it.
    public func defect() -> String? {
        for row in 0..<rowCount where offsets[row + 1] < offsets[row] { return "the offsets fall at row \(row)" }
        let limit = UInt32(clamping: columnCount)
        for row in 0..<rowCount {
            var previous: Int64 = -1
            for index in range(of: row) {
                let column = columns[index]
                guard column < limit else { return "row \(row) names column \(column) of \(columnCount)" }
                guard Int64(column) > previous else { return "the columns of row \(row) are out of order" }
                previous = Int64(column)
            }
        }
        if case .float32(let view) = values, let index = view.elements.firstIndex(where: { !$0.isFinite }) {
            return "value \(index) is not finite"
        }
        return nil
    }
}

/// Ratings of both orders, the same ones in each.
public struct RatingMatrix: Sendable {
    /// A row a user; columns are items.
    public let byUser: CompressedRows
    /// A row an item; columns are users.
    public let byItem: CompressedRows

    public init(byUser: CompressedRows, byItem: CompressedRows) {
        precondition(byUser.count == byItem.count)
        precondition(byUser.rowCount == byItem.columnCount && byItem.rowCount == byUser.columnCount)
        self.byUser = byUser
        self.byItem = byItem
    }

    public var userCount: Int { byUser.rowCount }
    public var itemCount: Int { byItem.rowCount }
    public var count: Int { byUser.count }
}
