// Why: the same ratings give the same store, byte for byte, in whatever order, files, chunks and threads they come.

import Foundation
import Ratings
import TestKit
import Testing

@Suite struct OrderTests {
    /// The content of every file of a store but its description's source.
    private func files(of store: RatingStore, in folder: TemporaryFolder) throws -> [String: Data] {
        let path = folder("store")
        try store.save(to: path)
        var content: [String: Data] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: path) where name != RatingStore.marker {
            content[name] = try Data(contentsOf: URL(fileURLWithPath: path + "/" + name))
        }
        content["fingerprint"] = Data(try RatingStore.open(path).fingerprint.utf8)
        return content
    }

    @Test func linesFilesChunksAndThreadsDoNotMatter() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededGenerator(seed: seed)
        let ratings = randomRatings(5000, users: 200, items: 150, seed: seed)
        let split = RatingImporter.Split.fraction(0.2, seed: 7)
        let fixture = try ImportFixture()
        let reference = try files(of: fixture.store(of: csv(ratings), split: split), in: fixture.folder)
        for (round, threads) in [1, 2, 3, 8].enumerated() {
            let shuffled = ratings.shuffled(using: &generator)
            let cut = Int.random(in: 1..<ratings.count, using: &generator)
            let paths = [
                try fixture.write(csv(Array(shuffled[..<cut])), "one"),
                try fixture.write(csv(Array(shuffled[cut...])), "two"),
            ]
            var importer = RatingImporter(
                inputs: round % 2 == 0 ? paths : paths.reversed(), split: split, threads: threads)
            importer.chunkByteCount = [64, 1000, 5000, 100_000][round]
            let found = try files(of: try importer.run().store, in: fixture.folder)
            #expect(found == reference, "seed \(seed), \(threads) threads")
        }
    }

    @Test func meansAndSumsOfDuplicatesDoNotDependOnTheOrder() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededGenerator(seed: seed)
        let ratings = (0..<600).map { _ in
            Rating(
                user: "\(Int.random(in: 0..<8, using: &generator))",
                item: "\(Int.random(in: 0..<8, using: &generator))",
                value: Float.random(in: -3...3, using: &generator))
        }
        for policy in [DuplicatePolicy.mean, .sum] {
            let reference = try RatingStore.inMemory(ratings, duplicates: policy)
            for _ in 0..<5 {
                let store = try RatingStore.inMemory(ratings.shuffled(using: &generator), duplicates: policy)
                #expect(store.fingerprint == reference.fingerprint, "seed \(seed), \(policy)")
            }
        }
    }

    @Test func stringIDsDoNotDependOnTheOrderEither() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededGenerator(seed: seed)
        // Only one id is no integer: it is met early in one order and late in another.
        var ratings = randomRatings(2000, users: 100, items: 80, seed: seed)
        ratings[0].user = "x1"
        ratings[1].item = "x2"
        let reference = try RatingStore.inMemory(ratings)
        #expect(reference.userIDs.kind == .strings && reference.itemIDs.kind == .strings)
        let fixture = try ImportFixture()
        for round in 0..<6 {
            let path = try fixture.write(csv(ratings.shuffled(using: &generator)))
            var importer = RatingImporter(inputs: [path], threads: 1 + round % 3)
            importer.chunkByteCount = 500
            #expect(try importer.run().store.fingerprint == reference.fingerprint, "seed \(seed)")
        }
    }
}
