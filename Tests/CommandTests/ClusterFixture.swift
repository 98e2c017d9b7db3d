// Why: tests of clusters need a store, the model that one undisturbed worker makes of it, and processes.

import Foundation
import TestKit
import Testing

/// A store whose training takes long enough to be disturbed, and the factors of one worker with one thread.
final class ClusterFixture: Sendable {
    let folder: TemporaryFolder
    let job: [String]
    let factors: [Data]

    var store: String { folder("store") }

    private init(users: Int, items: Int, ratings: Int, job: [String]) async throws {
        folder = try TemporaryFolder()
        self.job = job + ["--tolerance", "0", "--log-level", "debug"]
        try SyntheticRatings.writeStore(to: folder("store"), users: users, items: items, ratings: ratings, seed: 5)
        let output = try await Program.mf.run(
            ["train", "--ratings", folder("store"), "--model", folder("reference"), "--workers", "1", "--threads", "1"]
                + self.job)
        try #require(output.status == 0, "\(output.standardError)")
        factors = try Self.factors(of: folder("reference"))
    }

    /// At rank 128 there are some 80 blocks of users and 40 of items.
    private static let shared = Task {
        try await ClusterFixture(
            users: 3000, items: 1000, ratings: 120_000,
            job: ["--rank", "128", "--regularization", "0.05", "--sweeps", "6"])
    }
    static var made: ClusterFixture { get async throws { try await shared.value } }

    /// Two sweeps of some 60 blocks.
    private static let sharedSmall = Task {
        try await ClusterFixture(
            users: 1500, items: 500, ratings: 60_000,
            job: ["--rank", "128", "--regularization", "0.05", "--sweeps", "2"])
    }
    static var small: ClusterFixture { get async throws { try await sharedSmall.value } }

    static func factors(of model: String) throws -> [Data] {
        try ["user_factors.npy", "item_factors.npy", "user_biases.npy", "item_biases.npy"]
            .map { URL(fileURLWithPath: model + "/" + $0) }
            // A model without biases has no files of them.
            .filter { !$0.path.contains("biases") || FileManager.default.fileExists(atPath: $0.path) }
            .map { try Data(contentsOf: $0) }
    }

    // MARK: Processes

    /// Starts a coordinator on a free port.
    func startCoordinator(
        _ model: String, _ options: [String], environment: [String: String] = [:]
    ) async throws -> (RunningProgram, endpoint: String) {
        let coordinator = try await Program.coordinator.start(
            ["--ratings", store, "--model", folder(model), "--listen", "tcp://127.0.0.1:*"] + job + options,
            environment: environment)
        return (coordinator, try await Self.endpoint(of: coordinator))
    }

    static func startWorker(
        _ endpoint: String, threads: Int = 1, mapsStore: Bool = true, _ options: [String] = [],
        failpoints: String? = nil
    ) async throws -> RunningProgram {
        try await Program.worker.start(
            ["--coordinator", endpoint, "--threads", "\(threads)", mapsStore ? "--map-store" : "--no-map-store"]
                + options,
            environment: failpoints.map { ["MF_FAILPOINTS": $0] } ?? [:])
    }

    static func endpoint(of coordinator: RunningProgram) async throws -> String {
        try #require(await coordinator.says("listening on "), "\(coordinator.standardError)")
        let text = coordinator.standardError
        let rest = try #require(text.firstRange(of: "listening on ")).upperBound
        return String(text[rest...].prefix { !$0.isNewline })
    }

    /// The port of an endpoint of tcp.
    static func port(of endpoint: String) throws -> UInt16 {
        try #require(endpoint.split(separator: ":").last.flatMap { UInt16($0) })
    }
}
