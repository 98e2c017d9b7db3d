// Why: most tests need small rating matrices with a structure that a factorization can find, without any file.

import ArrayFiles
import Foundation
import Ratings

/// Ratings made in memory.
public enum SyntheticRatings {
    /// A rating for a test: user, item, value.
    public typealias Triple = (user: Int, item: Int, value: Float)

    /// The matrix of `triples`, each pair at most once.
    public static func matrix(_ triples: [Triple], users: Int, items: Int) -> RatingMatrix {
        func rows(_ count: Int, _ columnCount: Int, _ entries: [(row: Int, column: Int, value: Float)])
            -> CompressedRows
        {
            let sorted = entries.sorted { ($0.row, $0.column) < ($1.row, $1.column) }
            var offsets = [Int64](repeating: 0, count: count + 1)
            for entry in sorted { offsets[entry.row + 1] += 1 }
            for row in 0..<count { offsets[row + 1] += offsets[row] }
            return CompressedRows(
                offsets: ArrayView(offsets), columns: ArrayView(sorted.map { UInt32($0.column) }),
                values: .float32(ArrayView(sorted.map(\.value))), columnCount: columnCount)
        }
        return RatingMatrix(
            byUser: rows(users, items, triples.map { ($0.user, $0.item, $0.value) }),
            byItem: rows(items, users, triples.map { ($0.item, $0.user, $0.value) }))
    }

    /// Ratings of a planted model of rank 3 with noise, rounded to half stars, and a tenth of them held out.
    /// Users' and items' numbers of ratings fall with their row, steeply, as in real data; the last ones have none.
    public static func planted(
        users: Int, items: Int, ratings: Int, seed: UInt64
    ) -> (training: RatingMatrix, holdout: RatingMatrix) {
        var generator = SeededGenerator(seed: seed)
        func factors(_ count: Int) -> [[Double]] {
            (0..<count).map { _ in (0..<3).map { _ in .random(in: -1...1, using: &generator) } }
        }
        let (userFactors, itemFactors) = (factors(users), factors(items))
        func draw(_ count: Int) -> Int {
            let uniform = Double.random(in: 0..<1, using: &generator)
            return min(Int(uniform * uniform * Double(count)), max(count - 2, 0))
        }
        var seen: Set<Int> = []
        var training: [Triple] = []
        var holdout: [Triple] = []
        for _ in 0..<ratings {
            let (user, item) = (draw(users), draw(items))
            guard seen.insert(user * items + item).inserted else { continue }
            let dot = zip(userFactors[user], itemFactors[item]).reduce(0) { $0 + $1.0 * $1.1 }
            let noisy = 3 + 1.5 * dot + .random(in: -0.3...0.3, using: &generator)
            let triple = (user, item, Float(min(max((noisy * 2).rounded() / 2, 0.5), 5)))
            if Double.random(in: 0..<1, using: &generator) < 0.1 {
                holdout.append(triple)
            } else {
                training.append(triple)
            }
        }
        return (matrix(training, users: users, items: items), matrix(holdout, users: users, items: items))
    }
}
