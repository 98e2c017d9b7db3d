// Why: every format, and every harmless variation of one, gives the same store.

import Failures
import Foundation
import Ratings
import Testing

@Suite struct FormatTests {
    /// What each text below says.
    private static let ratings = [
        Rating(user: "1", item: "10", value: 5), Rating(user: "1", item: "20", value: 3.5),
        Rating(user: "2", item: "10", value: 4), Rating(user: "30", item: "20", value: 1),
    ]

    struct Sample: Sendable, CustomTestStringConvertible {
        var name: String
        var text: String
        /// What `auto` says of it.
        var layout: String
        var format: RatingFormat?
        var testDescription: String { name }

        init(_ name: String, _ text: String, _ layout: String, format: RatingFormat? = nil) {
            (self.name, self.text, self.layout, self.format) = (name, text, layout, format)
        }
    }

    static let samples = [
        Sample(
            "MovieLens", "1::10::5::978\n1::20::3.5::978\n2::10::4::978\n30::20::1::978\n",
            "movielens (user::item::rating::...)"),
        Sample(
            "MovieLens without timestamps", "1::10::5\n1::20::3.5\n2::10::4\n30::20::1\n",
            "movielens (user::item::rating)"),
        Sample(
            "MovieLens 100K", "1\t10\t5\t88\n1\t20\t3.5\t88\n2\t10\t4\t88\n30\t20\t1\t88\n",
            "movielens (user<tab>item<tab>rating<tab>...)"),
        Sample(
            "CSV with a header",
            "userId,movieId,rating,timestamp\n1,10,5.0,964\n1,20,3.5,964\n2,10,4.0,964\n30,20,1.0,964\n",
            "csv with a header (userId, movieId, rating)"),
        Sample(
            "CSV with columns in another order",
            "timestamp,Score,item_id,extra,user_id\n9,5,10,x,1\n9,3.5,20,,1\n9,4,10,y,2\n9,1,20,z,30\n",
            "csv with a header (user_id, item_id, Score)"),
        Sample(
            "CSV without a header", "1,10,5,964\n1,20,3.5,964\n2,10,4,964\n30,20,1,964\n", "csv (user,item,rating,...)"),
        Sample("CSV of three columns", "1,10,5\n1,20,3.5\n2,10,4\n30,20,1\n", "csv (user,item,rating)"),
        Sample(
            "quoted fields with commas, quotes and CR LF",
            "\"userId\",\"title, year\",\"movieId\",\"rating\"\r\n\"1\",\"a, \"\"b\"\", c\",\"10\",\"5.0\"\r\n1,\"\",20,\"3.5\"\r\n2,plain,10,4\r\n\"30\" , \"x,y\" ,\"20\", 1\r\n",
            "csv with a header (userId, movieId, rating)"),
        Sample("TSV", "1\t10\t5\n1\t20\t3.5\n2\t10\t4\n30\t20\t1\n", "tsv (user<tab>item<tab>rating)"),
        Sample(
            "TSV with a text column", "1\t10\t5\ta \"b\n1\t20\t3.5\t\n2\t10\t4\t\"\n30\t20\t1\tc d\n",
            "tsv (user<tab>item<tab>rating<tab>...)"),
        Sample(
            "blanks", "  1 10  5 x\n1\t20 3.5 y\n2 10 4 z\n30   20 1 x\n", "tsv (user<tab>item<tab>rating)",
            format: .tsv),
        Sample("blanks of all widths", "1 10  5\n1   20 3.5\n 2 10\t4  \n30 20 1\n", "tsv (user item rating)"),
        Sample(
            "RecBole",
            "user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t10\t5\t88\n1\t20\t3.5\t88\n2\t10\t4\t88\n30\t20\t1\t88\n",
            "tsv with a header (user_id:token, item_id:token, rating:float)"),
        Sample(
            "Netflix", "10:\n1,5,2005-09-06\n2,4,2005-05-13\n20:\n30,1,2005-10-19\n1,3.5,2005-12-26\n",
            "netflix (item: lines, each with its user,rating,date)"),
        Sample(
            "Netflix with CR LF",
            "10:\r\n1,5,2005-09-06\r\n2,4,2005-05-13\r\n20: \r\n30,1,2005-10-19\r\n1,3.5,2005-12-26\r\n",
            "netflix (item: lines, each with its user,rating,date)"),
        Sample(
            "CR LF", "1::10::5::978\r\n1::20::3.5::978\r\n2::10::4::978\r\n30::20::1::978\r\n",
            "movielens (user::item::rating::...)"),
        Sample("a byte order mark", "\u{FEFF}1,10,5\n1,20,3.5\n2,10,4\n30,20,1\n", "csv (user,item,rating)"),
        Sample(
            "a byte order mark and a header", "\u{FEFF}user,item,rating\n1,10,5\n1,20,3.5\n2,10,4\n30,20,1\n",
            "csv with a header (user, item, rating)"),
        Sample("blank lines", "\n1,10,5\n\n1,20,3.5\n2,10,4\n30,20,1\n \n\r\n\n", "csv (user,item,rating)"),
        Sample(
            "blank lines before a header", "\n\r\nuser,item,rating\n1,10,5\n1,20,3.5\n2,10,4\n30,20,1\n",
            "csv with a header (user, item, rating)"),
        Sample(
            "Matrix Market",
            "%%MatrixMarket matrix coordinate real general\n% made by hand\n%\n30 20 4\n1 10 5.0\n1 20 3.5\n\n 2  10 4e0 \n30\t20 1\n",
            "matrix-market (user item rating)"),
        Sample(
            "Matrix Market with CR LF",
            "%%MatrixMarket MATRIX Coordinate Real general\r\n30 20 4\r\n1 10 5\r\n1 20 3.5\r\n2 10 4\r\n30 20 1",
            "matrix-market (user item rating)", format: .matrixMarket),
        Sample("no final line feed", "1,10,5\n1,20,3.5\n2,10,4\n30,20,1", "csv (user,item,rating)"),
        Sample("CR LF without a final LF", "1,10,5\r\n1,20,3.5\r\n2,10,4\r\n30,20,1\r", "csv (user,item,rating)"),
        Sample("spaces around fields", "1 ,10, 5\n1,20,3.5  \n 2,10,4 \n30 , 20 , 1\t\n", "csv (user,item,rating)"),
        Sample(
            "leading zeros and exponents", "01,0010,5e0\n1,20,35E-1\n2,10,+4.\n30,20,0.1e+1\n", "csv (user,item,rating)"
        ),
        Sample(
            "many decimals", "1,10,5.000000000000000\n1,20,3.50000000000000000001\n2,10,4\n30,20,1.00000001\n",
            "csv (user,item,rating)"),
    ]

