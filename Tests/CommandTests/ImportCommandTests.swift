// Why: an import is the first thing that a newcomer types, and the first that goes wrong.

import Foundation
import Ratings
import TestKit
import Testing

@Suite struct ImportCommandTests {
    private func write(_ text: String, _ path: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }

    private struct Report: Decodable {
        var format: String
        var users: Int
        var items: Int
        var ratings: Int
        var holdout_ratings: Int
        var taken_out: Int
        var minimum: Double
        var maximum: Double
        var mean: Double
        var density: Double
        var seconds: Double
    }

    @Test func aReportSaysWhatWasImported() async throws {
        let folder = try TemporaryFolder()
        try write("user,item,rating\n1,2,3\n1,3,4\n2,2,5\n", folder("ratings.csv"))
        try write("user,item,rating\n1,3,2.5\n", folder("test.csv"))
        let arguments = [
            "import", "--input", folder("ratings.csv"), "--output", folder("store"), "--test", folder("test.csv"),
        ]
        let plain = try await Program.mf.run(arguments)
        #expect(plain.status == 0 && plain.standardError.isEmpty, "\(plain.standardError)")
        for line in [
            "format     csv with a header (user, item, rating)", "users      2", "items      2", "ratings    2",
            "held out   1",
            "range      3.0 to 5.0", "mean       4.0000", "density    75%",
        ] {
            #expect(plain.standardOutput.split(separator: "\n").contains { $0 == line }, "\(line)")
        }
        let json = try await Program.mf.run(arguments + ["--json"])
        let report = try JSONDecoder().decode(Report.self, from: Data(json.standardOutput.utf8))
        #expect(report.format == "csv" && report.users == 2 && report.items == 2 && report.ratings == 2)
        #expect(report.holdout_ratings == 1 && report.taken_out == 1 && report.density == 0.75)
        #expect(report.minimum == 3 && report.maximum == 5 && report.mean == 4 && report.seconds > 0)
        #expect(folder.content == ["ratings.csv", "store", "test.csv"])
    }

    @Test func standardInputIsReadLikeAFile() async throws {
        let folder = try TemporaryFolder()
        let text = "1::2::3\n2::2::4\n"
        try write(text, folder("ratings.dat"))
        let piped = try await Program.mf.run(["import", "--input", "-", "--output", folder("piped")], input: text)
        #expect(piped.status == 0, "\(piped.standardError)")
        _ = try await Program.mf.run(["import", "--input", folder("ratings.dat"), "--output", folder("read")])
        #expect(try RatingStore.open(folder("piped")).fingerprint == RatingStore.open(folder("read")).fingerprint)
        let bad = try await Program.mf.run(
            ["import", "--input", "-", "--output", folder("bad")], input: "1::2::3\n2::2\n")
        #expect(bad.status == 65)
        #expect(bad.standardError.hasPrefix("mf: error: standard input:2: 2 fields in place of 3 fields"))
        #expect(folder.content == ["piped", "ratings.dat", "read"])
    }

    @Test func errorsHaveTheirExitCodesAndLeaveNothingBehind() async throws {
        let folder = try TemporaryFolder()
        try write("1,2,3\n", folder("good"))
        try write("1,2,3\n1,3,NaN\n", folder("bad"))
        let output = ["--output", folder("store")]
        for (arguments, status) in [
            (["--input", folder("good")] + output + ["--holdout", "0.5", "--test", folder("good")], 64),
            (["--input", folder("good")] + output + ["--holdout", "1"], 64),
            (["--input", folder("good")] + output + ["--holdout", "nan"], 64),
            (["--input", folder("good")] + output + ["--format", "xml"], 64),
            (["--input", folder("good")] + output + ["--duplicates", "ignore"], 64),
            (output, 64), (["--input", folder("good")], 64), (["--input", folder("bad")] + output, 65),
            (["--input", folder.path] + output, 65), (["--input", folder("missing")] + output, 66),
            (["--input", folder("good"), "--test", folder("missing")] + output, 66),
            (["--input", folder("good"), "--output", folder("good")], 73),
            (["--input", folder("good"), "--output", folder("missing/store")], 73),
        ] {
            let ending = try await Program.mf.run(["import"] + arguments)
            #expect(ending.status == Int32(status), "\(arguments): \(ending.standardError)")
            #expect(!ending.standardError.isEmpty && ending.standardOutput.isEmpty)
        }
        #expect(folder.content == ["bad", "good"])
    }

    @Test func helpHasAnExample() async throws {
        let help = try await Program.mf.run(["import", "--help"])
        #expect(help.status == 0 && help.standardOutput.contains("mf import --input ml-1m/ratings.dat --output"))
    }

    @Test(arguments: [SIGINT, SIGTERM]) func aSignalLeavesNothingOrAWholeStore(_ signal: Int32) async throws {
        let folder = try TemporaryFolder()
        var text = ""
        for user in 0..<3000 { for item in 0..<100 { text += "\(user),\(item * 7 + user % 7),\(item % 5 + 1)\n" } }
        try write(text, folder("ratings.csv"))
        // At different moments of the import, in the middle of the writing too.
        for milliseconds in [20, 60, 100, 140, 180] {
            let program = try await Program.mf.start([
                "import", "--input", folder("ratings.csv"), "--output", folder("store"),
            ])
            try await Task.sleep(for: .milliseconds(milliseconds))
            program.signal(signal)
            let ending = try await program.ending
            #expect(ending.status == 0 || ending.status == 128 + signal, "\(ending.standardError)")
            // A signal may also come when all is done but the report.
            let isWritten = folder.content.contains("store")
            #expect(isWritten || ending.status != 0)
            if isWritten {
                #expect(try RatingStore.open(folder("store")).ratings.count == 300_000)
                try FileManager.default.removeItem(atPath: folder("store"))
            }
            #expect(folder.content == ["ratings.csv"], "after \(milliseconds) ms")
        }
    }

    @Test func aLimitOnTheSizeOfFilesIsReportedAndLeavesNothing() throws {
        // The arrays of 300,000 ratings are larger than the limit of 256 or 512 KiB (shells differ).
        let folder = try TemporaryFolder()
        var text = ""
        for user in 0..<3000 { for item in 0..<100 { text += "\(user),\(item),\(item % 5 + 1)\n" } }
        try write(text, folder("ratings.csv"))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = [
            "-c", "ulimit -f 512; exec \"$0\" \"$@\"", Program.mf.path, "import", "--input", folder("ratings.csv"),
            "--output", folder("store"),
        ]
        let pipe = Pipe()
        process.standardError = pipe
        try process.run()
        let said = String(decoding: try #require(try pipe.fileHandleForReading.readToEnd()), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationReason == .exit && process.terminationStatus == 74, "\(said)")
        #expect(said.contains("ulimit -f"))
        #expect(folder.content == ["ratings.csv"])
    }
}
