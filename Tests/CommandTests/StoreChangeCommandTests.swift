// Why: whoever changes a store while it is trained on must be told, and must not get a model of who knows what.

import Foundation
import TestKit
import Testing

@Suite(.serialized) struct StoreChangeCommandTests {
    private static let longJob = ["--rank", "64", "--sweeps", "100000", "--tolerance", "0"]

    private func makeStore(_ path: String, seed: UInt64 = 3) throws {
        try SyntheticRatings.writeStore(to: path, users: 2000, items: 600, ratings: 40_000, seed: seed)
    }

    @Test(arguments: ["cut short", "changed"], [["--map-store"], ["--no-map-store"]])
    func aStoreThatIsChangedInPlaceEndsTheJob(what: String, mapping: [String]) async throws {
        let folder = try TemporaryFolder()
        try makeStore(folder("store"))
        let endpoint = "ipc://\(folder("socket"))"
        let coordinator = try await Program.coordinator.start(
            ["--ratings", folder("store"), "--model", folder("model"), "--listen", endpoint] + Self.longJob)
        let worker = try await Program.worker.start(["--coordinator", endpoint, "--threads", "1"] + mapping)
        #expect(await coordinator.says("sweep 2: "))
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: folder("store/item_values.npy")))
        if what == "changed" {
            let byte = try #require(try file.read(upToCount: 1))
            try file.seek(toOffset: 0)
            try file.write(contentsOf: byte)
        } else {
            try file.truncate(atOffset: 0)
        }
        try file.close()
        let output = try await coordinator.ending
        #expect(output.status == 74, "\(output.standardError)")
        #expect(output.standardError.contains(folder("store/item_values.npy") + ": the file was \(what) while in use"))
        #expect(!FileManager.default.fileExists(atPath: folder("model")))
        // It found the same for itself, was caught by the signal, or was told of the end.
        let ending = try await worker.ending
        #expect([0, 74].contains(ending.status), "\(ending.standardError)")
    }

    /// The signal of a read beyond the end of a mapped file: a line, an exit code, and the job goes on without.
    @Test func aWorkerThatDiesOfItsStoreIsSurvived() async throws {
        let folder = try TemporaryFolder()
        try makeStore(folder("store"))
        let endpoint = "ipc://\(folder("socket"))"
        let coordinator = try await Program.coordinator.start(
            [
                "--ratings", folder("store"), "--model", folder("model"), "--listen", endpoint, "--min-workers", "2",
            ] + ["--rank", "64", "--sweeps", "30", "--tolerance", "0", "--solver", "exact"])
        let workers = [
            try await Program.worker.start(["--coordinator", endpoint, "--threads", "1"]),
            try await Program.worker.start(["--coordinator", endpoint, "--threads", "1"]),
        ]
        #expect(await coordinator.says("sweep 1: "))
        workers[0].signal(SIGBUS)
        let ending = try await workers[0].ending
        #expect(ending.status == 74)
        #expect(ending.standardError.contains("cut short while in use"))
        let output = try await coordinator.ending
        #expect(output.status == 0, "\(output.standardError)")
        #expect(output.standardError.contains("left: "))
        #expect(try await workers[1].ending.status == 0)
    }

    @Test func aWorkerThatFindsAnotherStoreIsToldSoAndSentTheRatings() async throws {
        let folder = try TemporaryFolder()
        try makeStore(folder("store"))
        let job = ["--rank", "8", "--sweeps", "2"]
        let reference = try await Program.mf.run(
            ["train", "--ratings", folder("store"), "--model", folder("reference")] + job)
        #expect(reference.status == 0, "\(reference.standardError)")
        let endpoint = "ipc://\(folder("socket"))"
        let coordinator = try await Program.coordinator.start(
            ["--ratings", folder("store"), "--model", folder("model"), "--listen", endpoint] + job)
        #expect(await coordinator.says("listening on "))
        try makeStore(folder("store"), seed: 4)
        let worker = try await Program.worker.run(["--coordinator", endpoint, "--threads", "1"])
        #expect(worker.status == 0, "\(worker.standardError)")
        #expect(worker.standardError.contains("this store is not the one of the job"))
        let output = try await coordinator.ending
        #expect(output.status == 0, "\(output.standardError)")
        for file in ["user_factors.npy", "item_factors.npy"] {
            let paths = (folder("model/" + file), folder("reference/" + file))
            #expect(FileManager.default.contentsEqual(atPath: paths.0, andPath: paths.1))
        }
    }
}
