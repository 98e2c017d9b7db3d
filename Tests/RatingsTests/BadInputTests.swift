// Why: every defect of a rating file is an error that names the file and the line, and says what to do; whichever
// chunk or thread meets it. See "Bad input" in docs/formats.md.

import Failures
import Foundation
import Ratings
import TestKit
import Testing

@Suite struct BadInputTests {
    struct Sample: Sendable, CustomTestStringConvertible {
        var name: String
        var bytes: [UInt8]
        /// 0 when the whole file is meant.
        var line: Int
        var what: String
        var format: RatingFormat?
        var testDescription: String { name }

        init(_ name: String, _ bytes: [UInt8], line: Int, _ what: String, format: RatingFormat? = nil) {
            (self.name, self.bytes, self.line, self.what, self.format) = (name, bytes, line, what, format)
        }

        init(_ name: String, _ text: String, line: Int, _ what: String, format: RatingFormat? = nil) {
            self.init(name, Array(text.utf8), line: line, what, format: format)
        }
    }

    private static let longID = String(repeating: "x", count: 257)

    private static func matrix(_ lines: String...) -> String {
        "%%MatrixMarket matrix coordinate real general\n" + lines.map { $0 + "\n" }.joined()
    }

    static let samples = [
        Sample("empty file", "", line: 0, "the file is empty"),
        Sample("only blank lines", "\n \r\n\n", line: 0, "the file is empty"),
        Sample("only a byte order mark", "\u{FEFF}", line: 0, "the file is empty"),
        Sample(
            "a user and five items", "7 1 2 3 4 5\n", line: 1,
            "may be a rating with more columns, or a user and their items: \"7 1 2 3 4 5\""),
        Sample("only a header", "user,item,rating\n", line: 0, "the file has no ratings"),
        Sample("only item lines", "1:\n2:\n", line: 0, "the file has no ratings"),
        Sample("NaN", "1,2,3\n1,3,NaN\n", line: 2, "the rating \"NaN\" is not a finite number"),
        Sample("NaN in the first line", "1,2,nan\n1,3,4\n", line: 1, "the rating \"nan\" is not a finite number"),
        Sample("infinity", "1,2,3\n1,3,-Inf\n1,4,5\n", line: 2, "the rating \"-Inf\" is not a finite number"),
        Sample(
            "infinity in full", "1\t2\t3\n1\t3\tinfinity\n", line: 2, "the rating \"infinity\" is not a finite number"),
        Sample("beyond single precision", "1,2,3\n1,3,1e39\n", line: 2, "the rating \"1e39\" is not a finite number"),
        Sample("no number", "1,2,3\n1,3,four\n", line: 2, "the rating \"four\" is not a number"),
        Sample("hexadecimal", "1,2,3\n1,3,0x10\n", line: 2, "the rating \"0x10\" is not a number"),
        Sample("number and more", "1,2,3\n1,3,3abc\n", line: 2, "the rating \"3abc\" is not a number"),
        Sample("decimal comma", "1;2;3,5\n1;3;4,5\n", line: 1, "is neither a rating nor a header: \"1;2;3,5\""),
        Sample("sign alone", "1,2,3\n1,3,-\n", line: 2, "the rating \"-\" is not a number"),
        Sample("point alone", "1,2,3\n1,3,.\n", line: 2, "the rating \".\" is not a number"),
        Sample("exponent alone", "1,2,3\n1,3,4e\n", line: 2, "the rating \"4e\" is not a number"),
        Sample("empty rating", "1,2,3,9\n1,3,,9\n", line: 2, "the rating is empty"),
        Sample("empty user", "1,2,3\n,3,4\n", line: 2, "the user id is empty"),
        Sample("empty item", "1,2,3\n1, ,4\n", line: 2, "the item id is empty"),
        Sample("empty quoted item", "1,2,3\n1,\"\",4\n", line: 2, "the item id is empty"),
        Sample("missing field", "1,2,3,9\n1,3,4\n", line: 2, "3 fields in place of 4 fields as in the first line"),
        Sample("a field too many", "1,2,3\n1,3,4,5\n", line: 2, "4 fields in place of 3 fields as in the first line"),
        Sample(
            "missing field, MovieLens", "1::2::3::9\n1::3\n", line: 2,
            "2 fields in place of 4 fields as in the first line"),
        Sample("missing field, blanks", "1 2 3\n1 3 \n", line: 2, "2 fields in place of 3 fields as in the first line"),
        Sample(
            "cut off", "1::2::3::9\n1::3::4::9\n1::4:", line: 3, "2 fields in place of 4 fields as in the first line"),
        Sample(
            "junk line", "1,2,3\nhello world\n1,4,5\n", line: 2, "1 field in place of 3 fields as in the first line"),
        Sample("junk line, Netflix", "1:\n2,3,2005-01-01\nhello\n", line: 3, "1 field in place of `item:` or 3 fields"),
        Sample(
            "junk after the header", "user,item,rating\n<html>\n", line: 2,
            "1 field in place of 3 fields as in the first line"),
        Sample("formats mixed", "1,2,3\n1::3::4\n", line: 2, "1 field in place of 3 fields as in the first line"),
        Sample(
            "a header in the middle", "user,item,rating\n1,2,3\nuser,item,rating\n1,4,5\n", line: 3,
            "the rating \"rating\" is not a number"),
        Sample(
            "a user id beyond 64 bits", "1,2,3\n9223372036854775808,3,4\n", line: 2,
            "the user id \"9223372036854775808\" does not fit in 64 bits"),
        Sample(
            "an item id beyond 64 bits", "1,2,3\n1,-9223372036854775809,4\n", line: 2,
            "the item id \"-9223372036854775809\" does not fit in 64 bits"),
        Sample(
            "the first of two defects, after it", "1,2,3\n1,99999999999999999999,4\n1,5,x\n", line: 2,
            "the item id \"99999999999999999999\" does not fit in 64 bits"),
        Sample(
            "the first of two defects, before it", "1,2,3\n1,5,x\n1,99999999999999999999,4\n", line: 2,
            "the rating \"x\" is not a number"),
        Sample(
            "the first of many defects", "1,2,3\n" + String(repeating: "1,3\n", count: 50), line: 2,
            "2 fields in place of 3 fields as in the first line"),
        Sample("an id too long", "1,2,3\n\(longID),3,4\n", line: 2, "the user id has 257 bytes, more than 256"),
        Sample("control characters in an id", "a,2,3\nb\u{7},3,4\n", line: 2, "the user id has control characters"),
        Sample(
            "an id in Latin-1", Array("a,2,3\n".utf8) + [0xE9, 0x2C] + Array("3,4\n".utf8), line: 2,
            "the user id is not valid UTF-8"),
        Sample(
            "a quote that is not closed", "1,2,3\n1,\"3,4\n1,4,5\n", line: 2, "a quoted field does not end on its line"),
        Sample(
            "text after a closing quote", "1,2,3\n1,\"3\"x,4\n", line: 2, "text follows the closing quote of a field"),
        Sample(
            "zero bytes", Array("1,2,3\n1,3,4\n1,".utf8) + [0] + Array("4,5\n1,x\n".utf8), line: 3,
            "binary data, not text"),
        Sample(
            "zero bytes in the first line", [0x7F, 0x45, 0x4C, 0x46, 0, 1, 0x0A, 2], line: 1, "binary data, not text"),
        Sample("gzip", [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 0x0A, 7], line: 1, "binary data, not text"),
        Sample("UTF-16", [0xFF, 0xFE, 0x31, 0, 0x2C, 0, 0x32, 0], line: 1, "binary data, not text"),
        Sample("too few columns", "1,2\n1,3\n", line: 1, "is neither a rating nor a header: \"1,2\""),
        Sample(
            "a header without a rating", "user,item,when\n1,2,3\n", line: 1, "the header has no column for the rating"),
        Sample(
            "a header without user and item", "a,b,rating\n1,2,3\n", line: 1,
            "the header has no column for the user and the item"),
        Sample("an unknown header", "a,b,c\n1,2,3\n", line: 1, "is neither a rating nor a header: \"a,b,c\""),
        Sample("terminal codes in a defect", "1,2,3\n1,3,\u{1B}[2J\n", line: 2, "the rating \"?[2J\" is not a number"),
        Sample(
            "the wrong format, Netflix", "1,2,3\n", line: 1,
            "a Netflix file begins with a line such as `1:` that names the item", format: .netflix),
        Sample(
            "the wrong format, MovieLens", "1,2,3\n", line: 1, "is neither a rating nor a header: \"1,2,3\"",
            format: .movielens),
        Sample(
            "the wrong format, CSV", "1::2::3\n", line: 1, "is neither a rating nor a header: \"1::2::3\"", format: .csv
        ),
        Sample(
            "an item id too long in a line of items", "1 2 3\n2 4 \(longID) 5\n", line: 2,
            "the item id has 257 bytes, more than 256", format: .adjacency),
        Sample(
            "an item twice in a line of items", "1 2 3\n2 4 5\n\n7 9 8 9\n", line: 4,
            "user 7 has rated item 9 before", format: .adjacency),
        Sample("users without items", "1\n2 \n3\n", line: 0, "the file has no ratings", format: .adjacency),
        Sample(
            "zero bytes in a line of items", Array("1 2\n3 ".utf8) + [0] + Array("\n".utf8), line: 2,
            "binary data, not text", format: .adjacency),
        Sample(
            "lines of items that may be a table", "1 2 3\n2 4 5 6\n", line: 2,
            "4 fields in place of 3 fields as in the first line"),
        Sample(
            "a dense matrix", "%%MatrixMarket matrix array real general\n1 1\n3\n", line: 1,
            "is a kind of matrix that holds no ratings: matrix array real general"),
        Sample(
            "a symmetric matrix", "%%MatrixMarket matrix coordinate real symmetric\n1 1 1\n1 1 3\n", line: 1,
            "is a kind of matrix that holds no ratings: matrix coordinate real symmetric"),
        Sample(
            "no matrix", "1 2 3\n", line: 1, "a Matrix Market file begins with `%%MatrixMarket`", format: .matrixMarket),
        Sample(
            "a matrix without a size", "%%MatrixMarket matrix coordinate real general\n% empty\n", line: 0,
            "there is no line with the matrix's size"),
        Sample(
            "a size line that is none", "%%MatrixMarket matrix coordinate real general\n% a\n3 4\n1 1 1\n", line: 3,
            "is not a size line: 3 4"),
        Sample(
            "a row beyond the size", matrix("2 3 2", "1 1 5", "3 1 4"), line: 4, "the row \"3\" is not one of 1 to 2"),
        Sample("column 0", matrix("2 3 2", "1 1 5", "1 0 4"), line: 4, "the column \"0\" is not one of 1 to 3"),
        Sample(
            "a comment among entries", matrix("2 3 1", "% x", "1 1 4"), line: 3, "the row \"%\" is not one of 1 to 2"),
        Sample("an entry without a value", matrix("2 3 2", "1 1 5", "2 2"), line: 4, "2 fields in place of 3 fields"),
        Sample("an entry with too much", matrix("2 3 2", "1 1 5 6"), line: 3, "4 fields in place of 3 fields"),
        Sample("an entry that is no number", matrix("2 3 1", "1 1 x"), line: 3, "the rating \"x\" is not a number"),
        Sample("too few entries", matrix("2 3 3", "1 1 5", "2 2 4"), line: 0, "2 entries, not 3 as its size line says"),
        Sample("an entry twice", matrix("2 3 2", "1 1 5", "1 1 4"), line: 4, "user 1 has rated item 1 before"),
    ]

