// Why: what someone has rated already is not recommended again.

import Ratings

extension FactorModel {
    /// The rows of this model that belong to the items which the user `id` has rated in `store`, held-out ratings
    /// included. The store may be another than the model's; ids join the two.
    public func items(ratedBy id: String, in store: RatingStore) -> Set<Int> {
        guard let user = store.userIDs.row(of: id) else { return [] }
        var items: Set<Int> = []
        for matrix in [store.ratings, store.holdout].compactMap(\.self) {
            let rows = matrix.byUser
            for position in rows.range(of: user) {
                let id = store.itemIDs.id(of: Int(rows.columns[position]))
                if let item = itemIDs.row(of: id) { items.insert(item) }
            }
        }
        return items
    }
}
