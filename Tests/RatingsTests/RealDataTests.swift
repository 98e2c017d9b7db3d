// Why: real files have quirks that nobody thinks of. These tests run where MF_DATA names a folder with the data sets
// (docs/HANDBOOK.md says which), and are reported as skipped elsewhere.

import Foundation
import Ratings
import TestKit
import Testing

@Suite struct RealDataTests {
    private static func isThere(_ file: String) -> Bool { RealData.path(file) != nil }

    private func outcome(_ file: String, split: RatingImporter.Split = .none) throws -> RatingImporter.Outcome {
        try RatingImporter(inputs: [try #require(RealData.path(file))], split: split).run()
    }

    @Test(.enabled("MF_DATA has no ml-100k") { isThere("ml-100k/u.data") })
    func movieLens100K() throws {
        let description = try outcome("ml-100k/u.data").store.description
        #expect(description.users == 943 && description.items == 1682 && description.ratings == 100_000)
        #expect(description.source?.format == "movielens")
        #expect(abs(description.mean - 3.52986) < 1e-9)
    }

    @Test(.enabled("MF_DATA has no ml-100k") { isThere("ml-100k/u1.test") }, arguments: 1...5)
    func thePublishedFoldsOfMovieLens100K(_ fold: Int) throws {
        let test = try #require(RealData.path("ml-100k/u\(fold).test"))
        let whole = try outcome("ml-100k/u.data", split: .file(test))
        #expect(whole.takenOut == 20_000)
        let base = try outcome("ml-100k/u\(fold).base", split: .file(test))
        #expect(base.takenOut == 0)
        #expect(base.store.fingerprint == whole.store.fingerprint)
        #expect(base.store.ratings.count == 80_000 && base.store.holdout?.count == 20_000)
    }

    @Test(.enabled("MF_DATA has no ml-1m") { isThere("ml-1m/ratings.dat") })
    func movieLens1M() throws {
        let description = try outcome("ml-1m/ratings.dat").store.description
        #expect(description.users == 6040 && description.items == 3706 && description.ratings == 1_000_209)
        #expect(description.source?.format == "movielens")
    }

    @Test(.enabled("MF_DATA has no ml-latest-small") { isThere("ml-latest-small/ratings.csv") })
    func movieLensLatestSmall() throws {
        let description = try outcome("ml-latest-small/ratings.csv").store.description
        #expect(description.users == 610 && description.items == 9724 && description.ratings == 100_836)
        #expect(description.valueEncoding.denominator == 2 && description.minimum == 0.5 && description.maximum == 5)
    }

    @Test(.enabled("MF_DATA has no netflix-sample") { isThere("netflix-sample/training_set") })
    func theNetflixFolderAndTheCombinedFileGiveTheSameArrays() throws {
        let folder = try TemporaryFolder()
        try outcome("netflix-sample/training_set").store.save(to: folder("folder"))
        try outcome("netflix-sample/combined_data_1.head.txt").store.save(to: folder("combined"))
        for file in try FileManager.default.contentsOfDirectory(atPath: folder("folder"))
        where file != RatingStore.marker {
            #expect(
                FileManager.default.contentsEqual(
                    atPath: folder("folder/" + file), andPath: folder("combined/" + file)), "\(file)")
        }
        let description = try RatingStore.open(folder("combined")).description
        #expect(description.users == 38_152 && description.items == 20 && description.ratings == 42_813)
    }

    @Test(.enabled("MF_DATA has no netflix-sample") { isThere("netflix-sample/probe.movies1-20.txt") })
    func theNetflixProbeIsHeldOut() throws {
        let probe = try #require(RealData.path("netflix-sample/probe.movies1-20.txt"))
        let outcome = try outcome("netflix-sample/training_set", split: .file(probe))
        let lines = try String(contentsOfFile: probe, encoding: .utf8).split(whereSeparator: \.isNewline)
        #expect(outcome.takenOut == lines.count { !$0.hasSuffix(":") })
        #expect(outcome.store.holdout?.count == outcome.takenOut)
        #expect(outcome.store.ratings.count == 42_813 - outcome.takenOut)
    }

    @Test(.enabled("MF_DATA has no gowalla") { isThere("gowalla/train.txt") })
    func gowallaAsLightGCNsAuthorsSplitIt() throws {
        let test = try #require(RealData.path("gowalla/test.txt"))
        let outcome = try outcome("gowalla/train.txt", split: .file(test))
        let description = outcome.store.description
        #expect(description.source?.format == "adjacency" && outcome.takenOut == 0)
        #expect(description.users == 29_858 && description.items == 40_981)
        #expect(description.ratings == 810_128 && description.holdoutRatings == 217_242)
    }
}
