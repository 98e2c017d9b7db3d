// Why: who can write a checksum can write anything. A checkpoint that no coordinator has written is an error that names
// the key, and no job goes on from it.

import ArrayFiles
import Cluster
import ClusterRuntime
import Failures
import Foundation
import LeastSquares
import TestKit
import Testing
import Training

@Suite struct CheckpointDefectTests {
    private static let configuration = JobConfiguration(
        rank: 2, regularization: 1e-3, precision: .fp32, sweeps: 6, tolerance: 0, patience: 2)

    /// The checkpoints of a tiny job.
    private static let checkpoints: [Checkpoint] = {
        let (training, holdout) = SyntheticRatings.planted(users: 8, items: 6, ratings: 30, seed: 4)
        let data = JobData(ratings: training, holdout: holdout, rank: 2, minimumBlockCost: 100)
        let result = try? SimulatedCluster.run(.init(configuration: configuration, data: data, seed: 1, workers: 1))
        return result?.checkpoints ?? []
    }()

    /// One in the middle, with factors in every role.
    private static let checkpoint = checkpoints.first { $0.factors.count == Checkpoint.Factors.Role.allCases.count }!

    @Test func whatACoordinatorWritesIsRight() {
        #expect(Self.checkpoints.count > 8)
        for checkpoint in Self.checkpoints { #expect(checkpoint.record.defect(for: Self.configuration) == nil) }
    }

    /// A key of the record, where in its value, and what another has put there.
    static let changes: [(key: String, path: [String], value: any Sendable)] = [
        ("configuration", ["rank"], 3), ("configuration", ["rank"], Int.max), ("configuration", ["rank"], 0),
        ("configuration", ["sweeps"], Int.max), ("configuration", ["regularization"], -1.0),
        ("configuration", ["regularization"], 1e300), ("configuration", ["cg_steps"], Int.max),
        // What means the same, and is not.
        ("configuration", ["nonnegative"], false),
        ("next", ["index"], Int.max), ("next", ["index"], -1), ("next", ["sweep"], 0), ("next", ["sweep"], Int.max),
        ("next", ["solvedVersion"], Int.max), ("next", ["fixedVersion"], Int.max), ("next", ["fixedVersion"], -1),
        ("next", ["priorVersion"], -1), ("next", ["side"], "item"),
        ("schedule", ["count"], Int.max), ("schedule", ["count"], Int.min), ("schedule", ["newestVersion"], Int.max),
        ("schedule", ["sweeps"], 1_000_000_000), ("schedule", ["tolerance"], -1.0), ("schedule", ["rounding"], 1e300),
        ("schedule", ["versions", "item"], 0), ("schedule", ["versions", "user"], Int.max),
        ("sweeps", ["0", "sweep"], 2), ("sweeps", ["0", "bytes_sent"], -1), ("sweeps", ["0", "user_seconds"], -1.0),
        ("sweeps", ["0", "workers"], -1),
        ("early_stopping", ["bestSweep"], 5), ("early_stopping", ["bestSweep"], Int.max),
        ("early_stopping", ["bestSweep"], Int.min), ("early_stopping", ["bestSweep"], 0),
        ("seconds", ["user"], -1.0), ("penalty", ["item"], -1.0), ("item_result_penalty", [], -1.0),
        ("versions", ["user"], 0), ("versions", ["user"], Int.max), ("versions", ["item"], 1),
        ("versions", ["extrapolated_item"], 1), ("versions", ["kept_user"], 0), ("versions", ["kept_item"], Int.max),
        ("workers", ["0", "blocks"], Int.max), ("workers", ["0", "blocks"], 0), ("workers", ["0", "threads"], Int.max),
        ("workers", ["0", "threads"], 0),
    ]

    @Test(arguments: changes.indices) func aChangeIsNamed(index: Int) throws {
        let (key, path, value) = Self.changes[index]
        let record = try Self.record { $0 = Self.replacing($0, [key] + path, with: value) }
        #expect(record.defect(for: Self.configuration) == "the value of \"\(key)\" cannot be", "\(path) \(value)")
    }

    /// Without a key of each of these the record is none of the job, or would miss factors.
    @Test(arguments: ["extrapolated_item", "kept_user", "kept_item", "user", "item"])
    func missingFactorsAreNamed(role: String) throws {
        let record = try Self.record { record in
            var versions = record["versions"] as? [String: Any] ?? [:]
            versions[role] = nil
            record["versions"] = versions
        }
        // Factors that are not extrapolated are those that were solved.
        let expected = role == "extrapolated_item" ? nil : "the value of \"versions\" cannot be"
        #expect(record.defect(for: Self.configuration) == expected)
    }

    @Test func blocksThatNoMessageCarriesAreNamed() throws {
        var record = Self.checkpoint.record
        let rows = BlockPlan.maximumRowCount(width: 2)
        record.plan.user = try #require(BlockPlan(bounds: [0, rows + 1]))
        #expect(record.defect(for: Self.configuration) == "the value of \"plan\" cannot be")
        record.plan.user = try #require(BlockPlan(bounds: [0, rows, rows + 1]))
        #expect(record.defect(for: Self.configuration) == nil)
        record.plan.user = try #require(BlockPlan(bounds: Array(0...Limits.blockCount + 1)))
        #expect(record.defect(for: Self.configuration) == "the value of \"plan\" cannot be")
    }

    /// On disk, under a checksum that is right.
    @Test(arguments: [
        ("\"bestSweep\" : ", "\"bestSweep\" : 9", "early_stopping"), ("\"count\" : ", "\"count\" : 9", "schedule"),
        ("\"epoch\" : 3", "\"epoch\" : 18446744073709551615", "there is no epoch"),
        ("\"epoch\" : 3", "\"epoch\" : 1e30", "cannot be read"),
        ("\"penalty\" : ", "\"penalty\" : NaN, \"p\" : ", "cannot be read"),
    ])
    func aForgedCheckpointIsPassedOver(old: String, new: String, reason: String) throws {
        let temporary = try TemporaryFolder()
        let folder = try CheckpointFolder(path: temporary("c"), resumes: false)
        let index = try #require(Self.checkpoints.firstIndex { $0.record.next == Self.checkpoint.record.next })
        for checkpoint in Self.checkpoints[index - 1...index] {
            try folder.write(checkpoint, of: Envelope(job: 5, epoch: 3))
        }
        let newest = try #require(
            FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasPrefix("checkpoint-") }.max())
        try Self.forge("\(folder.path)/\(newest)/checkpoint.json", old, new)
        var warnings: [String] = []
        let found = try folder.newest(
            for: Self.configuration, storeFingerprint: "fingerprint", rowCounts: BySide(user: 8, item: 6)
        ) { warnings.append($0) }
        #expect(found?.checkpoint.record == Self.checkpoints[index - 1].record)
        #expect(
            warnings.count == 1 && warnings[0].contains(reason) && warnings[0].contains("checkpoint.json"),
            "\(warnings)")
    }

    @Test func theLastEpochThereIsIsNotFollowed() throws {
        let temporary = try TemporaryFolder()
        let folder = try CheckpointFolder(path: temporary("c"), resumes: false)
        let first = try folder.beginEpoch(after: nil)
        try Self.forge(folder.path + "/job.json", "\"epoch\" : 1", "\"epoch\" : 18446744073709551615")
        #expect(try folder.beginEpoch(after: first) == Envelope(job: first.job, epoch: 2))
    }

    // MARK: Forging

    private static func record(_ change: (inout [String: Any]) -> Void) throws -> Checkpoint.Record {
        let data = try JSONEncoder().encode(checkpoint.record)
        var object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        change(&object)
        return try JSONDecoder().decode(Checkpoint.Record.self, from: JSONSerialization.data(withJSONObject: object))
    }

    /// `object` with another value at a path of keys and places.
    private static func replacing<Object>(_ object: Object, _ path: [String], with value: Any) -> Object {
        guard let first = path.first else { return value as! Object }
        let rest = Array(path.dropFirst())
        if var dictionary = object as? [String: Any] {
            dictionary[first] = rest.isEmpty ? value : replacing(dictionary[first]!, rest, with: value)
            return dictionary as! Object
        }
        var list = object as! [Any]
        list[Int(first)!] = rest.isEmpty ? value : replacing(list[Int(first)!], rest, with: value)
        return list as! Object
    }

    /// Writes other text into a description, and a checksum that fits it.
    private static func forge(_ path: String, _ old: String, _ new: String) throws {
        var text = try String(contentsOfFile: path, encoding: .utf8)
        try text.replaceSubrange(#require(text.range(of: old)), with: new)
        let head = "{\n  \"checksum\" : \"".utf8.count
        let content = Array(text.utf8.dropFirst(head + 16))
        let digits = Checksum.text(content.withUnsafeBytes { Checksum.of($0) })
        try Data(Array(text.utf8.prefix(head)) + Array(digits.utf8) + content).write(to: URL(fileURLWithPath: path))
    }
}
