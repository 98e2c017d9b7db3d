// Why: cross-validation judges a choice of options by ratings that the training has not seen, all of them in turn.
// Which fold a rating is in must not depend on order, threads or rows, so it comes from a hash of the seed and its two
// ids, as for a holdout:
//
//     fold = mix(mix(mix(seed) ^ XXH64(user id)) ^ XXH64(item id)) mod folds

import ArrayFiles
import Failures

/// The pairs of one fold.
private struct FoldPairs: PairPredicate {
    let hashes: PairHashes
    let fold: Int
    let count: Int

    func contains(user: UInt32, item: UInt32) -> Bool {
        Int(hashes.hash(user: Int(user), item: Int(item)) % UInt64(count)) == fold
    }
}

extension RatingStore {
    /// A store in memory whose held-out ratings are those training ratings of this one that are in fold `fold`, and
    /// whose training ratings are the others. Ratings that this store holds out are in neither.
    /// - Parameters:
    ///   - fold: 0 to `count` - 1.
    ///   - count: folds, 2 or more.
    /// - Throws: a ``Failure`` of kind `badData` when nothing is in the fold, or everything; of kind `system` when
    ///   there is not enough memory.
    public func split(fold: Int, of count: Int, seed: UInt64, threads: Int) throws(Failure) -> RatingStore {
        precondition(count >= 2 && (0..<count).contains(fold))
        let rows = ratings.byUser
        let run = try RatingRun(count: rows.count)
        for user in 0..<rows.rowCount {
            for position in rows.range(of: user) {
                run.users.pointer[position] = UInt32(user)
                run.items.pointer[position] = rows.columns[position]
            }
        }
        if rows.count > 0 { rows.values.decode(0..<rows.count, minus: 0, to: run.values.pointer) }
        let pairs = FoldPairs(hashes: PairHashes(seed: seed, users: userIDs, items: itemIDs), fold: fold, count: count)
        let (training, held) = try run.split(by: pairs)
        guard held.count > 0 else {
            throw Failure(
                .badData, "fold \(fold + 1) of \(count) is empty: there are \(run.count) ratings",
                remedy: "give fewer folds, another seed, or more ratings")
        }
        var builder = StoreBuilder(
            users: userIDs, items: itemIDs, training: [training], holdout: [held], duplicates: .error, threads: threads,
            source: nil
        ) { _ in preconditionFailure("a store has a pair twice") }
        return try builder.build()
    }
}
