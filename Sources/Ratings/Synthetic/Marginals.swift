// Why: speed and accuracy depend on how ratings are spread over users and items, so generated ones are spread as the
// Netflix Prize's were:
//
//     ratings of a user     log-normal: median 96, mean 209
//     ratings of an item    about log-normal: median about 560, mean 5,650; an item cannot have more than all users
//
// The spreads below give these figures at the prize's size; at others, means are what they must be, and shapes stay.

import Glibc

/// How many ratings each user has, and how popular each item is.
struct Marginals: Sendable {
    /// Of the logarithm of a user's count: sqrt(2 ln(mean / median)).
    static let userSpread = (2 * log(209.0 / 96)).squareRoot()
    /// Of the logarithm of an item's weight in a draw. Counts are less spread than weights, for a user rates an item
    /// but once; so this is not sqrt(2 ln(5650 / 560)) = 2.15 but what makes the median of the counts 560.
    static let itemSpread = 2.65

    /// Where each user's ratings begin among all, and the number of all.
    let offsets: [Int]

    /// - Parameters:
    ///   - activity: what the users' counts are proportional to, as far as rounding and the bounds allow.
    ///   - total: the sum of the counts, from one to `most` a user.
    init(activity: [Double], total: Int, most: Int) {
        func count(_ weight: Double, _ scale: Double) -> Int {
            Int(min(max((weight * scale).rounded(), 1), Double(most)))
        }
        func sum(_ scale: Double) -> Int { activity.reduce(0) { $0 + count($1, scale) } }
        // The greatest scale with a sum of at most `total`: doubling to above it, then halving the interval.
        var (low, high) = (0.0, Double(total) / activity.reduce(0, +))
        while high < 0x1p900, sum(high) <= total { (low, high) = (high, 2 * high) }
        for _ in 0..<60 {
            let middle = (low + high) / 2
            if sum(middle) <= total { low = middle } else { high = middle }
        }
        var counts = activity.map { count($0, low) }
        var rest = total - counts.reduce(0, +)
        while rest > 0 {
            for user in counts.indices where rest > 0 && counts[user] < most {
                counts[user] += 1
                rest -= 1
            }
        }
        var offsets = [0]
        offsets.reserveCapacity(counts.count + 1)
        for count in counts { offsets.append(offsets[offsets.count - 1] + count) }
        self.offsets = offsets
    }

    /// Users cut into runs with about `size` ratings. They depend on the ratings alone, not on threads.
    func chunks(of size: Int) -> [Range<Int>] {
        var chunks: [Range<Int>] = []
        var start = 0
        for user in 1..<offsets.count where offsets[user] - offsets[start] >= size || user == offsets.count - 1 {
            chunks.append(start..<user)
            start = user
        }
        return chunks
    }
}
