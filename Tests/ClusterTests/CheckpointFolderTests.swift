// Why: a checkpoint is what a job is worth after a crash. Whatever has happened to its files, what is read is just what
// was written, or an older one, or an error.

import Cluster
import ClusterRuntime
import Failures
import Foundation
import LeastSquares
import TestKit
import Testing
import Training

@Suite struct CheckpointFolderTests {
    private static let configuration = JobConfiguration(
        rank: 2, regularization: 1e-3, precision: .fp32, sweeps: 6, tolerance: 0, patience: 2)
    private static let epoch = Envelope(job: 5, epoch: 3)

    /// The checkpoints of a tiny job, with factors in every role.
    private static let checkpoints: [Checkpoint] = {
        let (training, holdout) = SyntheticRatings.planted(users: 8, items: 6, ratings: 30, seed: 4)
        let data = JobData(ratings: training, holdout: holdout, rank: 2, minimumBlockCost: 100)
        let result = try? SimulatedCluster.run(.init(configuration: configuration, data: data, seed: 1, workers: 1))
        return result?.checkpoints ?? []
    }()

    private static func bytes(_ checkpoint: Checkpoint?) -> [[UInt8]] {
        (checkpoint?.factors ?? []).sorted { $0.role.rawValue < $1.role.rawValue }
            .map { factors in
                factors.payloads.flatMap { payload in withExtendedLifetime(payload) { Array(payload.bytes) } }
            }
    }

    private static func newest(
        _ folder: CheckpointFolder, configuration: JobConfiguration = configuration, fingerprint: String = "fingerprint"
    ) throws(Failure) -> (checkpoint: Checkpoint?, warnings: [String]) {
        var warnings: [String] = []
        let found = try folder.newest(
            for: configuration, storeFingerprint: fingerprint, rowCounts: BySide(user: 8, item: 6)
        ) { warnings.append($0) }
        return (found?.checkpoint, warnings)
    }

    private static func isSame(_ checkpoint: Checkpoint?, _ other: Checkpoint) -> Bool {
        checkpoint?.record == other.record && bytes(checkpoint) == bytes(other)
    }

    @Test func theJobHasFactorsInEveryRole() {
        #expect(Set(Self.checkpoints.flatMap(\.factors).map(\.role)) == Set(Checkpoint.Factors.Role.allCases))
        #expect(Self.checkpoints[0].record.plan.user.count > 1)
    }

    @Test func whatIsWrittenIsRead() throws {
        let temporary = try TemporaryFolder()
        for checkpoint in Self.checkpoints {
            do {
                let folder = try CheckpointFolder(path: temporary("c"), resumes: true)
                try folder.write(checkpoint, of: Self.epoch)
            }
            let folder = try CheckpointFolder(path: temporary("c"), resumes: true)
            let (read, warnings) = try Self.newest(folder)
            #expect(Self.isSame(read, checkpoint) && warnings == [])
        }
    }

