// Why: the promise of the project, tested with the real programs: the same model, byte for byte, whatever the
// number of workers and threads, over whatever transport, mapped or sent, and whoever dies on the way.

import Foundation
import TestKit
import Testing

@Suite(.serialized) struct SameBytesTests {
    @Test(arguments: [1, 2, 3], [1, 2])
    func trainGivesTheSameBytes(workers: Int, threads: Int) async throws {
        let fixture = try await ClusterFixture.made
        let model = fixture.folder("train-\(workers)-\(threads)")
        let output = try await Program.mf.run(
            [
                "train", "--ratings", fixture.store, "--model", model, "--workers", "\(workers)", "--threads",
                "\(threads)",
            ] + fixture.job)
        #expect(output.status == 0, "\(output.standardError)")
        #expect(try ClusterFixture.factors(of: model) == fixture.factors)
    }

    /// Workers before and after the coordinator, over tcp and ipc, with the store mapped and sent.
    @Test(arguments: ["tcp", "ipc"], [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2)])
    func clustersGiveTheSameBytes(transport: String, size: (workers: Int, threads: Int)) async throws {
        let (workers, threads) = size
        let fixture = try await ClusterFixture.made
        let name = "\(transport)-\(workers)-\(threads)"
        let model = fixture.folder("cluster-\(name)")
        let listen = transport == "tcp" ? "tcp://127.0.0.1:*" : "ipc://\(fixture.folder("socket-\(name)"))"
        var running: [RunningProgram] = []
        if transport == "ipc" {
            running.append(try await ClusterFixture.startWorker(listen, threads: threads, mapsStore: false))
        }
        let coordinator = try await Program.coordinator.start(
            ["--ratings", fixture.store, "--model", model, "--listen", listen, "--min-workers", "\(workers)"]
                + fixture.job)
        let endpoint = try await ClusterFixture.endpoint(of: coordinator)
        while running.count < workers {
            running.append(
                try await ClusterFixture.startWorker(endpoint, threads: threads, mapsStore: running.count % 2 == 0))
        }
        let output = try await coordinator.ending
        #expect(output.status == 0, "\(output.standardError)")
        #expect(try ClusterFixture.factors(of: model) == fixture.factors)
        for program in running {
            let output = try await program.ending
            #expect(output.status == 0, "\(output.standardError)")
        }
    }

    @Test func aKilledWorkerCostsNothingButTime() async throws {
        let fixture = try await ClusterFixture.made
        // Long enough that it is in full swing when the worker dies.
        let job = [
            "--rank", "64", "--solver", "exact", "--regularization", "0.05", "--sweeps", "20", "--tolerance", "0",
        ]
        let undisturbed = try await Program.mf.run(
            ["train", "--ratings", fixture.store, "--model", fixture.folder("undisturbed")] + job)
        #expect(undisturbed.status == 0, "\(undisturbed.standardError)")
        let model = fixture.folder("killed")
        let coordinator = try await Program.coordinator.start(
            [
                "--ratings", fixture.store, "--model", model, "--listen", "tcp://127.0.0.1:*", "--min-workers", "3",
            ] + job)
        let endpoint = try await ClusterFixture.endpoint(of: coordinator)
        var workers: [RunningProgram] = []
        for index in 0..<3 {
            workers.append(try await ClusterFixture.startWorker(endpoint, threads: 1, mapsStore: index > 0))
        }
        #expect(await coordinator.says("sweep 2: "))
        workers[0].signal(SIGKILL)
        let output = try await coordinator.ending
        #expect(output.status == 0, "\(output.standardError)")
        #expect(output.standardError.contains("left:"), "the job was over before the worker was killed")
        #expect(try ClusterFixture.factors(of: model) == ClusterFixture.factors(of: fixture.folder("undisturbed")))
        #expect(try await workers[0].ending.status == 128 + SIGKILL)
        for program in workers.dropFirst() { #expect(try await program.ending.status == 0) }
    }

    @Test func ratingFilesTrainToTheSameBytesAsStores() async throws {
        let fixture = try await ClusterFixture.made
        let lines = (0..<200).flatMap { user in
            (0..<10).map { "\(user)\t\((user * 7 + $0 * 13) % 50)\t\(1 + (user + $0) % 5)" }
        }
        let file = fixture.folder("ratings.tsv")
        try lines.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
        var models: [[Data]] = []
        let imported = try await Program.mf.run(["import", "--input", file, "--output", fixture.folder("imported")])
        #expect(imported.status == 0, "\(imported.standardError)")
        for (source, name) in [(file, "from-file"), (fixture.folder("imported"), "from-store")] {
            let output = try await Program.mf.run(
                ["train", "--ratings", source, "--model", fixture.folder(name), "--workers", "2"] + fixture.job)
            #expect(output.status == 0, "\(output.standardError)")
            models.append(try ClusterFixture.factors(of: fixture.folder(name)))
        }
        #expect(models[0] == models[1])
    }
}
