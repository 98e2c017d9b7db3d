// Why: `store.json` says what the arrays beside it are, so that a store is understood, and damage to it is found,
// before an array is used. Its keys are in docs/formats.md.

import ArrayFiles
import Failures

/// What a rating store holds: the content of `store.json`.
public struct StoreDescription: SealedDocument, Sendable, Hashable {
    public static let format = "swift-mf ratings"
    public static let formatVersion = 1

    /// Rows of each side, those included that occur in held-out ratings only.
    public var users: Int
    public var items: Int
    /// Training ratings; at least 1.
    public var ratings: Int
    public var holdoutRatings: Int
    /// Of the training ratings: their mean (summed in double), least and greatest value.
    public var mean: Double
    public var minimum: Float
    public var maximum: Float
    /// Of training and held-out ratings.
    public var valueEncoding: ValueEncoding
    public var userIDs: IDMap.Kind
    public var itemIDs: IDMap.Kind
    /// Where the ratings come from; nil when they were made in memory.
    public var source: RatingSource?
    /// XXH64 over everything above but the source, and over the checksums; equal for equal content.
    public var fingerprint = ""
    /// XXH64 of each array's elements or text file's bytes, by file name.
    public var checksums: [String: String]

    enum CodingKeys: String, CodingKey {
        case users, items, ratings, mean, minimum, maximum, source, fingerprint, checksums
        case holdoutRatings = "holdout_ratings"
        case valueEncoding = "value_encoding"
        case userIDs = "user_ids"
        case itemIDs = "item_ids"
    }

    /// What ``fingerprint`` must be.
    var contentFingerprint: String {
        var lines = [
            "\(Self.format) \(Self.formatVersion)", "\(users) \(items) \(ratings) \(holdoutRatings)",
            "\(mean) \(minimum) \(maximum)", "\(valueEncoding.elementType.rawValue) \(valueEncoding.denominator)",
            "\(userIDs.rawValue) \(itemIDs.rawValue)",
        ]
        lines += checksums.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        return Checksum.text(Array(lines.joined(separator: "\n").utf8).withUnsafeBytes(Checksum.of))
    }

    /// Ratings, held-out ones included, over users times items.
    public var density: Double { Double(ratings + holdoutRatings) / (Double(users) * Double(items)) }
}

/// How the ratings of a store were imported or generated. Names of files are without their folders.
public struct RatingSource: Codable, Sendable, Hashable {
    public var files: [String]
    public var format: String
    /// The fraction of ratings held out, and the seed that chose them.
    public var holdoutFraction: Double?
    public var seed: UInt64?
    /// The file of held-out ratings.
    public var testFile: String?
    /// What determined the ratings, when they were generated; there are no files then.
    public var generated: GeneratorConfiguration?
    /// Of generated ratings: the root mean squared error of the best possible predictions, those of who knows what was
    /// planted, on the held-out ratings, or on all when none are held out. No model can be expected to get below it.
    public var noiseFloor: Double?

    enum CodingKeys: String, CodingKey {
        case files, format, seed, generated
        case holdoutFraction = "holdout_fraction"
        case testFile = "test_file"
        case noiseFloor = "noise_floor"
    }
}

extension StoreDescription {
    /// Reads `store.json` at `path`.
    /// - Throws: a ``Failure`` of kind `badData` when it is not what this program writes.
    static func read(_ path: String) throws(Failure) -> StoreDescription {
        let description = try SealedJSON.read(StoreDescription.self, at: path)
        func bad(_ what: String) -> Failure { Failure(.badData, what, at: path, remedy: "import the ratings again") }
        let limit = RatingStore.maximumRowCount
        guard (1...limit).contains(description.users), (1...limit).contains(description.items) else {
            throw bad("\(description.users) users and \(description.items) items: must be 1 to \(limit)")
        }
        guard description.ratings >= 1, description.holdoutRatings >= 0 else {
            throw bad(
                "\(description.ratings) ratings and \(description.holdoutRatings) held out: must be 1 and 0 at least")
        }
        return description
    }
}
