// Why: speed depends on how ratings are spread over users and items, so benchmarks need ratings that are spread as
// real ones are, at any size, without a download. Counts follow those of the Netflix prize: the ratings of a user
// and the popularity of an item are log-normal. Ratings are half stars around a planted low-rank signal with biases
// and noise, so that training has something to find.

import ArrayFiles
import Failures
import Foundation
import Ratings

/// A size of generated ratings, written USERSxITEMSxRATINGS.
struct SyntheticSize {
    var users: Int
    var items: Int
    var ratings: Int

    init?(_ text: String) {
        let parts = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 3, let users = parts[0], let items = parts[1], let ratings = parts[2],
            (1...Int(UInt32.max)).contains(users), (1...Int(UInt32.max)).contains(items), ratings >= 1,
            // Beyond a third of the cells, distinct items become hard to draw.
            ratings / users < items / 3
        else { return nil }
        self.users = users
        self.items = items
        self.ratings = ratings
    }
}

/// Generated ratings, the same for the same size and seed, with about a tenth held out.
struct SyntheticRatings {
    let training: RatingMatrix
    let holdout: RatingMatrix

    private static let signalRank = 8
    /// Of the logarithm of a user's count: the prize's mean of 209 over its median of 96.
    private static let userSpread = (2 * log(209.0 / 96)).squareRoot()
    /// The same of items: 5,650 over 560.
    private static let itemSpread = (2 * log(5_650.0 / 560)).squareRoot()

    init(_ size: SyntheticSize, seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        // Rows are numbered by falling popularity, as a store numbers them.
        let popularity = (0..<size.items).map { _ in exp(Self.itemSpread * generator.normal()) }.sorted(by: >)
        var cumulative: [Double] = []
        cumulative.reserveCapacity(size.items)
        for weight in popularity { cumulative.append((cumulative.last ?? 0) + weight) }
        let activity = (0..<size.users).map { _ in exp(Self.userSpread * generator.normal()) }.sorted(by: >)
        let scale = Double(size.ratings) / activity.reduce(0, +)

        let signal = Signal(size, rank: Self.signalRank, generator: &generator)
        var parts = (training: CellList(rows: size.users), holdout: CellList(rows: size.users))
        var lastUser = [Int32](repeating: -1, count: size.items)
        var columns: [UInt32] = []
        for user in 0..<size.users {
            let count = min(max(Int((activity[user] * scale).rounded()), 1), size.items / 3)
            columns.removeAll(keepingCapacity: true)
            // A user who has seen most of what is popular may end with fewer: the draws are bounded.
            for _ in 0..<4 * count where columns.count < count {
                let item = Self.position(of: generator.uniform() * cumulative.last!, in: cumulative)
                guard lastUser[item] != Int32(user) else { continue }
                lastUser[item] = Int32(user)
                columns.append(UInt32(item))
            }
            columns.sort()
            for column in columns {
                let stars = signal.halfStars(user: user, item: Int(column), generator: &generator)
                if generator.next() % 10 == 0 {
                    parts.holdout.append(column, stars)
                } else {
                    parts.training.append(column, stars)
                }
            }
            parts.training.endRow()
            parts.holdout.endRow()
        }
        training = parts.training.matrix(columnCount: size.items)
        holdout = parts.holdout.matrix(columnCount: size.items)
    }

    /// The first position whose cumulative weight is above `target`.
    private static func position(of target: Double, in cumulative: [Double]) -> Int {
        var (low, high) = (0, cumulative.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if cumulative[middle] > target { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

/// What the ratings are made of: a mean, biases, a low-rank product and noise.
private struct Signal {
    let rank: Int
    let users: [Float]
    let items: [Float]
    let userBias: [Float]
    let itemBias: [Float]

    init(_ size: SyntheticSize, rank: Int, generator: inout SplitMix64) {
        self.rank = rank
        // The product of the factors has variance 0.5^2.
        let width = (0.5 / Float(rank).squareRoot()).squareRoot()
        users = (0..<size.users * rank).map { _ in width * Float(generator.normal()) }
        items = (0..<size.items * rank).map { _ in width * Float(generator.normal()) }
        userBias = (0..<size.users).map { _ in 0.4 * Float(generator.normal()) }
        itemBias = (0..<size.items).map { _ in 0.4 * Float(generator.normal()) }
    }

    /// 1 to 10.
    func halfStars(user: Int, item: Int, generator: inout SplitMix64) -> UInt8 {
        var rating = 3.5 + userBias[user] + itemBias[item] + 0.75 * Float(generator.normal())
        for index in 0..<rank { rating += users[user * rank + index] * items[item * rank + index] }
        return UInt8(min(max((2 * rating).rounded(), 1), 10))
    }
}

/// Cells of a matrix, row after row.
private struct CellList {
    var offsets: [Int64] = [0]
    var columns: [UInt32] = []
    var values: [UInt8] = []

    init(rows: Int) { offsets.reserveCapacity(rows + 1) }

    mutating func append(_ column: UInt32, _ value: UInt8) {
        columns.append(column)
        values.append(value)
    }

    mutating func endRow() { offsets.append(Int64(columns.count)) }

    private func rows(columnCount: Int) -> CompressedRows {
        CompressedRows(
            offsets: ArrayView(offsets), columns: ArrayView(columns), values: .uint8(ArrayView(values), denominator: 2),
            columnCount: columnCount)
    }

    /// Both orders; the second by a counting sort.
    func matrix(columnCount: Int) -> RatingMatrix {
        var turned = CellList(rows: columnCount)
        turned.offsets = Array(repeating: 0, count: columnCount + 1)
        turned.columns = Array(repeating: 0, count: columns.count)
        turned.values = Array(repeating: 0, count: columns.count)
        for column in columns { turned.offsets[Int(column) + 1] += 1 }
        for column in 0..<columnCount { turned.offsets[column + 1] += turned.offsets[column] }
        var next = turned.offsets
        for row in 0..<offsets.count - 1 {
            for index in Int(offsets[row])..<Int(offsets[row + 1]) {
                let column = Int(columns[index])
                turned.columns[Int(next[column])] = UInt32(row)
                turned.values[Int(next[column])] = values[index]
                next[column] += 1
            }
        }
        return RatingMatrix(byUser: rows(columnCount: columnCount), byItem: turned.rows(columnCount: offsets.count - 1))
    }
}

extension SplitMix64 {
    /// In [0, 1).
    fileprivate mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Mean 0, variance 1 (Box and Muller 1958).
    fileprivate mutating func normal() -> Double {
        (-2 * log(1 - uniform())).squareRoot() * cos(2 * .pi * uniform())
    }
}
