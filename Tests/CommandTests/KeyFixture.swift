// Why: tests of keys need some, a store, and the model that a job without keys makes of it.

import Foundation
import TestKit
import Testing

/// A store, pairs of keys, and the factors of an undisturbed job of 50 sweeps without keys.
final class KeyFixture: Sendable {
    let folder: TemporaryFolder
    let factors: [Data]

    static let names = ["coordinator", "gpu1", "gpu2", "stranger", "other"]
    private static let sweeps = 50

    private static func job(sweeps: Int) -> [String] {
        [
            "--rank", "64", "--solver", "exact", "--regularization", "0.05", "--sweeps", "\(sweeps)", "--tolerance",
            "0",
        ]
    }

    private init() async throws {
        folder = try TemporaryFolder()
        try SyntheticRatings.writeStore(to: folder("store"), users: 3000, items: 1000, ratings: 120_000, seed: 5)
        for name in Self.names {
            let output = try await Program.mf.run(["keygen", folder(name)])
            try #require(output.status == 0, "\(output.standardError)")
        }
        factors = try await Self.train(folder, sweeps: Self.sweeps)
    }

    private static func train(_ folder: TemporaryFolder, sweeps: Int) async throws -> [Data] {
        let model = folder("reference-\(sweeps)")
        let output = try await Program.mf.run(
            ["train", "--ratings", folder("store"), "--model", model, "--threads", "1"] + job(sweeps: sweeps))
        try #require(output.status == 0, "\(output.standardError)")
        return try ClusterFixture.factors(of: model)
    }

    /// Those of a job of so many sweeps.
    func factors(sweeps: Int) async throws -> [Data] { try await Self.train(folder, sweeps: sweeps) }

    private static let shared = Task { try await KeyFixture() }
    static var made: KeyFixture { get async throws { try await shared.value } }

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

    /// Starts a coordinator on a free port, with a list of keys or without any.
    /// - Parameter isSlow: whether each half-step takes a tenth of a second longer, so that others can knock meanwhile.
    func coordinator(
        _ model: String, list: String?, sweeps: Int = KeyFixture.sweeps, _ options: [String] = [], isSlow: Bool = false
    ) async throws -> RunningProgram {
        try await Program.coordinator.start(
            ["--ratings", folder("store"), "--model", folder(model), "--listen", "tcp://127.0.0.1:*"]
                + Self.job(sweeps: sweeps) + options
                + (list.map { ["--key", folder("coordinator.key_secret"), "--allow", $0] } ?? []),
            environment: isSlow ? ["MF_FAILPOINTS": "coordinator.halfstep:*=delay"] : [:])
    }

    /// Starts a worker with a key and that of its coordinator, or without any.
    /// - Parameter timeout: seconds after which it gives up.
    func worker(
        _ endpoint: String, key: String?, coordinator: String = "coordinator", timeout: Int = 300,
        _ options: [String] = []
    ) async throws -> RunningProgram {
        try await Program.worker.start(
            ["--coordinator", endpoint, "--threads", "1", "--coordinator-timeout", "\(timeout)"] + options
                + (key.map { ["--key", folder("\($0).key_secret"), "--coordinator-key", folder("\(coordinator).key")] }
                    ?? []))
    }

    /// The characters of a secret key.
    func secret(_ name: String) throws -> String {
        try String(contentsOfFile: folder("\(name).key_secret"), encoding: .utf8).trimmingCharacters(
            in: .whitespacesAndNewlines)
    }

    /// The first characters of a public key, by which it is called when it is denied.
    func beginning(_ name: String) throws -> String {
        String(try String(contentsOfFile: folder("\(name).key"), encoding: .utf8).prefix(6))
    }
}