    @Test func threeCheckpointsAreKeptAndNoFileIsInMoreThanTwo() throws {
        let temporary = try TemporaryFolder()
        let folder = try CheckpointFolder(path: temporary("c"), resumes: false)
        for checkpoint in Self.checkpoints { try folder.write(checkpoint, of: Self.epoch) }
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
            $0.hasPrefix("checkpoint-")
        }
        #expect(names.count == CheckpointFolder.generations)
        var places: [UInt64: Set<String>] = [:]
        for name in names {
            for file in try FileManager.default.contentsOfDirectory(atPath: folder.path + "/" + name) {
                let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder.path)/\(name)/\(file)")
                places[try #require(attributes[.systemFileNumber] as? UInt64), default: []].insert(name)
            }
        }
        #expect(places.values.map(\.count).max() == 2)
    }

    /// Each byte of each file of the newest checkpoint in turn: what is read is never it, and always one before it.
    @Test func everyFlippedByteIsFound() throws {
        let temporary = try TemporaryFolder()
        let folder = try CheckpointFolder(path: temporary("c"), resumes: false)
        let written = Self.checkpoints.suffix(3)
        for checkpoint in written { try folder.write(checkpoint, of: Self.epoch) }
        let newest = try #require(
            FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasPrefix("checkpoint-") }.max())
        var flips = 0
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path + "/" + newest) {
            let file = try FileHandle(forUpdating: URL(fileURLWithPath: "\(folder.path)/\(newest)/\(name)"))
            let content = try #require(try file.readToEnd())
            for index in content.indices {
                // In place, so that a checkpoint that shares the file is damaged as well.
                try file.seek(toOffset: UInt64(index))
                try file.write(contentsOf: [content[index] ^ 0x20])
                let (read, warnings) = try Self.newest(folder)
                let isOlder = written.dropLast().contains { Self.isSame(read, $0) }
                #expect(isOlder && !warnings.isEmpty, "byte \(index) of \(name)")
                try file.seek(toOffset: UInt64(index))
                try file.write(contentsOf: [content[index]])
                flips += 1
            }
        }
        #expect(flips > 1000)
        #expect(Self.isSame(try Self.newest(folder).checkpoint, written.last!))
    }

    @Test func aCheckpointThatIsCutOrLacksAFileIsPassedOver() throws {
        let temporary = try TemporaryFolder()
        let folder = try CheckpointFolder(path: temporary("c"), resumes: false)
        let written = Array(Self.checkpoints.suffix(3))
        for checkpoint in written { try folder.write(checkpoint, of: Self.epoch) }
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
            $0.hasPrefix("checkpoint-")
        }
        .sorted(by: >)
        let path = folder.path + "/" + names[0]
        let content = try Data(contentsOf: URL(fileURLWithPath: path + "/user_factors.npy"))
        // Removed and made anew: the older one keeps its own.
        try FileManager.default.removeItem(atPath: path + "/user_factors.npy")
        #expect(Self.isSame(try Self.newest(folder).checkpoint, written[1]))
        try content.dropLast().write(to: URL(fileURLWithPath: path + "/user_factors.npy"))
        #expect(Self.isSame(try Self.newest(folder).checkpoint, written[1]))
        try FileManager.default.removeItem(atPath: folder.path + "/" + names[1])
        #expect(Self.isSame(try Self.newest(folder).checkpoint, written[0]))
        try FileManager.default.removeItem(atPath: "\(folder.path)/\(names[2])/checkpoint.json")
        let error = #expect(throws: Failure.self) { try Self.newest(folder) }
        #expect(error?.kind == .badData)
    }

    /// Whatever has become of the newest, its successors are written under the same names.
    @Test(arguments: ["cut", "removed", "foreign", "flipped"])
    func theJobGoesOnPastADamagedCheckpoint(damage: String) throws {
        let temporary = try TemporaryFolder()
        let folder = try CheckpointFolder(path: temporary("c"), resumes: false)
        let written = Array(Self.checkpoints.suffix(4))
        for checkpoint in written.dropLast() { try folder.write(checkpoint, of: Self.epoch) }
        let newest = try #require(
            FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasPrefix("checkpoint-") }.max())
        let marker = URL(fileURLWithPath: "\(folder.path)/\(newest)/checkpoint.json")
        switch damage {
        case "cut": try Data().write(to: marker)
        case "removed": try FileManager.default.removeItem(at: marker)
        case "foreign":
            try Data("{}".utf8).write(to: marker)
            try Data().write(to: URL(fileURLWithPath: "\(folder.path)/\(newest)/.nfs01"))
        default:
            var content = try Data(contentsOf: marker)
            content[content.count / 2] ^= 1
            try content.write(to: marker)
        }
        #expect(Self.isSame(try Self.newest(folder).checkpoint, written[1]))
        for checkpoint in written.suffix(2) {
            try folder.write(checkpoint, of: Self.epoch)
            #expect(Self.isSame(try Self.newest(folder).checkpoint, checkpoint))
        }
    }

    @Test func onlyTheSameJobGoesOn() throws {
        let temporary = try TemporaryFolder()
        let folder = try CheckpointFolder(path: temporary("c"), resumes: false)
        try folder.write(Self.checkpoints[2], of: Self.epoch)
        var other = Self.configuration
        (other.rank, other.patience) = (3, nil)
        let options = #expect(throws: Failure.self) { try Self.newest(folder, configuration: other) }
        #expect(options?.kind == .usage)
        #expect(options?.what.contains("--rank 3 instead of 2") == true)
        #expect(options?.what.contains("--patience not given instead of 2") == true)
        let ratings = #expect(throws: Failure.self) { try Self.newest(folder, fingerprint: "another") }
        #expect(ratings?.kind == .badData)
    }

    @Test func everyCoordinatorHasAnEpochOfItsOwn() throws {
        let temporary = try TemporaryFolder()
        let folder = try CheckpointFolder(path: temporary("c"), resumes: false)
        let first = try folder.beginEpoch(after: nil)
        let second = try folder.beginEpoch(after: nil)
        #expect(second == Envelope(job: first.job, epoch: first.epoch + 1))
        // What a checkpoint knows counts when the file is lost.
        try FileManager.default.removeItem(atPath: folder.path + "/job.json")
        #expect(try folder.beginEpoch(after: second) == Envelope(job: first.job, epoch: first.epoch + 2))
    }

    @Test func oneCoordinatorAtATimeHasTheFolder() throws {
        let temporary = try TemporaryFolder()
        let folder = try CheckpointFolder(path: temporary("c"), resumes: false)
        let error = #expect(throws: Failure.self) { try CheckpointFolder(path: temporary("c"), resumes: true) }
        #expect(error?.kind == .unavailable)
        withExtendedLifetime(folder) {}
    }

    @Test func nothingIsOverwrittenThatNobodyGaveUp() throws {
        let temporary = try TemporaryFolder()
        do {
            let folder = try CheckpointFolder(path: temporary("c"), resumes: false)
            try folder.write(Self.checkpoints[0], of: Self.epoch)
        }
        let unfinished = #expect(throws: Failure.self) { try CheckpointFolder(path: temporary("c"), resumes: false) }
        #expect(unfinished?.kind == .cannotCreate && unfinished?.remedy.contains("--resume") == true)
        try FileManager.default.createDirectory(atPath: temporary("other"), withIntermediateDirectories: false)
        try Data("1".utf8).write(to: URL(fileURLWithPath: temporary("other/thesis.txt")))
        let foreign = #expect(throws: Failure.self) { try CheckpointFolder(path: temporary("other"), resumes: true) }
        #expect(foreign?.kind == .cannotCreate && foreign?.what.contains("thesis.txt") == true)
    }

    @Test func aFinishedJobLeavesNothingToGoOnFrom() throws {
        let temporary = try TemporaryFolder()
        do {
            let folder = try CheckpointFolder(path: temporary("c"), resumes: false)
            _ = try folder.beginEpoch(after: nil)
            for checkpoint in Self.checkpoints { try folder.write(checkpoint, of: Self.epoch) }
            folder.clear()
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: temporary("c")) == ["lock"])
        let folder = try CheckpointFolder(path: temporary("c"), resumes: true)
        #expect(try Self.newest(folder).checkpoint == nil)
    }
}
