// Why: generated ratings are determined by a handful of numbers, which a store keeps so that anyone can make it again.

import Failures
import Foundation

/// What determines generated ratings.
public struct GeneratorConfiguration: Codable, Sendable, Hashable {
    /// 1 to ``RatingStore/maximumRowCount``; each has at least one rating.
    public var users: Int
    public var items: Int
    /// At least one for every user and item, at most one for every pair.
    public var ratings: Int
    /// The rank of the planted signal, biases not counted; 0 plants biases only.
    public var rank: Int
    /// The standard deviation of the noise before rounding, in stars.
    public var noise: Double
    public var seed: UInt64

    public static let defaultRank = 4
    public static let defaultNoise = 0.9
    public static let rankRange = 0...256
    public static let noiseRange = 0.0...10.0

    public init(
        users: Int, items: Int, ratings: Int, rank: Int = defaultRank, noise: Double = defaultNoise,
        seed: UInt64 = 1
    ) {
        self.users = users
        self.items = items
        self.ratings = ratings
        self.rank = rank
        self.noise = noise
        self.seed = seed
    }

    /// The size of the Netflix Prize's training set.
    public static let netflix = GeneratorConfiguration(users: 480_189, items: 17_770, ratings: 100_480_507)

    /// A size written as `USERSxITEMSxRATINGS`; nil when `size` is not that.
    public init?(size: String) {
        let parts = size.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 3, let users = parts[0], let items = parts[1], let ratings = parts[2] else { return nil }
        self.init(users: users, items: items, ratings: ratings)
    }

    /// - Throws: a ``Failure`` of kind `usage` when there are no such ratings.
    public func validate() throws(Failure) {
        let rows = 1...RatingStore.maximumRowCount
        for (side, count) in [(Side.user, users), (.item, items)] where !rows.contains(count) {
            throw Failure(.usage, "\(count) \(side)s", remedy: "give from 1 to \(rows.upperBound)")
        }
        let (cells, overflow) = users.multipliedReportingOverflow(by: items)
        let most = overflow ? Int.max : cells
        guard (max(users, items)...most).contains(ratings) else {
            throw Failure(
                .usage, "\(ratings) ratings of \(items) items by \(users) users",
                remedy: "give from \(max(users, items)), one for each user and item, to \(most), one for each pair")
        }
        guard Self.rankRange.contains(rank) else {
            throw Failure(.usage, "a planted rank of \(rank)", remedy: "give from 0 to \(Self.rankRange.upperBound)")
        }
        guard Self.noiseRange.contains(noise) else {
            throw Failure(.usage, "noise of \(noise)", remedy: "give from 0 to \(Self.noiseRange.upperBound)")
        }
    }

    /// Bytes of the planted rows: weight, count, bias and factors of each, and the table that draws items.
    var rowByteCount: Double { (Double(users) + Double(items)) * Double(32 + 4 * rank) }

    /// Bytes of generated ratings at the most: triples of 12 bytes, and what they are sorted into.
    var ratingByteCount: Double { Double(ratings) * 24 }

    /// - Throws: a ``Failure`` of kind `system` when the machine has no `byteCount` of memory.
    func requireMemory(_ byteCount: Double) throws(Failure) {
        let room = Double(ProcessInfo.processInfo.physicalMemory)
        guard byteCount <= room else {
            func gigabytes(_ count: Double) -> String { String(format: "%.1f GB", count / 1e9) }
            throw Failure(
                .system, "this takes \(gigabytes(byteCount)) of memory, and the machine has \(gigabytes(room))",
                remedy: "generate fewer ratings, users or items; or a text by user (csv, tsv, movielens)")
        }
    }
}
