// Why: a worker that has too little memory must say so before it begins, and the job must go on without it.

import Foundation
import TestKit
import Testing

@Suite(.serialized) struct MemoryCommandTests {
    /// A job that waits for two workers, at rank 64.
    private func startCoordinator(_ folder: TemporaryFolder) async throws -> (RunningProgram, endpoint: String) {
        try SyntheticRatings.writeStore(to: folder("store"), users: 2000, items: 600, ratings: 40_000, seed: 3)
        let endpoint = "ipc://\(folder("socket"))"
        let coordinator = try await Program.coordinator.start(
            [
                "--ratings", folder("store"), "--model", folder("model"), "--listen", endpoint, "--min-workers", "2",
                "--sweeps", "2", "--rank", "64",
            ])
        return (coordinator, endpoint)
    }

    @Test func aWorkerWithTooLowALimitIsRefusedWithTheNumberAndTheRemedy() async throws {
        let folder = try TemporaryFolder()
        let (coordinator, endpoint) = try await startCoordinator(folder)
        let refused = try await Program.worker.run(
            ["--coordinator", endpoint, "--threads", "1", "--memory-limit", "20M"])
        #expect(refused.status == 69, "\(refused.standardError)")
        let needed = try #require(refused.standardError.firstMatch(of: /--memory-limit (\d+M) or more/)).1
        #expect(await coordinator.says("refused: it needs"))
        // With what it is told to give it takes part; so does one without a limit.
        var workers: [RunningProgram] = []
        for options in [["--memory-limit", String(needed)], []] {
            workers.append(try await Program.worker.start(["--coordinator", endpoint, "--threads", "1"] + options))
        }
        let output = try await coordinator.ending
        #expect(output.status == 0, "\(output.standardError)")
        #expect(output.standardError.contains("each worker needs about"))
        for worker in workers { #expect(try await worker.ending.status == 0) }
    }

    @Test(arguments: ["", "0", "512", "2.5G", "much"]) func limitsThatAreNoSizesAreUsageErrors(limit: String)
        async throws
    {
        let output = try await Program.worker.run(
            ["--coordinator", "tcp://127.0.0.1:5555", "--memory-limit=\(limit)"])
        #expect(output.status == 64, "\(output.standardError)")
        #expect(output.standardError.contains("--memory-limit"))
    }

    /// No others can come, so nobody waits for them.
    @Test func trainEndsAtOnceWhenEveryWorkerIsRefused() async throws {
        let folder = try TemporaryFolder()
        try SyntheticRatings.writeStore(to: folder("store"), users: 2000, items: 600, ratings: 40_000, seed: 3)
        let output = try await Program.mf.run(
            [
                "train", "--ratings", folder("store"), "--model", folder("model"), "--workers", "2", "--memory-limit",
                "20M",
            ],
            deadline: .seconds(60))
        #expect(output.status == 69, "\(output.standardError)")
        let last = try #require(output.standardError.split(separator: "\n").last)
        #expect(last.contains("every worker process ended") && last.contains("give --memory-limit"), "\(last)")
        #expect(folder.content == ["store"])
    }

    /// A worker that gives what it was told to is not refused again for not mapping the store.
    @Test func theFirstRefusalNamesWhatIsEnough() async throws {
        let folder = try TemporaryFolder()
        let (coordinator, endpoint) = try await startCoordinator(folder)
        let options = ["--coordinator", endpoint, "--threads", "1", "--no-map-store", "--memory-limit"]
        let refused = try await Program.worker.run(options + ["20M"])
        let needed = try #require(refused.standardError.firstMatch(of: /--memory-limit (\d+M) or more/)).1
        var workers: [RunningProgram] = []
        for _ in 0..<2 { workers.append(try await Program.worker.start(options + [String(needed)])) }
        let output = try await coordinator.ending
        #expect(output.status == 0, "\(output.standardError)")
        for worker in workers { #expect(try await worker.ending.status == 0) }
    }

    /// As under `prlimit --as`: what the job needs cannot be had, and the worker says so instead of dying of it.
    @Test func aHardLimitIsARefusalAndTheJobGoesOn() async throws {
        let folder = try TemporaryFolder()
        let (coordinator, endpoint) = try await startCoordinator(folder)
        #expect(await coordinator.says("listening on "))
        let poor = try await Program.worker.start(["--coordinator", endpoint, "--threads", "1"])
        #expect(await coordinator.says("is here: 1 of the 2"))
        try limitAddressSpace(of: poor.pid, toMore: 4 << 20)
        let rich = try await Program.worker.start(["--coordinator", endpoint, "--threads", "1"])
        let output = try await coordinator.ending
        #expect(output.status == 0, "\(output.standardError)")
        #expect(output.standardError.contains("left: cannot take the"))
        let refusal = try await poor.ending
        #expect(refusal.status == 71, "\(refusal.standardError)")
        #expect(refusal.standardError.contains("MiB") && refusal.standardError.contains("ulimit -v"))
        #expect(try await rich.ending.status == 0)
    }

    /// Lets a running process have `byteCount` bytes of address space more than it has.
    private func limitAddressSpace(of pid: Int32, toMore byteCount: Int) throws {
        let statm = try String(contentsOfFile: "/proc/\(pid)/statm", encoding: .utf8)
        let present = try #require(Int(statm.prefix { $0 != " " })) * sysconf(Int32(_SC_PAGESIZE))
        let process = try Process.run(
            URL(fileURLWithPath: "/usr/bin/env"),
            arguments: ["prlimit", "--pid", "\(pid)", "--as=\(present + byteCount)"])
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
    }
}
