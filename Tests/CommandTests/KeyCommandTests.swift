// Why: keys are there to be used, so with them all goes on as without: the same model, whoever comes and goes. And what
// is secret must be nowhere but in its own file, whatever a job writes.

import Foundation
import TestKit
import Testing

@Suite(.serialized) struct KeyCommandTests {
    private static func argumentsAndEnvironment(of pid: Int32) -> Data {
        ["cmdline", "environ"].reduce(Data()) {
            $0 + (FileManager.default.contents(atPath: "/proc/\(pid)/\($1)") ?? Data())
        }
    }

    /// A whole job, its coordinator ended and started again in its midst: with keys it gives the bytes that it gives
    /// without, the model names its workers by their keys, and no secret is anywhere to be read.
    @Test func keysChangeNothingAndShowNowhere() async throws {
        let fixture = try await KeyFixture.made
        let list = try fixture.list("list-same", of: ["gpu1", "gpu2"])
        let options = ["--checkpoint", fixture.folder("checkpoint"), "--min-workers", "2", "--log-level", "trace"]
        var said: [Data] = []
        for isResumed in [false, true] {
            let coordinator = try await fixture.coordinator(
                "same", list: list, options + (isResumed ? ["--resume"] : []), isSlow: !isResumed)
            let endpoint = try await ClusterFixture.endpoint(of: coordinator)
            let workers = [
                try await fixture.worker(endpoint, key: "gpu1", ["--log-level", "trace"]),
                try await fixture.worker(
                    endpoint, key: "gpu2",
                    ["--log-level", "trace", "--no-map-store", "--cache", fixture.folder("cache")]),
            ]
            if !isResumed {
                #expect(await coordinator.says("sweep 2: "))
                let visible = ([coordinator] + workers).map { Self.argumentsAndEnvironment(of: $0.pid) }
                #expect(visible.allSatisfy { $0.range(of: Data("key_secret".utf8)) != nil })
                said += visible
                coordinator.signal(SIGTERM)
            }
            let output = try await coordinator.ending
            #expect(output.status == (isResumed ? 0 : 128 + SIGTERM), "\(output.standardError)")
            for worker in ["gpu1", "gpu2"] { #expect(output.standardError.contains("worker \(worker) (")) }
            said += [output.standardOutput, output.standardError].map { Data($0.utf8) }
            for worker in workers {
                let output = try await worker.ending
                said += [output.standardOutput, output.standardError].map { Data($0.utf8) }
            }
            // The checkpoints, as long as they are there.
            for folder in ["checkpoint", "cache"] { said += try Self.files(in: fixture.folder(folder)) }
        }
        #expect(try ClusterFixture.factors(of: fixture.folder("same")) == fixture.factors)
        said += try Self.files(in: fixture.folder("same"))
        #expect(said.reduce(0) { $0 + $1.count } > 2_000_000, "checkpoints, cache and model are among it")
        for name in KeyFixture.names {
            let text = try fixture.secret(name)
            let bytes = try Self.decode(text)
            for needle in [Data(text.utf8), bytes, Data(bytes.reversed())] {
                #expect(said.allSatisfy { $0.range(of: needle) == nil }, "the secret key of \(name)")
            }
        }

        let history = try #require(
            JSONSerialization.jsonObject(
                with: Data(contentsOf: URL(fileURLWithPath: fixture.folder("same/training.json"))))
                as? [String: Any])
        let workers = try #require(history["workers"] as? [[String: Any]])
        let names = workers.compactMap { $0["name"] as? String }
        // A process each before the coordinator ended, and after.
        #expect(names.count { $0.hasPrefix("gpu1 (") } == 2 && names.count { $0.hasPrefix("gpu2 (") } == 2, "\(names)")
        #expect(workers.allSatisfy { ($0["blocks"] as? Int).map { $0 > 0 } == true && $0["threads"] as? Int == 1 })
    }

