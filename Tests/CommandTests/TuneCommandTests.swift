// Why: a search is hours of work: it must find what is best, tell how to get it, and go on where it was broken off.

import Foundation
import TestKit
import Testing

@Suite struct TuneCommandTests {
    private static let grid = "rank=2,6 regularization=0.05,0.1,30"

    private struct Report: Decodable {
        struct Row: Decodable {
            var candidate: [String: String]
            var mean: Double?
            var folds: Int
            var failure: String?
            var trials: [Trial]
        }
        struct Trial: Decodable, Equatable {
            var candidate: Int
            var fold: Int
            var value: Double?
        }
        var candidates: [Row]
        var command: [String]?
    }

    private func store(_ folder: TemporaryFolder) throws -> String {
        let store = folder("store")
        try SyntheticRatings.writeStore(to: store, users: 150, items: 80, ratings: 4000, seed: 3)
        return store
    }

    private func tune(_ store: String, _ options: [String], grid: String = Self.grid) async throws -> Report {
        let output = try await Program.mf.run(
            ["tune", "--ratings", store, "--grid", grid, "--folds", "3", "--sweeps", "4", "--json"] + options)
        try #require(output.status == 0, "\(output.standardError)")
        return try JSONDecoder().decode(Report.self, from: Data(output.standardOutput.utf8))
    }

    @Test func findsTheBestAndTellsHowToTrainIt() async throws {
        let folder = try TemporaryFolder()
        let store = try store(folder)
        let report = try await tune(store, [])
        #expect(report.candidates.count == 6)
        let means = report.candidates.compactMap(\.mean)
        // Two of the four differ in nothing that matters without biases.
        let alike = try await tune(store, [], grid: "rank=2 biases=no,yes bias-regularization=0.1,0.2")
        #expect(alike.candidates.count == 3)
        #expect(means.count == 6 && report.candidates[0].folds == 3)
        // The nonsense is last, and was not tried to the end.
        #expect(report.candidates.suffix(2).allSatisfy { $0.candidate["regularization"] == "30" && $0.folds == 1 })
        var command = try #require(report.command)
        #expect(command.prefix(2) == ["mf", "train"])
        command[command.firstIndex(of: "MODEL")!] = folder("model")
        let output = try await Program.mf.run(Array(command.dropFirst()))
        #expect(output.status == 0, "\(output.standardError)")
        // The same for any number of workers.
        let other = try await tune(store, ["--workers", "2", "--threads", "2"])
        #expect(other.candidates.map(\.trials) == report.candidates.map(\.trials))
    }

    @Test func goesOnWhereItWasKilled() async throws {
        let folder = try TemporaryFolder()
        let store = try store(folder)
        let whole = try await tune(store, ["--results", folder("whole")])
        let search = try await Program.mf.start([
            "tune", "--ratings", store, "--grid", Self.grid, "--folds", "3", "--sweeps", "4", "--results",
            folder("killed"),
        ])
        #expect(await search.says("candidate 3 of 6"))
        search.signal(SIGKILL)
        _ = try await search.ending
        // Without the word nothing is gone on with.
        let refused = try await Program.mf.run([
            "tune", "--ratings", store, "--grid", Self.grid, "--folds", "3", "--sweeps", "4", "--results",
            folder("killed"),
        ])
        #expect(refused.status == 64 && refused.standardError.contains("--resume"))
        let other = try await Program.mf.run([
            "tune", "--ratings", store, "--grid", "rank=2", "--folds", "3", "--sweeps", "4", "--results",
            folder("killed"),
            "--resume",
        ])
        #expect(other.status == 64 && other.standardError.contains("the candidates"))
        let resumed = try await tune(store, ["--results", folder("killed"), "--resume"])
        #expect(resumed.candidates.map(\.trials) == whole.candidates.map(\.trials))
        #expect(resumed.command == whole.command)
    }