    @Test(arguments: samples)
    func everyFormatGivesTheSameStore(_ sample: Sample) throws {
        let expected = try RatingStore.inMemory(Self.ratings)
        #expect(Set(expected.trainingList) == Set(Self.ratings))
        let fixture = try ImportFixture()
        let path = try fixture.write(sample.text)
        for chunkByteCount in [1, 7, 16, 64, 4096] {
            var importer = RatingImporter(inputs: [path], format: sample.format, threads: 3)
            importer.chunkByteCount = chunkByteCount
            let outcome = try importer.run()
            #expect(outcome.store.fingerprint == expected.fingerprint, "chunks of \(chunkByteCount) bytes")
            #expect(outcome.store.trainingList == expected.trainingList)
            if sample.format == nil { #expect(outcome.layout == sample.layout) }
        }
    }

    @Test func aNetflixFolderAndTheCombinedFileGiveTheSameStore() throws {
        let fixture = try ImportFixture()
        try fixture.write("10:\n1,5,2005-09-06\n2,4,2005-05-13\n", "set/mv_0000010.txt")
        try fixture.write("20:\n30,1,2005-10-19\n1,3.5,2005-12-26\n", "set/mv_0000020.txt")
        let store = try RatingImporter(inputs: [fixture.folder("set")]).run().store
        #expect(store.fingerprint == (try RatingStore.inMemory(Self.ratings)).fingerprint)
        #expect(store.description.source?.files == ["set"] && store.description.source?.format == "netflix")
    }

    @Test func severalFilesAreOneInput() throws {
        let fixture = try ImportFixture()
        let first = try fixture.write("user,item,rating\n1,10,5\n30,20,1\n", "first.csv")
        let second = try fixture.write("rating,item,user\n4,10,2\n3.5,20,1", "second.csv")
        let store = try RatingImporter(inputs: [first, second]).run().store
        #expect(store.fingerprint == (try RatingStore.inMemory(Self.ratings)).fingerprint)
    }

    @Test func aPipeIsReadLikeAFile() async throws {
        let fixture = try ImportFixture()
        let path = fixture.folder("pipe")
        #expect(mkfifo(path, 0o600) == 0)
        let text = csv(Self.ratings)
        // Opening either end of a pipe waits for the other.
        let written = Task.detached { try Data(text.utf8).append(toPipe: path) }
        let store = try await Task.detached { try RatingImporter(inputs: [path]).run().store }.value
        try await written.value
        #expect(store.fingerprint == (try RatingStore.inMemory(Self.ratings)).fingerprint)
    }

    /// Users with items, each rated 1.
    private static let pairs = [
        Rating(user: "0", item: "3", value: 1), Rating(user: "0", item: "10", value: 1),
        Rating(user: "0", item: "2", value: 1),
        Rating(user: "0", item: "7", value: 1), Rating(user: "2", item: "3", value: 1),
        Rating(user: "5", item: "3", value: 1),
        Rating(user: "5", item: "9", value: 1),
    ]

    @Test(arguments: [
        "0 3 10 2 7\n2 3\n5 3 9\n", "\u{FEFF} 0  3 10\t2 7 \r\n\r\n2 3\r\n5 3 9",
        "5 9\n5 3\n2 3\n1\n4 \n0 7 2\n0 10 3\n",
    ])
    func linesOfItemsAreRatingsOfOne(_ text: String) throws {
        let expected = try RatingStore.inMemory(Self.pairs)
        let fixture = try ImportFixture()
        for chunkByteCount in [1, 7, 16, 4096] {
            var importer = RatingImporter(inputs: [try fixture.write(text)], format: .adjacency, threads: 3)
            importer.chunkByteCount = chunkByteCount
            #expect(try importer.run().store.fingerprint == expected.fingerprint, "chunks of \(chunkByteCount) bytes")
        }
    }

    @Test func linesOfItemsMayHaveNames() throws {
        let fixture = try ImportFixture()
        let store = try fixture.store(of: "ann tea jam\nbob jam\n", format: .adjacency)
        #expect(store.userNames == ["ann", "bob"] && store.itemNames == ["jam", "tea"])
    }

    @Test func linesOfItemsAreFoundWhereNoTableLooksLikeThem() throws {
        let fixture = try ImportFixture()
        func format(_ text: String, _ format: RatingFormat? = nil) throws -> String? {
            try RatingImporter(inputs: [try fixture.write(text)], format: format).run().store.description.source?.format
        }
        #expect(try format("0 3 10 2 7\n2 3\n5 3 9\n") == "adjacency")
        #expect(try format("1 2 3 4\n2 3 4 5\n") == "tsv")
        // It may be either.
        let both = "1 2 3 4 5 6\n2 3 4 5 6 7\n"
        #expect(throws: Failure.self) { try format(both) }
        #expect(try format(both, .tsv) == "tsv" && format(both, .adjacency) == "adjacency")
    }

    @Test func aPatternMatrixHasRatingsOfOne() throws {
        let fixture = try ImportFixture()
        let path = try fixture.write(
            "%%MatrixMarket matrix coordinate pattern general\n2 3 3\n1 3\n2 3\n2 1\n")
        let outcome = try RatingImporter(inputs: [path]).run()
        #expect(outcome.layout == "matrix-market (user item)")
        #expect(
            Set(outcome.store.trainingList) == [
                Rating(user: "1", item: "3", value: 1), Rating(user: "2", item: "3", value: 1),
                Rating(user: "2", item: "1", value: 1),
            ])
    }

    @Test func aGivenFormatOverridesTheContent() throws {
        // By itself this is MovieLens' tab form.
        let fixture = try ImportFixture()
        let path = try fixture.write("1\t10\t5\t88\n")
        #expect(try RatingImporter(inputs: [path]).run().store.description.source?.format == "movielens")
        #expect(try RatingImporter(inputs: [path], format: .tsv).run().store.description.source?.format == "tsv")
    }
}

extension Data {
    fileprivate func append(toPipe path: String) throws {
        let pipe = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try pipe.write(contentsOf: self)
        try pipe.close()
    }
}
