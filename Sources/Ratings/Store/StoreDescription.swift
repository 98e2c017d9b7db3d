// Why: `store.json` says what the arrays beside it are, so that a store is understood, and damage to it is found,
// before an array is used. Its keys are in docs/formats.md.

import ArrayFiles
import Failures
import Foundation

/// What a rating store holds: the content of `store.json`.
public struct StoreDescription: Codable, Sendable, Hashable {
    public static let currentFormat = "swift-mf ratings"
    public static let currentFormatVersion = 1

    public var format = currentFormat
    public var formatVersion = currentFormatVersion
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
        case format, users, items, ratings, mean, minimum, maximum, source, fingerprint, checksums
        case formatVersion = "format_version"
        case holdoutRatings = "holdout_ratings"
        case valueEncoding = "value_encoding"
        case userIDs = "user_ids"
        case itemIDs = "item_ids"
    }

    /// What ``fingerprint`` must be.
    var contentFingerprint: String {
        var lines = [
            "\(format) \(formatVersion)", "\(users) \(items) \(ratings) \(holdoutRatings)",
            "\(mean) \(minimum) \(maximum)", "\(valueEncoding.elementType.rawValue) \(valueEncoding.denominator)",
            "\(userIDs.rawValue) \(itemIDs.rawValue)",
        ]
        lines += checksums.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        return Checksum.text(Array(lines.joined(separator: "\n").utf8).withUnsafeBytes(Checksum.of))
    }

    /// Ratings, held-out ones included, over users times items.
    public var density: Double { Double(ratings + holdoutRatings) / (Double(users) * Double(items)) }
}

/// How the ratings of a store were imported. Names of files are without their folders.
public struct RatingSource: Codable, Sendable, Hashable {
    public var files: [String]
    public var format: String
    /// The fraction of ratings held out, and the seed that chose them.
    public var holdoutFraction: Double?
    public var seed: UInt64?
    /// The file of held-out ratings.
    public var testFile: String?

    enum CodingKeys: String, CodingKey {
        case files, format, seed
        case holdoutFraction = "holdout_fraction"
        case testFile = "test_file"
    }
}

// MARK: - On disk

extension StoreDescription {
    /// The bytes of `store.json`.
    func encoded() throws(Failure) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(self)) + [UInt8(ascii: "\n")]
        } catch {
            throw Failure(.software, "the store's description cannot be written as JSON: \(error)")
        }
    }

    /// Reads `store.json` at `path` and checks that it contradicts neither itself nor this version of the program.
    static func read(_ path: String) throws(Failure) -> StoreDescription {
        struct Version: Decodable {
            var format: String
            var format_version: Int
        }
        func bad(_ what: String, remedy: String = "import the ratings again") -> Failure {
            Failure(.badData, what, at: path, remedy: remedy)
        }
        let bytes = Data(try readFile(path))
        let decoder = JSONDecoder()
        guard let version = try? decoder.decode(Version.self, from: bytes) else {
            throw bad("is not the description of a rating store")
        }
        guard version.format == currentFormat else { throw bad("the format is \(version.format), not \(currentFormat)") }
        guard version.format_version == currentFormatVersion else {
            throw bad(
                "format version \(version.format_version), and this program reads \(currentFormatVersion)",
                remedy: "import the ratings again with this version")
        }
        guard let description = try? decoder.decode(StoreDescription.self, from: bytes) else {
            throw bad("a key is missing or of the wrong type")
        }
        let limit = RatingStore.maximumRowCount
        guard (1...limit).contains(description.users), (1...limit).contains(description.items) else {
            throw bad("\(description.users) users and \(description.items) items: must be 1 to \(limit)")
        }
        guard description.ratings >= 1, description.holdoutRatings >= 0 else { throw bad("a number of ratings is negative") }
        guard description.fingerprint == description.contentFingerprint else {
            throw bad("the fingerprint does not fit the content: the file was changed")
        }
        return description
    }
}