    @Test func rankingsDecideForTheImplicitLoss() async throws {
        let folder = try TemporaryFolder()
        let report = try await tune(
            try store(folder), ["--loss", "implicit", "--regularization-scaling", "none", "--tried-folds", "1"],
            grid: "alpha=1,10 rank=4")
        let means = report.candidates.compactMap(\.mean)
        #expect(means.count == 2 && means[0] >= means[1] && means.allSatisfy { (0...1).contains($0) })
        #expect(report.candidates.allSatisfy { $0.folds == 1 })
    }

    /// On workers of a cluster, which stay from trial to trial, one of which dies and another comes. That there were to
    /// be two holds up the first trial only.
    @Test func searchesOnWorkersThatConnect() async throws {
        let folder = try TemporaryFolder()
        let store = try store(folder)
        let here = try await tune(store, [])
        // Slow from the third trial on, so that the last worker finds some.
        let slow = (20..<50).map { "coordinator.halfstep:\($0)=delay" }.joined(separator: ",")
        let search = try await Program.mf.start(
            [
                "tune", "--ratings", store, "--grid", Self.grid, "--folds", "3", "--sweeps", "4", "--json", "--listen",
                "tcp://127.0.0.1:*", "--min-workers", "2", "--worker-timeout", "60",
            ], environment: ["MF_FAILPOINTS": slow])
        let endpoint = try await ClusterFixture.endpoint(of: search)
        let first = try await ClusterFixture.startWorker(endpoint)
        let second = try await ClusterFixture.startWorker(
            endpoint, mapsStore: false, failpoints: "worker.welcomed:3=kill")
        #expect(try await second.ending.status == 128 + SIGKILL)
        #expect(!first.standardError.contains("the job is over"))
        #expect(await search.says("fold 2 of 3"))
        let third = try await ClusterFixture.startWorker(endpoint, mapsStore: false)
        let output = try await search.ending
        try #require(output.status == 0, "\(output.standardError)")
        let report = try JSONDecoder().decode(Report.self, from: Data(output.standardOutput.utf8))
        #expect(report.candidates.map(\.trials) == here.candidates.map(\.trials))
        for worker in [first, third] {
            let ending = try await worker.ending
            #expect(ending.status == 0, "\(ending.standardError)")
            #expect(ending.standardError.contains("waiting for the next job"))
        }
    }

    /// It is a row of the table, and its workers stay for the next candidate, whichever comes first.
    @Test(arguments: ["900,8", "8,900"]) func whatDoesNotFitInMemoryIsAFailure(ranks: String) async throws {
        let folder = try TemporaryFolder()
        let report = try await tune(
            try store(folder), ["--memory-limit", "45M", "--tried-folds", "1"], grid: "rank=\(ranks)")
        #expect(report.candidates[0].candidate["rank"] == "8" && report.candidates[0].mean != nil)
        #expect(report.candidates[1].failure?.contains("no worker has room for this job") == true)
    }

    @Test func aFolderOfResultsHasOneSearchAtATime() async throws {
        let folder = try TemporaryFolder()
        let command = [
            "tune", "--ratings", try store(folder), "--grid", Self.grid, "--folds", "3", "--sweeps", "4000",
            "--tolerance", "0", "--results", folder("results"),
        ]
        let first = try await Program.mf.start(command)
        for _ in 0..<1000 where !FileManager.default.fileExists(atPath: folder("results/tuning.json")) {
            try await Task.sleep(for: .milliseconds(10))
        }
        try await Task.sleep(for: .milliseconds(200))
        let second = try await Program.mf.run(command + ["--resume"])
        #expect(second.status == 75 && second.standardError.contains("another process"), "\(second.standardError)")
        first.signal(SIGINT)
        let output = try await first.ending
        #expect(output.status == 128 + SIGINT)
        #expect(output.standardError.contains("the search is not over: stopped by SIGINT"), "\(output.standardError)")
        #expect(output.standardError.contains("start it again with --resume"), "\(output.standardError)")
    }

