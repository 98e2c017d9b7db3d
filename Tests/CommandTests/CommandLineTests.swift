// Why: scripts rest on exit codes, and people on errors that say what, where and what to do.

import Foundation
import LeastSquares
import TestKit
import Testing

@Suite struct CommandLineTests {
    private func store(_ folder: TemporaryFolder, ratings: Int = 2000) throws -> String {
        try SyntheticRatings.writeStore(to: folder("store"), users: 100, items: 60, ratings: ratings, seed: 3)
        return folder("store")
    }

    @Test(arguments: [
        (["--rank", "0"], "--rank"), (["--rank", "-3"], "--rank"), (["--rank", "five"], "--rank"),
        (["--regularization", "-0.1"], "--regularization"), (["--regularization", "nan"], "--regularization"),
        (["--workers", "0"], "--workers"), (["--threads", "0"], "--threads"), (["--sweeps", "0"], "--sweeps"),
        (["--tolerance", "1"], "--tolerance"), (["--regularization-scaling", "much"], "--regularization-scaling"),
        (["--solver", "magic"], "--solver"), (["--no-such-option"], "--no-such-option"),
    ])
    func wrongOptionsAreUsageErrors(options: [String], named: String) async throws {
        let folder = try TemporaryFolder()
        let output = try await Program.mf.run(
            ["train", "--ratings", try store(folder), "--model", folder("model")]
                // A value that begins with a dash must be joined to its option.
                + (options.count == 2 ? ["\(options[0])=\(options[1])"] : options))
        #expect(output.status == 64, "\(output.standardError)")
        #expect(output.standardError.contains(named))
        #expect(folder.content == ["store"])
    }

    @Test func coordinatorsCheckTheirOptionsToo() async throws {
        let folder = try TemporaryFolder()
        let job = ["--ratings", try store(folder), "--model", folder("model")]
        for options in [
            ["--rank", "0"], ["--min-workers", "0"], ["--listen", "udp://127.0.0.1:5"],
            ["--listen", "tcp://127.0.0.1"],
            ["--listen", "tcp://0.0.0.0:*"], ["--listen", "tcp://127.0.0.1:99999"],
        ] {
            let output = try await Program.coordinator.run(job + options)
            #expect(output.status == 64, "\(options): \(output.standardError)")
        }
        let worker = try await Program.worker.run(["--coordinator", "tcp://127.0.0.1:5555", "--threads", "0"])
        #expect(worker.status == 64)
    }

    @Test func missingRatingsAreNoInput() async throws {
        let folder = try TemporaryFolder()
        let output = try await Program.mf.run(["train", "--ratings", folder("none"), "--model", folder("model")])
        #expect(output.status == 66, "\(output.standardError)")
        #expect(output.standardError.contains(folder("none")))
        #expect(folder.content.isEmpty)
    }

    @Test func brokenStoresAreBadData() async throws {
        let folder = try TemporaryFolder()
        let store = try store(folder)
        let array = store + "/user_items.npy"
        let bytes = try #require(FileManager.default.contents(atPath: array))
        try bytes.dropLast(8).write(to: URL(fileURLWithPath: array))
        let output = try await Program.mf.run(["train", "--ratings", store, "--model", folder("model")])
        #expect(output.status == 65, "\(output.standardError)")
        #expect(output.standardError.contains("user_items.npy"))
        #expect(folder.content == ["store"])
    }

    @Test func foreignFoldersAreNeverReplaced() async throws {
        let folder = try TemporaryFolder()
        let store = try store(folder)
        try FileManager.default.createDirectory(atPath: folder("precious"), withIntermediateDirectories: false)
        try "keep me".write(toFile: folder("precious/thesis.txt"), atomically: true, encoding: .utf8)
        let output = try await Program.mf.run(["train", "--ratings", store, "--model", folder("precious")])
        #expect(output.status == 73, "\(output.standardError)")
        #expect(FileManager.default.contents(atPath: folder("precious/thesis.txt")) == Data("keep me".utf8))
    }

    @Test func anEmptyDestinationIsAUsageError() async throws {
        let folder = try TemporaryFolder()
        let store = try store(folder)
        for arguments in [["train", "--ratings", store, "--model", ""], ["import", "--input", store, "--output", ""]] {
            let output = try await Program.mf.run(arguments)
            #expect(output.status == 64, "\(output.standardError)")
        }
    }

