// Why: `mf generate` is where every measurement begins, so what it says must be true: the size, the spread, and above
// all the error that no model gets below.

import Foundation
import Ratings
import TestKit
import Testing

@Suite struct GenerateCommandTests {
    private let size = ["--users", "3000", "--items", "700", "--ratings", "500000"]

    private func object(_ output: Program.Output) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(output.standardOutput.utf8)) as? [String: Any])
    }

    @Test func trainingComesNearTheNoiseFloorAndNotBelow() async throws {
        let folder = try TemporaryFolder()
        let generated = try await Program.mf.run(["generate"] + size + ["--output", folder("store"), "--json"])
        #expect(generated.status == 0 && generated.standardError.isEmpty, "\(generated.standardError)")
        let report = try object(generated)
        let floor = try #require(report["noise_floor"] as? Double)
        #expect(report["ratings"] as? Int == 500_000)
        #expect((report["holdout_ratings"] as? Int).map { abs($0 - 50_000) < 1000 } == true)

        let trained = try await Program.mf.run(
            ["train", "--ratings", folder("store"), "--model", folder("model"), "--rank", "64", "--workers", "1"]
                + ["--json"])
        let error = try #require(try object(trained)["validation_rmse"] as? Double, "\(trained.standardError)")
        #expect(error > 0.99 * floor && error < 1.06 * floor, "\(error), and the floor is \(floor)")

        let inspected = try await Program.mf.run(["inspect", folder("store")])
        let line = "noise floor   RMSE " + String(format: "%.4f", floor)
        #expect(inspected.standardOutput.contains(line), "\(inspected.standardOutput)")
    }

    @Test func aReportSaysWhatWasGenerated() async throws {
        let folder = try TemporaryFolder()
        let small = ["generate", "--users", "30", "--items", "20", "--ratings", "100"]
        let text = try await Program.mf.run(small + ["--format", "csv", "--output", folder("text")])
        #expect(text.status == 0 && text.standardError.isEmpty, "\(text.standardError)")
        for line in ["csv          \(folder("text"))", "users        30", "items        20", "ratings      100"] {
            #expect(text.standardOutput.split(separator: "\n").contains { $0 == line }, "\(line)")
        }
        let lines = try String(contentsOfFile: folder("text"), encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 101 && lines[0] == "user,item,rating,timestamp")
        let store = try await Program.mf.run(small + ["--holdout", "0", "--output", folder("store")])
        #expect(store.status == 0)
        #expect(try RatingStore.open(folder("store")).ratings.count == 100)
        #expect(folder.content == ["store", "text"])
    }

    @Test func errorsHaveTheirExitCodesAndLeaveNothingBehind() async throws {
        let folder = try TemporaryFolder()
        try Data("mine".utf8).write(to: URL(fileURLWithPath: folder("file")))
        let output = ["--output", folder("new")]
        for (arguments, status) in [
            (size, 64), (output, 64), (["--preset", "netflix", "--users", "5"] + output, 64),
            (["--preset", "imdb"] + output, 64), (["--users", "5", "--items", "5"] + output, 64),
            (["--users", "5", "--items", "5", "--ratings", "26"] + output, 64),
            (size + output + ["--holdout", "1"], 64), (size + output + ["--holdout=-0.1"], 64),
            (size + output + ["--format", "csv", "--holdout", "0.1"], 64), (size + output + ["--rank", "1000"], 64),
            (size + output + ["--noise=-1"], 64), (size + output + ["--format", "xml"], 64),
            (["--users", "2", "--items", "2", "--ratings", "2", "--holdout", "0.0001"] + output, 65),
            (size + ["--output", folder("file")], 73), (size + ["--format", "csv", "--output", folder("file")], 73),
            (size + ["--output", folder("missing/new")], 73),
            (size + ["--format", "movielens", "--output", folder("missing/new")], 73),
        ] {
            let ending = try await Program.mf.run(["generate"] + arguments)
            #expect(ending.status == Int32(status), "\(arguments): \(ending.standardError)")
            #expect(!ending.standardError.isEmpty && ending.standardOutput.isEmpty)
        }
        #expect(folder.content == ["file"])
    }

    @Test(arguments: ["store", "csv", "netflix"])
    func aSignalLeavesNothingOrAWholeResult(_ format: String) async throws {
        let folder = try TemporaryFolder()
        for (milliseconds, signal) in [(30, SIGTERM), (120, SIGINT), (250, SIGTERM)] {
            let program = try await Program.mf.start(
                ["generate", "--users", "9000", "--items", "1000", "--ratings", "1500000", "--format", format]
                    + ["--output", folder("result")])
            try await Task.sleep(for: .milliseconds(milliseconds))
            program.signal(signal)
            let ending = try await program.ending
            #expect(ending.status == 0 || ending.status == 128 + signal, "\(ending.standardError)")
            let isWritten = folder.content == ["result"]
            #expect(isWritten ? true : folder.content.isEmpty && ending.status != 0, "\(folder.content)")
            if isWritten {
                #expect(try RatingImporter.openStoreOrFile(folder("result")).description.users == 9000)
                try FileManager.default.removeItem(atPath: folder("result"))
            }
        }
    }

    @Test func helpHasAnExampleAndSaysWhatTheFloorIs() async throws {
        let help = try await Program.mf.run(["generate", "--help"])
        #expect(help.status == 0 && help.standardOutput.contains("mf generate --preset netflix --output"))
        #expect(help.standardOutput.contains("noise floor"))
    }
}
