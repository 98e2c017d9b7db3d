// Why: strong generalization (Marlin 2004; Liang et al. 2018 for MovieLens-20M and the Million Song Dataset) judges a
// model on users it was not trained on: a part of each one's ratings is history, from which their factors are folded
// in, and the rest is held out. Which part depends on a seed and the ids alone, not on how rows are numbered.

import ArrayFiles
import Failures
import Ratings

/// The ratings of each user in two parts.
public struct HistorySplit: Sendable {
    /// What is known of the users.
    public let history: CompressedRows
    /// What is to be found; nothing of users with a single rating.
    public let heldOut: CompressedRows

    /// Splits the training ratings of `store`.
    /// - Parameter fraction: of each user's ratings, above 0 and below 1, that is history: to the nearest number, and
    ///   at least one.
    /// - Throws: a ``Failure`` of kind `usage` when the fraction is out of its range, and of kind `badData` when no
    ///   user has anything held out.
    public init(_ store: RatingStore, fraction: Double, seed: UInt64) throws(Failure) {
        guard fraction > 0, fraction < 1 else {
            throw Failure(
                .usage, "the part of each user's ratings to fold in is \(fraction)", at: "--fold-in",
                remedy: "give one above 0 and below 1")
        }
        let rows = store.ratings.byUser
        let hashes = PairHashes(seed: seed, users: store.userIDs, items: store.itemIDs)
        var isHistory = [Bool](repeating: false, count: rows.count)
        for row in 0..<rows.rowCount {
            let range = rows.range(of: row)
            let count = max(1, Int((fraction * Double(range.count)).rounded()))
            let keyed = range.map { (hash: hashes.hash(user: row, item: Int(rows.columns[$0])), position: $0) }
            for entry in keyed.sorted(by: { $0 < $1 }).prefix(count) { isHistory[entry.position] = true }
        }
        history = rows.filtered { isHistory[$0] }
        heldOut = rows.filtered { !isHistory[$0] }
        guard heldOut.count > 0 else {
            throw Failure(
                .badData, "folding in \(fraction) of each user's ratings leaves none to find",
                remedy: "give a smaller part, or users with more ratings")
        }
    }
}

extension CompressedRows {
    /// The ratings at the positions that `isKept` wants, in the same rows and columns.
    fileprivate func filtered(_ isKept: (Int) -> Bool) -> CompressedRows {
        var decoded = [Float](repeating: 0, count: count)
        decoded.withUnsafeMutableBufferPointer { buffer in
            if let start = buffer.baseAddress { values.decode(0..<count, minus: 0, to: start) }
        }
        var kept: (offsets: [Int64], columns: [UInt32], values: [Float]) = ([0], [], [])
        for row in 0..<rowCount {
            for position in range(of: row) where isKept(position) {
                kept.columns.append(columns[position])
                kept.values.append(decoded[position])
            }
            kept.offsets.append(Int64(kept.columns.count))
        }
        return CompressedRows(
            offsets: ArrayView(kept.offsets), columns: ArrayView(kept.columns),
            values: .float32(ArrayView(kept.values)),
            columnCount: columnCount)
    }
}
