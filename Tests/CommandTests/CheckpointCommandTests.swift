// Why: what is promised of checkpoints, with the real programs: whoever ends the coordinator, and however, the job goes
// on and its model has the same bytes.

import Foundation
import TestKit
import Testing

@Suite(.serialized) struct CheckpointCommandTests {
    /// A store whose training takes some seconds, and the factors that it comes to undisturbed.
    private final class Fixture: Sendable {
        let folder: TemporaryFolder
        var store: String { folder("store") }
        let factors: [Data]

        static let job = [
            "--rank", "64", "--solver", "exact", "--regularization", "0.05", "--sweeps", "24", "--tolerance", "0",
            "--log-level", "debug",
        ]

        private init() async throws {
            folder = try TemporaryFolder()
            try SyntheticRatings.writeStore(to: folder("store"), users: 3000, items: 1000, ratings: 120_000, seed: 5)
            let output = try await Program.mf.run(
                ["train", "--ratings", folder("store"), "--model", folder("undisturbed")] + Self.job)
            try #require(output.status == 0, "\(output.standardError)")
            factors = try Self.factors(of: folder("undisturbed"))
        }

        private static let shared = Task { try await Fixture() }
        static var made: Fixture { get async throws { try await shared.value } }

        static func factors(of model: String) throws -> [Data] {
            try ["user_factors.npy", "item_factors.npy"].map {
                try Data(contentsOf: URL(fileURLWithPath: model + "/" + $0))
            }
        }

        /// The arguments of a job of its own.
        func arguments(_ name: String) -> [String] {
            ["--ratings", store, "--model", folder(name), "--checkpoint", folder("\(name)-checkpoints")] + Self.job
        }

        func coordinator(_ name: String, _ more: String...) async throws -> RunningProgram {
            try await Program.coordinator.start(
                arguments(name) + ["--listen", "ipc://\(folder(name)).socket", "--min-workers", "1"] + more)
        }

        func worker(_ name: String, mapsStore: Bool = true) async throws -> RunningProgram {
            try await Program.worker.start([
                "--coordinator", "ipc://\(folder(name)).socket", "--threads", "1", "--coordinator-timeout", "10",
                mapsStore ? "--map-store" : "--no-map-store",
            ])
        }
    }

