// Why: generated ratings stand in for real ones, so their numbers must be what was asked for, their spread like the
// Netflix Prize's, and their bytes the same on any number of threads and by way of any text.

import Failures
import Foundation
import Ratings
import TestKit
import Testing

@Suite struct GeneratorTests {
    private static let small = GeneratorConfiguration(users: 700, items: 150, ratings: 9000, seed: 3)

    private func counts(_ rows: CompressedRows) -> [Int] { (0..<rows.rowCount).map { rows.range(of: $0).count } }

    @Test(arguments: [
        small, .init(users: 1, items: 1, ratings: 1), .init(users: 5, items: 3, ratings: 5),
        .init(users: 3, items: 50, ratings: 50), .init(users: 40, items: 30, ratings: 1199),
        .init(users: 40, items: 30, ratings: 1200), .init(users: 2000, items: 2000, ratings: 2000),
        .init(users: 20, items: 100_000, ratings: 110_000),
        .init(users: 30, items: 20, ratings: 400, rank: 0, noise: 0),
    ])
    func thereAreAsManyAsAskedForAndEveryRowHasOne(_ configuration: GeneratorConfiguration) throws {
        let store = try RatingGenerator(configuration).store()
        #expect(store.ratings.count == configuration.ratings && store.holdout == nil)
        let (users, items) = (counts(store.ratings.byUser), counts(store.ratings.byItem))
        #expect(users.count == configuration.users && items.count == configuration.items)
        #expect(users.min()! >= 1 && items.min()! >= 1)
        #expect(store.ratings.byUser.defect() == nil && store.ratings.byItem.defect() == nil)
        #expect(Set(store.userNames) == Set((1...configuration.users).map(String.init)))
        #expect(store.description.minimum >= 1 && store.description.maximum <= 5)
        #expect(store.description.valueEncoding == ValueEncoding(elementType: .uint8, denominator: 1))
    }

    @Test func countsAreSpreadAsNetflixs() throws {
        // A fortieth of the users, and so of an item's ratings.
        let configuration = GeneratorConfiguration(users: 12_005, items: 17_770, ratings: 2_512_013)
        let ratings = try RatingGenerator(configuration).store().ratings
        let (users, items) = (counts(ratings.byUser).sorted(), counts(ratings.byItem).sorted())
        #expect(abs(users[users.count / 2] - 96) <= 5, "\(users[users.count / 2])")
        #expect(abs(items[items.count / 2] - 560 / 40) <= 4, "\(items[items.count / 2])")
        // The prize's most rated film had 48% of the users, its most eager user nearly all films.
        #expect(items.last! > users.count / 3 && users.last! > items.count / 4)
    }

    @Test func threadsDoNotMatterAndTheSeedDoes() throws {
        func store(_ seed: UInt64, _ threads: Int) throws -> RatingStore {
            // Two chunks and more.
            let configuration = GeneratorConfiguration(users: 3000, items: 900, ratings: 600_000, seed: seed)
            return try RatingGenerator(configuration, threads: threads).store(holdout: 0.1)
        }
        let one = try store(1, 1)
        let three = try store(1, 3)
        #expect(one.fingerprint == three.fingerprint)
        #expect(one.description.source == three.description.source)
        #expect(try one.fingerprint != store(2, 1).fingerprint)
    }

    @Test(arguments: RatingFormat.generated)
    func aTextIsImportedToTheSameStore(_ format: RatingFormat) throws {
        let folder = try TemporaryFolder()
        for (threads, configuration) in [
            (1, Self.small), (3, .init(users: 900, items: 700, ratings: 300_000, seed: 5)),
        ] {
            let generator = try RatingGenerator(configuration, threads: threads)
            let floor = try generator.write(format, to: folder("ratings"))
            let split = RatingImporter.Split.fraction(0.2, seed: configuration.seed)
            let imported = try RatingImporter(inputs: [folder("ratings")], split: split).run().store
            #expect(imported.description.source?.format == format.rawValue)
            #expect(try imported.fingerprint == generator.store(holdout: 0.2).fingerprint)
            #expect(try floor == generator.store().description.source?.noiseFloor)
            try FileManager.default.removeItem(atPath: folder("ratings"))
        }
        #expect(folder.content.isEmpty)
    }

