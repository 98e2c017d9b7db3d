// Why: every data set has a title file of its own making; each must give the same titles.

import Failures
import Foundation
import Model
import Ratings
import TestKit
import Testing

@Suite struct ItemTitlesTests {
    private func titles(
        _ content: [UInt8], ids: IDMap = IDMap(integers: [1, 2, 3])
    ) throws -> [String?] {
        try withTemporaryFolder { folder in
            try overwrite(folder + "/titles", content)
            let titles = try ItemTitles(path: folder + "/titles", ids: ids)
            return (0..<ids.count).map { titles[$0] }
        }
    }

    private func titles(_ text: String) throws -> [String?] { try titles(Array(text.utf8)) }

    private func latin1(_ text: String) -> [UInt8] { text.unicodeScalars.map { UInt8($0.value) } }

    @Test func readsMovieLens1M() throws {
        let text = "1::Toy: Story (1995)::Animation|Children's\n3::Misérables, Les (1995)::Drama\n9::Gone::Drama\n"
        #expect(try titles(latin1(text)) == ["Toy: Story (1995)", nil, "Misérables, Les (1995)"])
    }

    @Test func readsMovieLens100K() throws {
        let text = "1|Toy Story (1995)|01-Jan-1995||http://x|0|0\n2|Café (1996)|||\n"
        #expect(try titles(latin1(text)) == ["Toy Story (1995)", "Café (1996)", nil])
    }

    @Test func readsCSVWithQuotesHeaderAndCRLF() throws {
        let text = "\u{FEFF}movieId,title,genres\r\n1,Toy Story (1995),A|B\r\n2,\"Am\"\"é\"\"lie, The\",Comedy\r\n\r\n"
        #expect(try titles(text) == ["Toy Story (1995)", "Am\"é\"lie, The", nil])
    }

    @Test func readsColumnsByTheirNames() throws {
        #expect(try titles("title,movieId\nFirst,1\nThird,3\n") == ["First", nil, "Third"])
    }

    @Test func readsNetflixWithBareCommasAndUnknownYears() throws {
        let text = "1,2003,Dinosaur Planet\n2,NULL,\"Quoted\", and, more\n3,1997,Character"
        #expect(try titles(text) == ["Dinosaur Planet (2003)", "\"Quoted\", and, more", "Character (1997)"])
    }

    @Test func readsRecBole() throws {
        let text =
            "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n1\tToy Story\t1995\tX\n3\tNo Year\t\tX\n"
        #expect(try titles(text) == ["Toy Story (1995)", nil, "No Year"])
    }

    @Test func readsPlainPairs() throws {
        #expect(try titles("1\tOne\n2\tTwo | and, more\n") == ["One", "Two | and, more", nil])
        #expect(try titles("1,One\n2,\"Two, too\"\n") == ["One", "Two, too", nil])
    }

    @Test func readsIdsThatAreStrings() throws {
        let ids = IDMap(strings: ["tt1", "tt2"])
        #expect(try titles(Array("tt2::Second::X\n".utf8), ids: ids) == [nil, "Second"])
    }

    @Test func anEmptyFileHasNoTitles() throws {
        #expect(try titles("") == [nil, nil, nil])
    }

    @Test(arguments: [
        ("1::One\n2\n", 2), ("id,title\n1,One\n2,\"open\n", 3), ("1\tOne\n\tTwo\n", 2), ("just words\n", 1),
        ("1,2003,One\n2,2004\n", 2),
    ])
    func namesTheLineThatIsWrong(text: String, line: Int) throws {
        let failure = #expect(throws: Failure.self) { try titles(text) }
        #expect(failure?.kind == .badData)
        #expect(failure?.place.hasSuffix("/titles:\(line)") == true)
    }

    @Test func aMissingFileIsNoInput() {
        let failure = #expect(throws: Failure.self) {
            try ItemTitles(path: "/nonexistent/titles", ids: IDMap(integers: [1]))
        }
        #expect(failure?.kind == .noInput)
    }

    /// The published files themselves, where `MF_DATA` says where they are; skipped otherwise.
    @Test(
        .enabled(if: ProcessInfo.processInfo.environment["MF_DATA"] != nil, "MF_DATA is not set"),
        arguments: [
            ("ml-1m/movies.dat", 73, "Misérables, Les (1995)"), ("ml-100k/u.item", 543, "Misérables, Les (1995)"),
            ("ml-latest-small/movies.csv", 11, "American President, The (1995)"),
            ("netflix-sample/movie_titles.csv", 1, "Dinosaur Planet (2003)"),
        ])
    func readsThePublishedFiles(file: String, id: Int64, title: String) throws {
        let data = try #require(ProcessInfo.processInfo.environment["MF_DATA"])
        #expect(try ItemTitles(path: data + "/" + file, ids: IDMap(integers: [id]))[0] == title)
    }
}
