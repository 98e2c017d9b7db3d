// Why: a worker that keeps its ratings is sent next to nothing when it is started again, and finds out when what it
// kept is not what it should be.

import Foundation
import TestKit
import Testing

@Suite(.serialized) struct CacheCommandTests {
    private static let job = ["--rank", "128", "--regularization", "0.05", "--sweeps", "2", "--tolerance", "0"]

    private struct Run {
        var factors: [Data]
        var bytesSent: Int
        var workerLog: String
    }

    /// Trains with one worker that does not map the store; `disturb` is given its process before the job begins.
    private func train(
        _ folder: TemporaryFolder, model: String, cache: String, disturb: (RunningProgram) throws -> Void = { _ in }
    ) async throws -> Run {
        let endpoint = "ipc://\(folder("socket"))"
        let worker = try await Program.worker.start(
            ["--coordinator", endpoint, "--threads", "1", "--no-map-store", "--cache", folder(cache)])
        #expect(await worker.says("connecting to"))
        try disturb(worker)
        let output = try await Program.coordinator.run(
            ["--ratings", folder("store"), "--model", folder(model), "--listen", endpoint] + Self.job)
        #expect(output.status == 0, "\(output.standardError)")
        let ending = try await worker.ending
        #expect(ending.status == 0, "\(ending.standardError)")
        let training = try JSONSerialization.jsonObject(
            with: Data(contentsOf: URL(fileURLWithPath: folder(model + "/training.json"))))
        let sweeps = try #require((training as? [String: Any])?["sweeps"] as? [[String: Any]])
        return Run(
            factors: try factors(folder(model)), bytesSent: sweeps.reduce(0) { $0 + ($1["bytes_sent"] as? Int ?? 0) },
            workerLog: ending.standardError)
    }

    private func factors(_ model: String) throws -> [Data] {
        try ["user_factors.npy", "item_factors.npy"].map {
            try Data(contentsOf: URL(fileURLWithPath: model + "/" + $0))
        }
    }

    private func files(_ cache: String) throws -> [String] {
        let folder = try #require(try FileManager.default.contentsOfDirectory(atPath: cache).first)
        return try FileManager.default.contentsOfDirectory(atPath: cache + "/" + folder).sorted().map {
            cache + "/" + folder + "/" + $0
        }
    }

    private func makeStore() async throws -> (TemporaryFolder, reference: [Data]) {
        let folder = try TemporaryFolder()
        try SyntheticRatings.writeStore(to: folder("store"), users: 3000, items: 1000, ratings: 120_000, seed: 5)
        let output = try await Program.mf.run(
            ["train", "--ratings", folder("store"), "--model", folder("reference")] + Self.job)
        #expect(output.status == 0, "\(output.standardError)")
        return (folder, try factors(folder("reference")))
    }

    @Test func ratingsAreSentOnceAndDamageIsMended() async throws {
        let (folder, reference) = try await makeStore()
        let first = try await train(folder, model: "first", cache: "cache")
        #expect(first.factors == reference)
        let files = try files(folder("cache"))
        let contents = files.map { FileManager.default.contents(atPath: $0) }
        #expect(files.count >= 4, "there are too few blocks for this test")
        // Two orders of 108,000 ratings, of 4 bytes for the column and 1 for the value.
        #expect(first.bytesSent > 2 * 100_000 * 5)

        let second = try await train(folder, model: "second", cache: "cache")
        #expect(second.factors == reference)
        #expect(second.bytesSent < first.bytesSent / 3, "\(second.bytesSent) of \(first.bytesSent)")

        // A flipped bit, a torn file, a foreign one, and one that is missing.
        var flipped = try #require(contents[0])
        flipped[flipped.count / 2] ^= 4
        try flipped.write(to: URL(fileURLWithPath: files[0]))
        try #require(contents[1]).prefix(5000).write(to: URL(fileURLWithPath: files[1]))
        try #require(contents[0]).write(to: URL(fileURLWithPath: files[2]))
        try FileManager.default.removeItem(atPath: files[3])
        let third = try await train(folder, model: "third", cache: "cache")
        #expect(third.factors == reference)
        #expect(third.bytesSent > second.bytesSent)
        #expect(third.workerLog.components(separatedBy: "cached ratings are not used").count == 4, "\(third.workerLog)")
        #expect(files.map { FileManager.default.contents(atPath: $0) } == contents, "damaged files were not replaced")
    }

    /// `mf train` on a rating file has no store to map, so its workers are sent their ratings.
    @Test func trainPassesCacheAndMemoryLimitOn() async throws {
        let folder = try TemporaryFolder()
        let text = (0..<3000).map { "\($0 % 90),\($0 * 7 % 83),\(1 + $0 % 5)\n" }.joined()
        try text.write(toFile: folder("ratings.csv"), atomically: true, encoding: .utf8)
        let job = ["train", "--ratings", folder("ratings.csv"), "--rank", "16", "--sweeps", "2"]
        for (model, options) in [("plain", []), ("kept", ["--cache", folder("cache"), "--memory-limit", "200M"])] {
            let output = try await Program.mf.run(job + ["--model", folder(model)] + options)
            #expect(output.status == 0, "\(output.standardError)")
        }
        #expect(try factors(folder("kept")) == factors(folder("plain")))
        #expect(try files(folder("cache")).count == 2)
        let foreign = try await Program.mf.run(job + ["--model", folder("none"), "--cache", folder("ratings.csv")])
        #expect(foreign.status == 73, "\(foreign.standardError)")
        let small = try await Program.mf.run(job + ["--model", folder("none"), "--memory-limit", "512"])
        #expect(small.status == 64 && small.standardError.contains("512M"), "\(small.standardError)")
    }

    /// As on a full disk: nothing more can be written, and the job does not care.
    @Test func aCacheThatCannotBeWrittenCostsAWarning() async throws {
        let (folder, reference) = try await makeStore()
        let run = try await train(folder, model: "model", cache: "cache") { worker in
            let process = try Process.run(
                URL(fileURLWithPath: "/usr/bin/env"), arguments: ["prlimit", "--pid", "\(worker.pid)", "--fsize=1024"])
            process.waitUntilExit()
            try #require(process.terminationStatus == 0)
        }
        #expect(run.factors == reference)
        let warnings = run.workerLog.components(separatedBy: "nothing more is kept in the cache").count - 1
        #expect(warnings == 1, "\(run.workerLog)")
        #expect(try files(folder("cache")).isEmpty, "something was left behind")
    }
}