    @Test(arguments: samples)
    func aDefectIsNamedWithItsFileAndLine(_ sample: Sample) throws {
        let fixture = try ImportFixture()
        let path = try fixture.write(sample.bytes)
        for chunkByteCount in [1, 3, 8, 64, 1 << 20] {
            var importer = RatingImporter(inputs: [path], format: sample.format, threads: 3)
            importer.chunkByteCount = chunkByteCount
            let failure = #expect(throws: Failure.self, "chunks of \(chunkByteCount) bytes") { try importer.run() }
            #expect(failure?.kind == .badData)
            #expect(
                failure?.place == (sample.line == 0 ? path : "\(path):\(sample.line)"),
                "chunks of \(chunkByteCount) bytes")
            #expect(failure?.what == sample.what, "chunks of \(chunkByteCount) bytes")
            #expect(failure?.remedy.isEmpty == false)
        }
    }

    @Test func linesAreCountedInTheSecondFileToo() throws {
        let fixture = try ImportFixture()
        let first = try fixture.write("user,item,rating\n1,2,3\n", "first.csv")
        let second = try fixture.write("\n\nuser,item,rating\n1,3,3\n\n1,4,x\n", "second.csv")
        let failure = #expect(throws: Failure.self) { try RatingImporter(inputs: [first, second]).run() }
        #expect(failure?.place == "\(second):6")
    }

    @Test func aDefectFarIntoALargeFileHasTheRightLine() throws {
        let seed: UInt64 = 20
        var lines = csv(randomRatings(30_000, users: 500, items: 400, seed: seed)).split(separator: "\n").map(
            String.init)
        lines[23_456] = "1,2"
        let fixture = try ImportFixture()
        let path = try fixture.write(lines.joined(separator: "\r\n"))
        for threads in [1, 2, 7] {
            var importer = RatingImporter(inputs: [path], threads: threads)
            importer.chunkByteCount = 10_000
            let failure = #expect(throws: Failure.self, "seed \(seed)") { try importer.run() }
            #expect(failure?.place == "\(path):23457")
        }
    }

    @Test func aLineOfMoreThanAMegabyteIsRefused() throws {
        let fixture = try ImportFixture()
        let long = String(repeating: "x", count: 1_100_000)
        for (text, line) in [("1,2,3,a\n1,3,4,\(long)\n", 2), ("1,2,3,\(long)\n1,3,4,a\n", 1), (long + long, 1)] {
            let path = try fixture.write(text)
            for chunkByteCount in [64, 1 << 22] {
                var importer = RatingImporter(inputs: [path])
                importer.chunkByteCount = chunkByteCount
                let failure = #expect(throws: Failure.self) { try importer.run() }
                #expect(failure?.what == "the line is longer than 1048576 bytes")
                #expect(failure?.place == "\(path):\(line)")
            }
        }
        let path = try fixture.write("1,2,3,\(long.prefix(1_000_000))\n1,3,4,a\n")
        var importer = RatingImporter(inputs: [path])
        importer.chunkByteCount = 64
        #expect(try importer.run().store.ratings.count == 2)
    }

    @Test func randomDamageIsAnErrorAndNeverATrap() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededGenerator(seed: seed)
        let texts = FormatTests.samples.map { Array($0.text.utf8) }
        let fixture = try ImportFixture()
        for round in 0..<400 {
            var bytes = texts[round % texts.count]
            for _ in 0..<Int.random(in: 1...4, using: &generator) where bytes.count > 1 {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.remove(at: place)
                case 2: bytes.insert(bytes.randomElement(using: &generator)!, at: place)
                default: bytes = Array(bytes[..<max(1, place)])
                }
            }
            var importer = RatingImporter(inputs: [try fixture.write(bytes)], threads: 2)
            importer.chunkByteCount = 16
            do throws(Failure) {
                _ = try importer.run()
            } catch {
                #expect([.badData, .inputOutput].contains(error.kind), "seed \(seed), round \(round)")
            }
        }
    }

    @Test func whatCannotBeReadIsNoInput() throws {
        let fixture = try ImportFixture()
        let missing = #expect(throws: Failure.self) { try RatingImporter(inputs: [fixture.folder("missing")]).run() }
        #expect(missing?.kind == .noInput && missing?.place == fixture.folder("missing"))
        // The superuser may read everything.
        if geteuid() != 0 {
            let path = try fixture.write("1,2,3\n")
            chmod(path, 0)
            let failure = #expect(throws: Failure.self) { try RatingImporter(inputs: [path]).run() }
            #expect(failure?.kind == .noInput)
        }
    }

    @Test func aFolderMustHoldFilmsAndNothingElse() throws {
        let fixture = try ImportFixture()
        func failure() throws -> Failure? {
            #expect(throws: Failure.self) { try RatingImporter(inputs: [fixture.folder("set")]).run() }
        }
        try fixture.write("1:\n2,3,2005-01-01\n", "set/mv_1.txt")
        try fixture.write("2:\n2,3,2005-01-01\n", "set/mv_2.txt.gz")
        #expect(try failure()?.what == "the folder holds mv_2.txt.gz")
        try FileManager.default.removeItem(atPath: fixture.folder("set/mv_2.txt.gz"))
        try fixture.write("", "set/mv_2.txt")
        #expect(try failure()?.what == "the file is empty")
        #expect(try failure()?.place == fixture.folder("set/mv_2.txt"))
        try fixture.write("2:\n2,3\n", "set/mv_2.txt")
        #expect(try failure()?.place == fixture.folder("set/mv_2.txt") + ":2")
        for name in ["mv_1.txt", "mv_2.txt"] {
            try FileManager.default.removeItem(atPath: fixture.folder("set/" + name))
        }
        #expect(try failure()?.what == "the folder is empty")
    }

    @Test func inputsOfTwoFormatsAreRefused() throws {
        let fixture = try ImportFixture()
        let inputs = [try fixture.write("1,2,3\n", "one"), try fixture.write("1::3::3\n", "two")]
        let failure = #expect(throws: Failure.self) { try RatingImporter(inputs: inputs).run() }
        #expect(failure?.kind == .badData && failure?.place == inputs[1])
    }

    @Test func contradictoryUseIsAUsageError() throws {
        let uses = [
            RatingImporter(inputs: []), RatingImporter(inputs: ["-", "-"]),
            RatingImporter(inputs: ["-"], split: .file("-")),
            RatingImporter(inputs: ["a"], split: .fraction(0, seed: 1)),
            RatingImporter(inputs: ["a"], split: .fraction(1, seed: 1)),
            RatingImporter(inputs: ["a"], split: .fraction(.nan, seed: 1)),
        ]
        for use in uses {
            let failure = #expect(throws: Failure.self) { try use.run() }
            #expect(failure?.kind == .usage)
        }
    }
}
