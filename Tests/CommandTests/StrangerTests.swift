// Why: that no stranger gets in is tested from outside, with the real programs and with raw connections, while a job is
// running which none of it may disturb.

import Foundation
import TestKit
import Testing

@Suite(.serialized) struct StrangerTests {
    /// A store, keys, and the model of an undisturbed job without them.
    private final class Fixture: Sendable {
        let folder: TemporaryFolder
        let factors: [Data]

        /// Some seconds long, so that it is in full swing while others knock.
        static let job = [
            "--rank", "64", "--solver", "exact", "--regularization", "0.05", "--sweeps", "120", "--tolerance", "0",
            "--log-level", "debug",
        ]

        private init() async throws {
            folder = try TemporaryFolder()
            try SyntheticRatings.writeStore(to: folder("store"), users: 3000, items: 1000, ratings: 120_000, seed: 5)
            for name in ["coordinator", "gpu1", "gpu2", "stranger", "other"] {
                let output = try await Program.mf.run(["keygen", folder(name)])
                try #require(output.status == 0, "\(output.standardError)")
            }
            let output = try await Program.mf.run(
                ["train", "--ratings", folder("store"), "--model", folder("reference"), "--threads", "1"] + Self.job)
            try #require(output.status == 0, "\(output.standardError)")
            factors = try Self.factors(of: folder("reference"))
        }

        private static let shared = Task { try await Fixture() }
        static var made: Fixture { get async throws { try await shared.value } }

        static func factors(of model: String) throws -> [Data] {
            try ClusterFixture.factors(of: model)
        }

        /// A new list of keys.
        func list(_ name: String, of workers: [String]) throws -> String {
            let list = folder(name)
            try FileManager.default.createDirectory(
                atPath: list, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
            for worker in workers { try allow(worker, in: list) }
            return list
        }

        func allow(_ worker: String, in list: String) throws {
            try FileManager.default.copyItem(atPath: folder("\(worker).key"), toPath: "\(list)/\(worker).key")
        }

        func coordinator(_ model: String, list: String?, job: [String] = Fixture.job) async throws -> RunningProgram {
            try await Program.coordinator.start(
                ["--ratings", folder("store"), "--model", folder(model), "--listen", "tcp://127.0.0.1:*"] + job
                    + (list.map { ["--key", folder("coordinator.key_secret"), "--allow", $0] } ?? []))
        }

        func worker(
            _ endpoint: String, key: String?, coordinator: String = "coordinator", timeout: Int = 300
        ) async throws -> RunningProgram {
            try await Program.worker.start(
                ["--coordinator", endpoint, "--threads", "1", "--coordinator-timeout", "\(timeout)"]
                    + (key.map { ["--key", folder("\($0).key_secret"), "--coordinator-key", folder("\(coordinator).key")] } ?? []))
        }

        var secrets: [String] {
            get throws {
                try ["coordinator", "gpu1", "gpu2", "stranger", "other"].map {
                    try String(contentsOfFile: folder("\($0).key_secret"), encoding: .utf8)
                        .trimmingCharacters(in: .whitespacesAndNewlines)
                }
            }
        }
    }

    private static func endpoint(of coordinator: RunningProgram) async throws -> String {
        try #require(await coordinator.says("listening on "), "\(coordinator.standardError)")
        let rest = try #require(coordinator.standardError.components(separatedBy: "listening on ").dropFirst().first)
        return try #require(rest.split(separator: "\n").first.map(String.init))
    }

    private static func arguments(of pid: Int32) -> String {
        let bytes = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") ?? Data()
        let environment = FileManager.default.contents(atPath: "/proc/\(pid)/environ") ?? Data()
        return String(decoding: bytes + environment, as: UTF8.self)
    }

    /// With keys the job gives the bytes that it gives without, and no secret is anywhere to be read.
    @Test func keysChangeNothingAndShowNowhere() async throws {
        let fixture = try await Fixture.made
        let list = try fixture.list("list-same", of: ["gpu1", "gpu2"])
        let coordinator = try await fixture.coordinator("same", list: list)
        let endpoint = try await Self.endpoint(of: coordinator)
        let workers = [
            try await fixture.worker(endpoint, key: "gpu1"), try await fixture.worker(endpoint, key: "gpu2"),
        ]
        #expect(await coordinator.says("sweep 2: "))
        var said = ([coordinator] + workers).map { Self.arguments(of: $0.pid) }
        #expect(said.allSatisfy { $0.contains("key_secret") })
        let output = try await coordinator.ending
        #expect(output.status == 0, "\(output.standardError)")
        #expect(output.standardError.contains("worker gpu1 ("))
        #expect(output.standardError.contains("worker gpu2 ("))
        #expect(try Fixture.factors(of: fixture.folder("same")) == fixture.factors)
        said += [output.standardOutput, output.standardError]
        for worker in workers {
            let output = try await worker.ending
            #expect(output.status == 0, "\(output.standardError)")
            said += [output.standardOutput, output.standardError]
        }
        for name in try FileManager.default.contentsOfDirectory(atPath: fixture.folder("same")) {
            let content = try Data(contentsOf: URL(fileURLWithPath: fixture.folder("same/\(name)")))
            said.append(String(decoding: content, as: UTF8.self))
        }
        for secret in try fixture.secrets {
            #expect(secret.utf8.count == 40)
            #expect(said.allSatisfy { !$0.contains(secret) })
        }
    }

