// Why: rows are numbered anew in every store, so ratings from another store than the model's, or from a file, find
// their factors through the ids. Ratings of the model's own store need no detour.

import Model
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
