// Why: an import of a hundred million ratings must fit the machine, and when the disk does not have the room, say so
// and give back what it took.

import Foundation
import Ratings
import TestKit
import Testing

@Suite struct ImportLimitTests {
    private struct Report: Decodable {
        var peak_memory_bytes: Int
        var ratings: Int
        var holdout_ratings: Int
    }

    private func generate(_ ratings: Int, to path: String) throws {
        _ = try RatingGenerator(.init(users: ratings / 200, items: 5000, ratings: ratings)).write(.csv, to: path)
    }

    private func byteCount(ofFolder path: String) throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: path).reduce(0) { sum, name in
            sum + (try FileManager.default.attributesOfItem(atPath: path + "/" + name)[.size] as! Int)
        }
    }

    @Test func theMemoryOfAnImportIsAtMostThreeTimesTheStores() async throws {
        let folder = try TemporaryFolder()
        try generate(4_000_000, to: folder("ratings.csv"))
        // The program itself, and for each thread a chunk of text and the ratings that are read from it.
        let program = (16 + 8 * ProcessInfo.processInfo.activeProcessorCount) << 20
        for holdout in [[], ["--holdout", "0.5"]] {
            let ending = try await Program.mf.run(
                ["import", "--input", folder("ratings.csv"), "--output", folder("store"), "--json"] + holdout)
            let report = try JSONDecoder().decode(Report.self, from: Data(ending.standardOutput.utf8))
            #expect(report.ratings + report.holdout_ratings == 4_000_000)
            let size = try byteCount(ofFolder: folder("store"))
            #expect(
                report.peak_memory_bytes <= 3 * size + program,
                "\(report.peak_memory_bytes) bytes, and the store has \(size)")
        }
    }

    @Test(.enabled("only root may mount") { getuid() == 0 })
    func aDiskThatFillsIsReportedAndLeftEmpty() async throws {
        let folder = try TemporaryFolder()
        guard let disk = try SmallDisk(in: folder, mebibytes: 2) else { return }
        defer { withExtendedLifetime(disk) {} }
        try generate(500_000, to: folder("ratings.csv"))
        let size = ["--users", "2500", "--items", "5000", "--ratings", "500000"]
        for arguments in [
            ["import", "--input", folder("ratings.csv"), "--output", disk.path + "/store"],
            ["generate", "--output", disk.path + "/store"] + size,
            ["generate", "--format", "csv", "--output", disk.path + "/text"] + size,
        ] {
            let ending = try await Program.mf.run(arguments)
            #expect(ending.status == 74, "\(ending.standardError)")
            #expect(ending.standardError.contains(disk.path) && ending.standardError.contains("free some space"))
            #expect(try FileManager.default.contentsOfDirectory(atPath: disk.path).isEmpty)
        }
        // Standard input is copied to where temporary files go, which may be full too.
        let text = String(repeating: "1,2,3\n", count: 500_000)
        let ending = try await Program.mf.run(
            ["import", "--input", "-", "--output", folder("store")], input: text, environment: ["TMPDIR": disk.path])
        #expect(ending.status == 74 && ending.standardError.contains("free some space"), "\(ending.standardError)")
        #expect(folder.content == ["disk", "ratings.csv"])
    }
}