    @Test func aSignalEndsTheSearchAndItsWorkers() async throws {
        let folder = try TemporaryFolder()
        let search = try await Program.mf.start([
            "tune", "--ratings", try store(folder), "--grid", Self.grid, "--folds", "3", "--sweeps", "4000",
            "--tolerance",
            "0", "--listen", "tcp://127.0.0.1:*",
        ])
        let worker = try await ClusterFixture.startWorker(try await ClusterFixture.endpoint(of: search))
        #expect(await worker.says("took in the job"))
        search.signal(SIGINT)
        #expect(try await search.ending.status == 128 + SIGINT)
        #expect(try await worker.ending.status == 0)
    }

    /// To judge a model by rankings may take minutes; a signal does not wait for it.
    @Test func aSignalDoesNotWaitForAJudgement() async throws {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder("t"), withIntermediateDirectories: false)
        let search = try await Program.mf.start(
            [
                "tune", "--ratings", try store(folder), "--grid", "rank=2", "--folds", "3", "--listen",
                "tcp://127.0.0.1:*",
            ],
            environment: ["MF_FAILPOINTS": "tune.judge=hang", "TMPDIR": folder("t")])
        let worker = try await ClusterFixture.startWorker(try await ClusterFixture.endpoint(of: search))
        #expect(await worker.says("waiting for the next job"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder("t")).count == 1)
        search.signal(SIGTERM)
        #expect(try await search.ending.status == 128 + SIGTERM)
        #expect(try await worker.ending.status == 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder("t")) == [])
    }

    /// What is said to a person costs the words where it cannot be written, and nothing else.
    @Test func aLogOnAFullDiskEndsNothing() async throws {
        let folder = try TemporaryFolder()
        let store = try store(folder)
        for redirection in ["2>/dev/full", "2>&-"] {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = [
                "-c", "exec \"$0\" \"$@\" \(redirection)", Program.mf.path, "tune", "--ratings", store, "--grid",
                "rank=2", "--folds", "2", "--sweeps", "1",
            ]
            let output = Pipe()
            process.standardOutput = output
            try process.run()
            let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            #expect(process.terminationStatus == 0 && text.contains("The best of them"))
        }
    }

    /// A candidate that cannot be solved is a row of the table, and the others go on.
    @Test func aFailureIsAResult() async throws {
        let folder = try TemporaryFolder()
        let report = try await tune(
            try store(folder), ["--solver", "exact", "--no-biases"], grid: "regularization=0,0.1 rank=60")
        #expect(report.candidates[0].candidate["regularization"] == "0.1")
        #expect(report.candidates[1].failure?.contains("singular") == true)
        #expect(report.candidates[1].mean == nil)
    }

    @Test(arguments: [
        ["--grid", "speed=1"], ["--grid", "rank=0"], ["--grid", "regularization=0.1:1:log"],
        ["--grid", "rank=4", "--metric", "x"], ["--grid", "rank=4", "--folds", "1"], ["--grid", "rank=4", "--resume"],
        ["--grid", "rank=4", "--loss", "implicit", "--metric", "rmse"], ["--grid", "rank=4", "--random", "0"],
        ["--grid", "rank=4", "--min-workers", "2"],
        ["--grid", "rank=4", "--listen", "tcp://127.0.0.1:*", "--workers", "2"],
        ["--grid", "rank=4", "--listen", "tcp://0.0.0.0:*"], ["--grid", "rank=4 solver=fast"],
        ["--grid", "rank=4", "--folds", "3", "--tried-folds", "4"],
        ["--loss", "implicit", "--grid", "alpha=1,2 confidence=linear:4"],
    ])
    func mistakesAreToldOfBeforeTheFirstTrial(options: [String]) async throws {
        let folder = try TemporaryFolder()
        let output = try await Program.mf.run(["tune", "--ratings", try store(folder)] + options)
        #expect(output.status == 64, "\(output.standardError)")
        #expect(!output.standardError.contains("candidate 1 of"))
    }
}