    /// The content of all files in a folder and the folders in it.
    private static func files(in folder: String) throws -> [Data] {
        try FileManager.default.subpathsOfDirectory(atPath: folder).compactMap {
            FileManager.default.contents(atPath: "\(folder)/\($0)")
        }
    }

    /// The 32 bytes that 40 characters of Z85 stand for (ZeroMQ RFC 32), five characters for four bytes.
    private static func decode(_ text: String) throws -> Data {
        let digits = Array("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#".utf8)
        let values = try text.utf8.map { try #require(digits.firstIndex(of: $0)) }
        #expect(values.count == 40)
        return Data(
            stride(from: 0, to: 40, by: 5).flatMap { start in
                let value = values[start..<start + 5].reduce(0) { 85 * $0 + $1 }
                return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
            })
    }

    @Test func keysComeAndGoWhileTheJobRuns() async throws {
        let fixture = try await KeyFixture.made
        let list = try fixture.list("list-change", of: ["gpu1"])
        let coordinator = try await fixture.coordinator("change", list: list, sweeps: 1_000_000)
        let endpoint = try await ClusterFixture.endpoint(of: coordinator)
        let first = try await fixture.worker(endpoint, key: "gpu1")
        let second = try await fixture.worker(endpoint, key: "gpu2")
        #expect(await coordinator.says("worker gpu1 ("))
        #expect(await second.says("denies this worker's key"))
        try fixture.allow("gpu2", in: list)
        #expect(await coordinator.says("worker gpu2 ("), "\(coordinator.standardError)")
        try FileManager.default.removeItem(atPath: "\(list)/gpu1.key")
        let output = try await first.ending
        #expect(output.status == 69)
        #expect(output.standardError.contains("its key is not on the coordinator's list"), "\(output.standardError)")
        #expect(coordinator.standardError.contains("left: its key is not on the coordinator's list"))
        // The other goes on.
        let sweep = coordinator.standardError.components(separatedBy: "sweep ").count
        let end = ContinuousClock.now + .seconds(60)
        while coordinator.standardError.components(separatedBy: "sweep ").count < sweep + 3, ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(coordinator.standardError.components(separatedBy: "sweep ").count >= sweep + 3)
        coordinator.signal(SIGTERM)
        _ = try await coordinator.ending
        _ = try await second.ending
    }

    @Test func halfOfTheKeysIsAMistake() async throws {
        let fixture = try await KeyFixture.made
        let key = fixture.folder("gpu1.key_secret")
        let common = [
            "--ratings", fixture.folder("store"), "--model", fixture.folder("none"), "--listen", "tcp://127.0.0.1:*",
        ]
        for (program, arguments) in [
            (Program.coordinator, common + ["--key", key]), (.coordinator, common + ["--allow", fixture.folder.path]),
            (.coordinator, common + ["--key", key, "--allow", fixture.folder.path, "--insecure"]),
            (.worker, ["--coordinator", "tcp://127.0.0.1:1", "--key", key]),
            (.worker, ["--coordinator", "tcp://127.0.0.1:1", "--coordinator-key", fixture.folder("gpu1.key")]),
            (.worker, ["--coordinator", "tcp://10.0.0.1:5555"]),
        ] {
            let output = try await program.run(arguments)
            #expect(output.status == 64, "\(arguments): \(output.standardError)")
        }
    }

    @Test func whatIsInsecureSaysSo() async throws {
        let fixture = try await KeyFixture.made
        let worker = try await Program.worker.run(
            ["--coordinator", "tcp://127.0.0.1:1", "--insecure", "--coordinator-timeout", "1"])
        #expect(worker.standardError.contains("warning mf-worker: --insecure"))
        let coordinator = try await Program.coordinator.start([
            "--ratings", fixture.folder("store"), "--model", fixture.folder("none"), "--listen", "tcp://0.0.0.0:*",
            "--insecure",
        ])
        #expect(await coordinator.says("warning mf-coordinator: --insecure"))
        coordinator.signal(SIGTERM)
        _ = try await coordinator.ending
    }
}
