// Why: rows are numbered anew in every store, so ratings from another store than the model's, or from a file, find
// their factors through the ids. Ratings of the model's own store need no detour.

import ArrayFiles
import Ratings

/// Which rows of a model belong to the users and items of some ratings.
public struct RowMapping: Sendable {
    /// By row of the ratings, the row of the model, where it has one; nil when the rows are the same.
    private let users: [Int?]?
    private let items: [Int?]?

    /// The ratings are of the store that the model was trained on.
    public static let identity = RowMapping(users: nil, items: nil)

    /// By the ids.
    public init(userIDs: IDMap, itemIDs: IDMap, model: FactorModel) {
        users = model.userIDs.rows(of: userIDs)
        items = model.itemIDs.rows(of: itemIDs)
    }

    /// The identity when `store` is the one that `model` was trained on, else by the ids.
    public init(store: RatingStore, model: FactorModel) {
        if store.fingerprint == model.description.storeFingerprint, store.userIDs.count == model.userCount,
            store.itemIDs.count == model.itemCount
        {
            self = .identity
        } else {
            self.init(userIDs: store.userIDs, itemIDs: store.itemIDs, model: model)
        }
    }

    /// The same for a model whose users are those of the ratings, as ``FactorModel/foldingIn(_:ratings:kernels:)``
    /// makes it.
    public var withUsersOfRatings: RowMapping { RowMapping(users: nil, items: items) }

    private init(users: [Int?]?, items: [Int?]?) {
        self.users = users
        self.items = items
    }

    /// The model's row of a user of the ratings, or nil.
    @inline(__always)
    public func user(_ row: Int) -> Int? { if let users { users[row] } else { row } }

    /// The model's row of an item of the ratings, or nil.
    @inline(__always)
    public func item(_ row: Int) -> Int? { if let items { items[row] } else { row } }
}

extension RowMapping {
    /// `ratings`, whose rows are users, with the model's item rows as columns; items that the model does not have are
    /// left out.
    public func columnsOfModel(_ ratings: CompressedRows, itemCount: Int) -> CompressedRows {
        guard items != nil else { return ratings }
        var offsets: [Int64] = [0]
        var columns: [UInt32] = []
        var values = [Float](repeating: 0, count: ratings.count)
        values.withUnsafeMutableBufferPointer { buffer in
            if let start = buffer.baseAddress { ratings.values.decode(0..<ratings.count, minus: 0, to: start) }
        }
        var kept: [Float] = []
        for row in 0..<ratings.rowCount {
            let known = ratings.range(of: row).compactMap { position in
                item(Int(ratings.columns[position])).map { (column: UInt32($0), value: values[position]) }
            }
            for entry in known.sorted(by: { $0.column < $1.column }) {
                columns.append(entry.column)
                kept.append(entry.value)
            }
            offsets.append(Int64(columns.count))
        }
        return CompressedRows(
            offsets: ArrayView(offsets), columns: ArrayView(columns), values: .float32(ArrayView(kept)),
            columnCount: itemCount)
    }
}