    @Test func aResultThatCannotBeWrittenIsAnError() async throws {
        let folder = try TemporaryFolder()
        let store = try store(folder)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "\"$0\" inspect \"$1\" --json >/dev/full 2>/dev/null", Program.mf.path, store]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 74)
    }

    @Test(arguments: ["tcp", "ipc"])
    func addressesInUseAreNamed(transport: String) async throws {
        let folder = try TemporaryFolder()
        let job = ["--ratings", try store(folder), "--model", folder("model"), "--listen"]
        let first = try await Program.coordinator.start(
            job + [transport == "tcp" ? "tcp://127.0.0.1:*" : "ipc://\(folder("socket"))"])
        #expect(await first.says("listening on "))
        let text = first.standardError
        let endpoint = text[text.firstRange(of: "listening on ")!.upperBound...].prefix { !$0.isNewline }
        let second = try await Program.coordinator.run(job + [String(endpoint)])
        #expect(second.status == 69, "\(second.standardError)")
        #expect(second.standardError.contains(endpoint))
        #expect(second.standardError.contains("choose another"))
        first.signal(SIGTERM)
        #expect(try await first.ending.status == 128 + SIGTERM)
        #expect(!folder.content.contains { $0.hasPrefix("socket") }, "\(folder.content)")
    }

    @Test func programsTellTheirVersion() async throws {
        for program in [Program.mf, .coordinator, .worker] {
            let output = try await program.run(["--version"])
            #expect(
                output.status == 0 && output.standardOutput.contains(/^\d+\.\d+\.\d+ \(protocol \d+\)\n$/), "\(output)")
        }
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func signalsEndTrainingCleanly(signal: Int32) async throws {
        let folder = try TemporaryFolder()
        let store = try store(folder, ratings: 4000)
        let training = try await Program.mf.start(
            [
                "train", "--ratings", store, "--model", folder("model"), "--workers", "2", "--sweeps", "100000",
                "--tolerance", "0", "--rank", "128",
            ])
        #expect(await training.says("sweep 1: "))
        let children = Self.children(of: training.pid)
        #expect(children.count == 2)
        let socketFolder = try Self.socketFolder(ofWorker: children[0])
        #expect(FileManager.default.fileExists(atPath: socketFolder))
        let clock = ContinuousClock()
        let sent = clock.now
        training.signal(signal)
        let output = try await training.ending
        #expect(output.status == 128 + signal)
        // The end is acknowledged and not waited out.
        #expect(clock.now - sent < .seconds(4))
        #expect(!FileManager.default.fileExists(atPath: socketFolder))
        #expect(output.standardOutput.isEmpty)
        #expect(folder.content == ["store"], "something was left behind")
        for child in children { #expect(kill(child, 0) == -1, "a worker outlived mf train") }
    }

    @Test func aWorkerThatDiesBeforeItJoinsIsNotWaitedFor() async throws {
        let folder = try TemporaryFolder()
        let training = try await Program.mf.start(
            ["train", "--ratings", try store(folder), "--model", folder("model"), "--workers", "2", "--rank", "8"])
        var children: [Int32] = []
        while children.isEmpty, kill(training.pid, 0) == 0 { children = Self.children(of: training.pid) }
        kill(try #require(children.first), SIGKILL)
        let output = try await training.ending
        #expect(output.status == 0, "\(output.standardError)")
    }

    /// Should mf be killed, its workers end too.
    @Test func workersDoNotOutliveAKilledParent() async throws {
        let folder = try TemporaryFolder()
        let training = try await Program.mf.start(
            [
                "train", "--ratings", try store(folder), "--model", folder("model"), "--workers", "2", "--sweeps",
                "100000",
                "--tolerance", "0", "--rank", "128",
            ])
        #expect(await training.says("sweep 1: "))
        let children = Self.children(of: training.pid)
        // The one thing that nobody is left to remove.
        let socketFolder = try Self.socketFolder(ofWorker: try #require(children.first))
        defer { try? FileManager.default.removeItem(atPath: socketFolder) }
        training.signal(SIGKILL)
        _ = try await training.ending
        let end = ContinuousClock.now + .seconds(20)
        while children.contains(where: { kill($0, 0) == 0 }), ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(50))
        }
        for child in children { #expect(kill(child, 0) == -1, "a worker outlived mf train") }
    }

    @Test func aSingleSweepTrains() async throws {
        let folder = try TemporaryFolder()
        let output = try await Program.mf.run(
            ["train", "--ratings", try store(folder), "--model", folder("model"), "--sweeps", "1", "--rank", "4"])
        #expect(output.status == 0, "\(output.standardError)")
    }

    @Test func kernelsCanBeForced() async throws {
        let folder = try TemporaryFolder()
        let store = try store(folder)
        let output = try await Program.mf.run(
            ["train", "--ratings", store, "--model", folder("model"), "--rank", "4", "--kernels", "portable"])
        #expect(output.status == 0, "\(output.standardError)")
        let inspected = try await Program.mf.run(["inspect", folder("model"), "--json"])
        #expect(inspected.standardOutput.contains("\"portable\""))
        // The option goes before the environment, which the workers inherit.
        if let other = KernelLevel.available.first(where: { $0 != .portable }) {
            let both = try await Program.mf.run(
                ["train", "--ratings", store, "--model", folder("both"), "--rank", "4", "--kernels", other.rawValue],
                environment: ["MF_KERNELS": "portable"])
            #expect(both.status == 0, "\(both.standardError)")
        }
        let missing = KernelLevel.allCases.filter { !KernelLevel.available.contains($0) }
        for level in missing {
            let refused = try await Program.mf.run(
                ["train", "--ratings", store, "--model", folder("other"), "--kernels", level.rawValue])
            #expect(refused.status == 69, "\(refused.standardError)")
        }
    }

    @Test func workersAndCoordinatorsEndOnSignals() async throws {
        let folder = try TemporaryFolder()
        let coordinator = try await Program.coordinator.start(
            [
                "--ratings", try store(folder), "--model", folder("model"), "--listen", "ipc://\(folder("socket"))",
                "--sweeps", "100000", "--tolerance", "0", "--rank", "128", "--min-workers", "2",
            ])
        let workers = [
            try await Program.worker.start(["--coordinator", "ipc://\(folder("socket"))", "--threads", "1"]),
            try await Program.worker.start(["--coordinator", "ipc://\(folder("socket"))", "--threads", "1"]),
        ]
        #expect(await coordinator.says("sweep 1: "))
        workers[0].signal(SIGTERM)
        #expect(try await workers[0].ending.status == 128 + SIGTERM)
        // It said goodbye, and its connection ended: nobody waits for its silence to grow long, whichever is seen
        // first.
        #expect(await coordinator.says("left: ", within: .seconds(5)))
        coordinator.signal(SIGINT)
        #expect(try await coordinator.ending.status == 128 + SIGINT)
        #expect(try await workers[1].ending.status == 0)
    }

    @Test func aWorkerWithoutACoordinatorGivesUp() async throws {
        let folder = try TemporaryFolder()
        let output = try await Program.worker.run(
            ["--coordinator", "ipc://\(folder("nobody"))", "--coordinator-timeout", "1"])
        #expect(output.status == 69, "\(output.standardError)")
        #expect(output.standardError.contains("start mf-coordinator there"))
    }

    /// libzmq says nothing of names that it cannot resolve.
    @Test func aWorkerNamesAHostThatHasNoAddress() async throws {
        let worker = try await Program.worker.start(
            ["--coordinator", "tcp://nobody.invalid:5555", "--insecure", "--coordinator-timeout", "6"],
            environment: ["RES_OPTIONS": "timeout:1 attempts:1"])
        #expect(await worker.says("the host nobody.invalid has no IPv4 address"))
        let output = try await worker.ending
        #expect(output.status == 69, "\(output.standardError)")
        #expect(output.standardError.contains("for 6.0 seconds: the host nobody.invalid had no IPv4 address"))
    }

    @Test func jsonReportsAreOneObject() async throws {
        let folder = try TemporaryFolder()
        let output = try await Program.mf.run(
            [
                "train", "--ratings", try store(folder), "--model", folder("model"), "--sweeps", "3", "--rank", "4",
                "--json",
            ])
        #expect(output.status == 0, "\(output.standardError)")
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(output.standardOutput.utf8)) as? [String: Any])
        #expect(object["sweeps"] as? Int == 3)
        #expect((object["validation_rmse"] as? Double).map { $0 > 0 && $0 < 3 } == true)
    }

    @Test func helpHasExamples() async throws {
        for (program, arguments) in [
            (Program.mf, ["train", "--help"]), (.coordinator, ["--help"]), (.worker, ["--help"]), (.mf, ["--help"]),
        ] {
            let output = try await program.run(arguments)
            #expect(output.status == 0)
            #expect(arguments.count == 1 && program.name == "mf" || output.standardOutput.contains("Example:"))
        }
    }

    /// The folder of the socket to which a worker of `mf train` connects.
    private static func socketFolder(ofWorker pid: Int32) throws -> String {
        let arguments = try #require(FileManager.default.contents(atPath: "/proc/\(pid)/cmdline"))
        let endpoint = try #require(
            arguments.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }.first { $0.hasPrefix("ipc://") })
        return URL(fileURLWithPath: String(endpoint.dropFirst(6))).deletingLastPathComponent().path
    }

    /// The processes whose parent is `pid`.
    private static func children(of pid: Int32) -> [Int32] {
        let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return processes.compactMap(Int32.init).filter { process in
            guard let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
                let end = status.lastIndex(of: ")")
            else { return false }
            // After the name in brackets come the state and the parent.
            return status[end...].split(separator: " ").dropFirst(2).first == Substring("\(pid)")
        }
    }
}
