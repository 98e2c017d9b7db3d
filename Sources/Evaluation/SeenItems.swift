// Why: an item that a user has rated is not shown to them again, so it takes no place in the lists that are judged.

import Model
import Ratings

/// The items that each user of some ratings has seen, as rows of a model.
public struct SeenItems: Sendable {
    private let rows: CompressedRows
    /// By user row of the ratings that are judged, the row in ``rows``; nil when the rows are the same.
    private let users: [Int?]?
    private let mapping: RowMapping

    /// - Parameters:
    ///   - rows: a row for each user of the ratings that are judged.
    ///   - mapping: where the model has the columns.
    public init(_ rows: CompressedRows, mapping: RowMapping) {
        (self.rows, users, self.mapping) = (rows, nil, mapping)
    }

    /// What the users of `judged` have rated in another store, whose held-out ratings are not seen.
    public init(_ store: RatingStore, usersOf judged: RatingStore, model: FactorModel) {
        rows = store.ratings.byUser
        users = store.userIDs.rows(of: judged.userIDs)
        mapping = RowMapping(store: store, model: model)
    }

    /// Runs `body` with the model's row of each item that the user `row` has seen.
    func forEach(of row: Int, _ body: (Int) -> Void) {
        guard let user = users.map({ $0[row] }) ?? row else { return }
        for position in rows.range(of: user) {
            if let item = mapping.item(Int(rows.columns[position])) { body(item) }
        }
    }
}