    /// Killed three times; the workers stay and are taken back.
    @Test func aKilledCoordinatorIsFollowedByOneThatGoesOn() async throws {
        let fixture = try await Fixture.made
        var coordinator = try await fixture.coordinator("killed")
        var workers: [RunningProgram] = []
        for index in 0..<2 { workers.append(try await fixture.worker("killed", mapsStore: index > 0)) }
        for sweep in [3, 8, 14] {
            #expect(await coordinator.says("sweep \(sweep): "), "\(coordinator.standardError)")
            coordinator.signal(SIGKILL)
            #expect(try await coordinator.ending.status == 128 + SIGKILL)
            coordinator = try await fixture.coordinator("killed", "--resume")
        }
        let output = try await coordinator.ending
        #expect(output.status == 0, "\(output.standardError)")
        #expect(output.standardError.contains("going on from the checkpoint"))
        #expect(try Fixture.factors(of: fixture.folder("killed")) == fixture.factors)
        let history = try String(contentsOfFile: fixture.folder("killed/training.json"), encoding: .utf8)
        #expect(history.contains("\"sweep\" : 24") && history.contains("\"sweep\" : 1,"))
        var statuses: [Int32] = []
        for worker in workers { statuses.append(try await worker.ending.status) }
        // One that was still on its way back when the last coordinator ended has waited for another.
        #expect(statuses.contains(0) && statuses.allSatisfy { $0 == 0 || $0 == 69 }, "\(statuses)")
        // Nothing is left to go on from.
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.folder("killed-checkpoints")) == ["lock"])
    }

    /// At the end of a half-step, at each stage of a checkpoint, and before and after its model is there.
    @Test(arguments: [
        "coordinator.halfstep:7", "checkpoint.described:1", "checkpoint.described:2", "checkpoint.renamed:2",
        "checkpoint.pruned:2", "model.write:1", "model.written:1", "model.write:1 rarely",
    ])
    func aCoordinatorKilledInAnyPhaseIsFollowedByOneThatGoesOn(phase: String) async throws {
        let fixture = try await Fixture.made
        let failpoint = String(phase.prefix { $0 != " " })
        let name = "phase-" + phase.replacing(":", with: "-").replacing(" ", with: "-")
        // The last state is on disk before the model is written, due or not.
        let every = phase.hasSuffix("rarely") ? ["--checkpoint-every", "1000"] : []
        let killed = try await Program.mf.run(
            ["train", "--workers", "2"] + fixture.arguments(name) + every,
            environment: ["MF_FAILPOINTS": failpoint + "=kill"])
        #expect(killed.status == 128 + SIGKILL, "\(killed.standardError)")
        #expect(FileManager.default.fileExists(atPath: fixture.folder(name)) == failpoint.hasPrefix("model.written"))
        let resumed = try await Program.mf.run(["train", "--workers", "2", "--resume"] + fixture.arguments(name))
        #expect(resumed.status == 0, "\(resumed.standardError)")
        let goesOn = resumed.standardError.contains("going on from the checkpoint")
        #expect(goesOn == (failpoint != "checkpoint.described:1"))
        #expect(try Fixture.factors(of: fixture.folder(name)) == fixture.factors)
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.folder("\(name)-checkpoints")) == ["lock"])
    }

    @Test(arguments: [SIGTERM, SIGINT])
    func aStoppedTrainingGoesOn(signal: Int32) async throws {
        let fixture = try await Fixture.made
        let name = "stopped-\(signal)"
        let run = try await Program.mf.start(["train", "--workers", "2"] + fixture.arguments(name))
        #expect(await run.says("sweep 4: "))
        let asked = ContinuousClock.now
        run.signal(signal)
        let stopped = try await run.ending
        #expect(ContinuousClock.now - asked < .seconds(10))
        #expect(stopped.status == 128 + signal)
        #expect(stopped.standardError.contains("--resume"))
        #expect(!FileManager.default.fileExists(atPath: fixture.folder(name)))
        // Not by accident.
        let again = try await Program.mf.run(["train", "--workers", "2"] + fixture.arguments(name))
        #expect(again.status == 73 && again.standardError.contains("--resume"))
        let resumed = try await Program.mf.run(["train", "--workers", "1", "--resume"] + fixture.arguments(name))
        #expect(resumed.status == 0, "\(resumed.standardError)")
        // At most the half-step that was under way is lost: the last sweep before is not done again.
        #expect(resumed.standardError.contains("going on from the checkpoint before the"))
        #expect(try Fixture.factors(of: fixture.folder(name)) == fixture.factors)
    }

    @Test func theLastStateIsKeptThoughNotDue() async throws {
        let fixture = try await Fixture.made
        let rare = ["--checkpoint-every", "1000"]
        let run = try await Program.mf.start(["train", "--workers", "2"] + fixture.arguments("rare") + rare)
        #expect(await run.says("sweep 5: "))
        run.signal(SIGTERM)
        #expect(try await run.ending.status == 128 + SIGTERM)
        let resumed = try await Program.mf.run(["train", "--resume"] + fixture.arguments("rare") + rare)
        #expect(resumed.status == 0, "\(resumed.standardError)")
        let before = try #require(resumed.standardError.components(separatedBy: "before the ").last)
        #expect(before.contains("of sweep 6") || before.contains("of sweep 7"), "\(before.prefix(60))")
        #expect(try Fixture.factors(of: fixture.folder("rare")) == fixture.factors)
    }

    @Test func aDiskThatHangsDoesNotKeepATerminatedJob() async throws {
        let fixture = try await Fixture.made
        let run = try await Program.mf.start(
            ["train"] + fixture.arguments("hangs"), environment: ["MF_FAILPOINTS": "checkpoint.renamed:2=hang"])
        #expect(await run.says("sweep 3: "))
        let asked = ContinuousClock.now
        run.signal(SIGTERM)
        let ending = try await run.ending
        #expect(ContinuousClock.now - asked < .seconds(10))
        #expect(ending.status == 128 + SIGTERM)
        #expect(ending.standardError.contains("the last checkpoint could not be written"), "\(ending.standardError)")
    }

    /// While a checkpoint hangs, as on a network disk that is gone.
    @Test func aSecondInterruptEndsAtOnce() async throws {
        let fixture = try await Fixture.made
        let run = try await Program.mf.start(
            ["train"] + fixture.arguments("twice"), environment: ["MF_FAILPOINTS": "checkpoint.renamed:2=hang"])
        #expect(await run.says("sweep 3: "))
        run.signal(SIGINT)
        try await Task.sleep(for: .seconds(3))
        let asked = ContinuousClock.now
        run.signal(SIGINT)
        #expect(try await run.ending.status == 128 + SIGINT)
        #expect(ContinuousClock.now - asked < .seconds(2))
        let resumed = try await Program.mf.run(["train", "--resume"] + fixture.arguments("twice"))
        #expect(resumed.status == 0, "\(resumed.standardError)")
        #expect(try Fixture.factors(of: fixture.folder("twice")) == fixture.factors)
    }

    @Test func withoutWorkersItEndsWithACheckpoint() async throws {
        let fixture = try await Fixture.made
        let coordinator = try await fixture.coordinator("deserted", "--worker-timeout", "1")
        let worker = try await fixture.worker("deserted")
        #expect(await coordinator.says("sweep 3: "))
        worker.signal(SIGTERM)
        let output = try await coordinator.ending
        #expect(output.status == 69, "\(output.standardError)")
        let resumed = try await Program.mf.run(["train", "--resume"] + fixture.arguments("deserted"))
        #expect(resumed.status == 0, "\(resumed.standardError)")
        #expect(resumed.standardError.contains("going on from the checkpoint"))
        #expect(try Fixture.factors(of: fixture.folder("deserted")) == fixture.factors)
    }

    @Test func theSecondCoordinatorOfAFolderEnds() async throws {
        let fixture = try await Fixture.made
        let first = try await fixture.coordinator("two")
        #expect(await first.says("listening on"))
        let second = try await Program.coordinator.run(
            fixture.arguments("two") + ["--resume", "--listen", "tcp://127.0.0.1:*"])
        #expect(second.status == 69)
        #expect(second.standardError.contains("another coordinator has these checkpoints"))
        first.signal(SIGTERM)
        #expect(try await first.ending.status == 128 + SIGTERM)
    }

    @Test func anotherJobDoesNotGoOn() async throws {
        let fixture = try await Fixture.made
        let run = try await Program.mf.start(["train"] + fixture.arguments("other"))
        #expect(await run.says("sweep 2: "))
        run.signal(SIGTERM)
        #expect(try await run.ending.status == 128 + SIGTERM)
        let differs = try await Program.mf.run(["train", "--resume"] + fixture.arguments("other") + ["--rank", "32"])
        #expect(differs.status == 64)
        #expect(differs.standardError.contains("--rank 32 instead of 64"), "\(differs.standardError)")
        let nothing = try await Program.mf.run(
            ["train", "--resume", "--ratings", fixture.store, "--model", fixture.folder("none")])
        #expect(nothing.status == 64 && nothing.standardError.contains("--checkpoint"))
        let nowhere = try await Program.mf.run(
            ["train", "--checkpoint-every", "5", "--ratings", fixture.store, "--model", fixture.folder("none")])
        #expect(nowhere.status == 64 && nowhere.standardError.contains("give --checkpoint"))
    }

    @Test(.enabled("only root may mount") { getuid() == 0 })
    func aFullDiskEndsTheJobInWordsAndTheCheckpointsBeforeAreWhole() async throws {
        let fixture = try await Fixture.made
        // Room for the first three checkpoints, which take 1.3 MB.
        guard let disk = try SmallDisk(in: fixture.folder, mebibytes: 2) else { return }
        defer { withExtendedLifetime(disk) {} }
        let arguments = fixture.arguments("full")
        let place = try #require(arguments.firstIndex(of: "--checkpoint")) + 1
        var onDisk = arguments
        onDisk[place] = disk.path + "/checkpoints"
        let run = try await Program.mf.run(["train"] + onDisk)
        #expect(run.status == 74, "\(run.standardError)")
        #expect(run.standardError.contains("a checkpoint cannot be written"), "\(run.standardError)")
        #expect(run.standardError.contains("free some space") && run.standardError.contains("--resume"))
        #expect(!FileManager.default.fileExists(atPath: fixture.folder("full")))
        // The disk is as full as before; the job goes on elsewhere.
        try FileManager.default.copyItem(atPath: onDisk[place], toPath: arguments[place])
        let resumed = try await Program.mf.run(["train", "--resume"] + arguments)
        #expect(resumed.status == 0, "\(resumed.standardError)")
        #expect(resumed.standardError.contains("going on from the checkpoint before the"))
        #expect(try Fixture.factors(of: fixture.folder("full")) == fixture.factors)
    }
}