    @Test func aStoreKnowsHowItWasMade() throws {
        let folder = try TemporaryFolder()
        try RatingGenerator(Self.small).store(holdout: 0.1).save(to: folder("store"))
        let store = try RatingStore.open(folder("store"))
        let source = try #require(store.description.source)
        #expect(source.generated == Self.small && source.holdoutFraction == 0.1 && source.seed == Self.small.seed)
        #expect(try RatingGenerator(#require(source.generated)).store(holdout: 0.1).fingerprint == store.fingerprint)
        #expect(store.holdout.map { abs($0.count - 900) < 150 } == true)
    }

    @Test func theNoiseFloorIsThatOfTheNoise() throws {
        func floor(_ noise: Double, rank: Int = 4) throws -> Double {
            let configuration = GeneratorConfiguration(users: 700, items: 150, ratings: 9000, rank: rank, noise: noise)
            return try #require(try RatingGenerator(configuration).store().description.source?.noiseFloor)
        }
        #expect(try floor(0) == 0)
        // Rounding alone has variance 1/12, though less where little noise seldom changes the star.
        #expect(try (0.15...0.3).contains(floor(0.1)))
        // The ends of the scale cut a part of the noise off.
        #expect(try (0.8...(0.81 + 1.0 / 12).squareRoot()).contains(floor(0.9)))
        #expect(try abs(floor(0.9) - floor(0.9, rank: 0)) < 0.05)
        // With much noise ratings are 1 or 5 by the toss of a coin, or nearly so: at most 2 from their mean of 3.
        #expect(try (1.7...2).contains(floor(10)))
    }

    @Test(arguments: [
        GeneratorConfiguration(users: 0, items: 5, ratings: 5), .init(users: 5, items: -1, ratings: 5),
        .init(users: 5, items: 6, ratings: 5), .init(users: 5, items: 6, ratings: 31),
        .init(users: .max, items: 5, ratings: .max), .init(users: 1 << 31, items: 1 << 33, ratings: .max),
        .init(users: 5, items: 5, ratings: 9, rank: -1), .init(users: 5, items: 5, ratings: 9, rank: 257),
        .init(users: 5, items: 5, ratings: 9, noise: .nan), .init(users: 5, items: 5, ratings: 9, noise: -1),
    ])
    func whatCannotBeIsAUsageError(_ configuration: GeneratorConfiguration) throws {
        let failure = #expect(throws: Failure.self) { try RatingGenerator(configuration) }
        #expect(failure?.kind == .usage && failure?.remedy.isEmpty == false)
    }

    @Test func whatDoesNotFitInMemoryIsAnErrorAtOnce() throws {
        let rows = RatingStore.maximumRowCount
        let failure = #expect(throws: Failure.self) {
            try RatingGenerator(.init(users: rows, items: rows, ratings: .max, rank: 256))
        }
        #expect(failure?.kind == .system && failure?.remedy.isEmpty == false)
        let many = try RatingGenerator(.init(users: 50_000, items: 2_000_000, ratings: 100_000_000_000))
        #expect(#expect(throws: Failure.self) { try many.store() }?.kind == .system)
    }

    @Test func aHoldoutOfNothingOrAllIsAnError() throws {
        let generator = try RatingGenerator(.init(users: 2, items: 2, ratings: 2))
        for fraction in [0, 1, -0.1, Double.nan] {
            #expect(throws: Failure.self) { try generator.store(holdout: fraction) }
        }
        #expect(#expect(throws: Failure.self) { try generator.store(holdout: 1e-9) }?.kind == .badData)
        #expect(#expect(throws: Failure.self) { try generator.store(holdout: 1 - 1e-9) }?.kind == .badData)
    }

    @Test func aTextNeverReplacesAnything() throws {
        let folder = try TemporaryFolder()
        try "mine".write(toFile: folder("file"), atomically: true, encoding: .utf8)
        let generator = try RatingGenerator(Self.small)
        for path in [folder("file"), folder.path, folder("missing/file")] {
            #expect(#expect(throws: Failure.self) { try generator.write(.csv, to: path) }?.kind == .cannotCreate)
        }
        #expect(folder.content == ["file"] && FileManager.default.contents(atPath: folder("file")) == Data("mine".utf8))
    }

    @Test(arguments: [RatingFormat.csv, .netflix]) func whatIsStoppedLeavesNothing(_ format: RatingFormat) throws {
        let folder = try TemporaryFolder()
        let generator = try RatingGenerator(Self.small)
        #expect(throws: Failure(.tryAgain, "stopped")) {
            try generator.write(
                format, to: folder("text"), checkpoint: { () throws(Failure) in throw Failure(.tryAgain, "stopped") })
        }
        #expect(folder.content.isEmpty)
    }
}
