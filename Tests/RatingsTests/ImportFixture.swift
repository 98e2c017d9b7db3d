// Why: import tests write small texts to a folder of their own, import them, and look at the ratings by their ids.

import Failures
import Foundation
import Ratings
import TestKit

/// A folder with rating files.
struct ImportFixture {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Writes a file.
    /// - Returns: its path.
    @discardableResult
    func write(_ bytes: [UInt8], _ name: String = "ratings") throws -> String {
        let path = folder(name)
        try FileManager.default.createDirectory(
            atPath: URL(fileURLWithPath: path).deletingLastPathComponent().path, withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return path
    }

    @discardableResult
    func write(_ text: String, _ name: String = "ratings") throws -> String { try write(Array(text.utf8), name) }

    /// Writes a file and imports it.
    func store(
        of text: String, format: RatingFormat? = nil, split: RatingImporter.Split = .none,
        duplicates: DuplicatePolicy = .error
    ) throws -> RatingStore {
        let path = try write(text)
        return try RatingImporter(inputs: [path], format: format, split: split, duplicates: duplicates).run().store
    }
}

extension RatingMatrix {
    /// All ratings with their ids, by row of `side`.
    func list(_ userIDs: IDMap, _ itemIDs: IDMap, by side: Side = .user) -> [Rating] {
        let rows = side == .user ? byUser : byItem
        var values = [Float](repeating: 0, count: count)
        values.withUnsafeMutableBufferPointer { buffer in
            if let start = buffer.baseAddress { rows.values.decode(0..<count, minus: 0, to: start) }
        }
        return (0..<rows.rowCount).flatMap { row in
            rows.range(of: row).map { index in
                let column = Int(rows.columns[index])
                let (user, item) = side == .user ? (row, column) : (column, row)
                return Rating(user: userIDs.id(of: user), item: itemIDs.id(of: item), value: values[index])
            }
        }
    }
}

extension RatingStore {
    var trainingList: [Rating] { ratings.list(userIDs, itemIDs) }
    var holdoutList: [Rating] { holdout?.list(userIDs, itemIDs) ?? [] }
    var userNames: [String] { (0..<userIDs.count).map(userIDs.id) }
    var itemNames: [String] { (0..<itemIDs.count).map(itemIDs.id) }
}

/// Random ratings of distinct pairs; ids are integers, the values half stars.
func randomRatings(_ count: Int, users: Int, items: Int, seed: UInt64) -> [Rating] {
    var generator = SeededGenerator(seed: seed)
    var pairs: Set<Int> = []
    while pairs.count < count {
        // Squaring makes the counts uneven, as in real data.
        let uniform = Double.random(in: 0..<1, using: &generator)
        let user = Int(uniform * uniform * Double(users))
        pairs.insert(user * items + Int.random(in: 0..<items, using: &generator))
    }
    return pairs.sorted().map { pair in
        Rating(
            user: "\(pair / items * 3 + 1)", item: "\(pair % items * 7)",
            value: Float(Int.random(in: 1...10, using: &generator)) / 2)
    }
}

/// The lines `user,item,rating`.
func csv(_ ratings: [Rating]) -> String {
    ratings.map { "\($0.user),\($0.item),\($0.value)\n" }.joined()
}