    /// All who knock at the door of a running job are turned away, each with a line that says why, and the job goes on.
    @Test func strangersAreDeniedAndDisturbNothing() async throws {
        let fixture = try await Fixture.made
        let list = try fixture.list("list-strangers", of: ["gpu1"])
        let coordinator = try await fixture.coordinator("strangers", list: list)
        let endpoint = try await Self.endpoint(of: coordinator)
        // The job does not begin before all have knocked: they knock at a coordinator that waits, and at one that works.
        for (key, server, reason) in [
            ("stranger", "coordinator", "denies this worker's key"),
            ("gpu1", "other", "check that --coordinator-key"),
            (nil, "coordinator", "--key and --coordinator-key"),
        ] as [(String?, String, String)] {
            let worker = try await fixture.worker(endpoint, key: key, coordinator: server, timeout: 2)
            let output = try await worker.ending
            #expect(output.status == 69)
            #expect(output.standardError.contains(reason), "\(output.standardError)")
        }
        let worker = try await fixture.worker(endpoint, key: "gpu1")
        #expect(await coordinator.says("sweep 1: "))
        let before = ProcessMemory(of: [coordinator.pid]).anonymous
        let port = try #require(UInt16(endpoint.split(separator: ":").last ?? ""))
        for greeting in RawGreeting.allCases { try greeting.send(to: port) }
        let after = ProcessMemory(of: [coordinator.pid]).anonymous
        #expect(after - before < 64 << 20, "\(before) \(after)")
        let output = try await coordinator.ending
        #expect(output.status == 0, "\(output.standardError)")
        #expect(try Fixture.factors(of: fixture.folder("strangers")) == fixture.factors)
        #expect(try await worker.ending.status == 0)
        let lines = output.standardError.split(separator: "\n").filter { $0.contains("denied ") }
        for reason in ["it is not in", "another coordinator's key", "does not speak this protocol"] {
            // The address may be unknown the first time, when the connection ended before it could be looked up.
            #expect((1...2).contains(lines.count { $0.contains(reason) }), "\(reason): \(output.standardError)")
        }
        #expect(lines.contains { $0.contains("without a key") || $0.contains("no key") }, "\(output.standardError)")
        #expect(lines.count <= 10)
        #expect(!output.standardError.contains(" left: "), "the worker was disturbed")
    }

    @Test func keysComeAndGoWhileTheJobRuns() async throws {
        let fixture = try await Fixture.made
        let list = try fixture.list("list-change", of: ["gpu1"])
        var job = Fixture.job
        job[job.firstIndex(of: "--sweeps")! + 1] = "1000000"
        let coordinator = try await fixture.coordinator("change", list: list, job: job)
        let endpoint = try await Self.endpoint(of: coordinator)
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

    @Test func aKeyIsNotAskedOfThoseWhoHaveNone() async throws {
        let fixture = try await Fixture.made
        let coordinator = try await fixture.coordinator("keyless", list: nil)
        let endpoint = try await Self.endpoint(of: coordinator)
        let worker = try await fixture.worker(endpoint, key: "gpu1", timeout: 2)
        let output = try await worker.ending
        #expect(output.status == 69)
        #expect(output.standardError.contains("started with --key and --allow"), "\(output.standardError)")
        coordinator.signal(SIGTERM)
        _ = try await coordinator.ending
    }

    @Test func halfOfTheKeysIsAMistake() async throws {
        let fixture = try await Fixture.made
        let key = fixture.folder("gpu1.key_secret")
        let common = ["--ratings", fixture.folder("store"), "--model", fixture.folder("none"), "--listen", "tcp://127.0.0.1:*"]
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
        let fixture = try await Fixture.made
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

/// What strangers say who speak no protocol of ours.
private enum RawGreeting: CaseIterable {
    case zmtp1, zmtp2, http, random, gigabyte, silence

    private var bytes: [UInt8] {
        switch self {
        case .zmtp1: return [1, 0]
        case .zmtp2: return [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 1, 5, 0, 0]
        case .http: return Array("GET / HTTP/1.0\r\n\r\n".utf8)
        case .random:
            var generator = SeededGenerator(seed: 7)
            return (0..<3000).map { _ in UInt8.random(in: 0...255, using: &generator) }
        case .gigabyte:
            let greeting: [UInt8] = [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 0] + Array("CURVE".utf8)
                + [UInt8](repeating: 0, count: 15 + 32)
            // A command whose length is 2^30.
            return greeting + [6, 0, 0, 0, 0, 0x40, 0, 0, 0] + [UInt8](repeating: 9, count: 1 << 20)
        case .silence: return []
        }
    }

    /// Connects, says it, and hangs up.
    func send(to port: UInt16) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafeBytes(of: &address) {
            connect(descriptor, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
        }
        try #require(connected == 0)
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            // The coordinator has hung up.
            if count <= 0 { break }
            rest = rest.dropFirst(count)
        }
        usleep(200_000)
    }
}
