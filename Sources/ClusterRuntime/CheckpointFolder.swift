// Why: whatever ends a coordinator, its job goes on from the last half-step that is on disk. The folder that
// --checkpoint names belongs to one job and one coordinator at a time:
//
//     DIR/lock                      held by the coordinator; the kernel frees it when that dies
//     DIR/job.json                  the job and its epoch, which each coordinator raises before it answers anyone
//     DIR/checkpoint-00000012/      checkpoint.json (the record, and checksums), user_factors.npy, item_factors.npy ...
//     DIR/checkpoint-00000011/      the two before it
//     DIR/checkpoint-00000010/
//
// A checkpoint appears whole or not at all (see DirectoryReplacement), and is believed only if every byte has its
// checksum. A half-step changes one side, so a checkpoint shares the other side's file with the one before it by a hard
// link. No file is shared by more than two: with three checkpoints, any one file can be damaged and one is whole.

import ArrayFiles
import Cluster
import Failures
import Foundation
import LeastSquares
import Ratings
import Synchronization
import Training

/// The checkpoints of one job on disk.
public final class CheckpointFolder: Sendable {
    /// Checkpoints that are kept.
    package static let generations = 3
    /// Checkpoints that may share a file.
    private static let mostSharing = 2
    private static let prefix = "checkpoint-"

    public let path: String
    private let lock: FileLock
    /// Where each state of the factors is, in the newest checkpoint, and in how many it is.
    private let written = Mutex<[Checkpoint.Factors.Identity: WrittenFactors]>([:])
    /// Those newer than the one that the job goes on from: their names are those of its next ones.
    private let damaged = Mutex<[Int]>([])

    /// Makes the folder if there is none, and takes its lock.
    /// - Parameter resumes: whether checkpoints that are there shall be gone on from; else there must be none.
    /// - Throws: a ``Failure``: `unavailable` when another coordinator has the folder; `cannotCreate` when it cannot be
    ///   made, holds what is not ours, or holds checkpoints that nobody asked to go on from; `usage` for an empty path.
    public init(path: String, resumes: Bool) throws(Failure) {
        guard !path.isEmpty else {
            throw Failure(.usage, "the path of the checkpoints is empty", at: "--checkpoint", remedy: "give a path")
        }
        self.path = URL(fileURLWithPath: path).standardizedFileURL.path
        try Self.makeFolder(self.path)
        lock = try FileLock(
            path: self.path + "/lock",
            taken: Failure(
                .unavailable, "another coordinator has these checkpoints", at: self.path,
                remedy: "end it, or choose another folder"))
        for name in try names() where name.hasPrefix(".\(Self.prefix)") || name.hasPrefix(".job.json.tmp-") {
            // Left by a coordinator that was killed while it wrote.
            try? FileManager.default.removeItem(atPath: self.path + "/" + name)
        }
        let generations = try generationsOnDisk()
        guard resumes || generations.isEmpty else {
            throw Failure(
                .cannotCreate, "holds checkpoints of a job that was not finished", at: self.path,
                remedy: "say --resume to go on with it, remove the folder to give it up, or choose another")
        }
    }

    private static func makeFolder(_ path: String) throws(Failure) {
        let (parent, name) = (URL(fileURLWithPath: path).deletingLastPathComponent().path, path)
        guard FileManager.default.fileExists(atPath: name) else {
            guard FileManager.default.fileExists(atPath: parent) else {
                throw Failure(.cannotCreate, "the folder \(parent) does not exist", at: path, remedy: "create it first")
            }
            try systemCall("create the folder", at: path, kind: .cannotCreate) { mkdir(path, 0o755) }
            return try syncDirectory(parent)
        }
        guard let content = try? FileManager.default.contentsOfDirectory(atPath: path) else {
            throw Failure(
                .cannotCreate, "is not a folder that can be read", at: path, remedy: "choose another path")
        }
        if let foreign = content.sorted().first(where: { !isOurs($0) }) {
            throw Failure(
                .cannotCreate, "the folder holds \(foreign), which no checkpoint has", at: path,
                remedy: "give an empty folder, or one that is not there yet")
        }
        guard access(path, W_OK | X_OK) == 0 else {
            throw Failure(systemError: errno, "write to the folder", at: path, kind: .cannotCreate)
        }
    }

    private static func isOurs(_ name: String) -> Bool {
        name == "lock" || name == "job.json" || generation(name) != nil || name.hasPrefix(".\(prefix)")
            || name.hasPrefix(".job.json.tmp-")
    }

    private func names() throws(Failure) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw Failure(.inputOutput, "the folder cannot be read", at: path, remedy: "check its permissions")
        }
    }

    // MARK: The job

    /// Begins an epoch of the folder's job, or the first of a new one, and writes it down before it returns.
    /// - Parameter known: the newest epoch that a checkpoint knows of.
    package func beginEpoch(after known: Envelope?) throws(Failure) -> Envelope {
        let file = path + "/job.json"
        // Damaged or missing, it is made anew; checkpoints carry what they know of it.
        let last = [known, (try? SealedJSON.read(JobFile.self, at: file))?.envelope].compactMap(\.self)
        let newest = last.filter(\.canBeFollowed).max { $0.epoch < $1.epoch }
        let envelope =
            newest.map { Envelope(job: $0.job, epoch: $0.epoch + 1) }
            ?? Envelope(job: .random(in: 1 ... .max), epoch: 1)
        try replaceFile(at: file) { temporary throws(Failure) in
            try SealedJSON.write(JobFile(job: envelope.job, epoch: envelope.epoch), to: temporary)
        }
        try syncDirectory(path)
        return envelope
    }

    // MARK: Reading

    /// The newest whole checkpoint, and the epoch that wrote it; nil when there is none at all.
    /// - Parameter warn: told of every checkpoint that was passed over.
    /// - Throws: a ``Failure``: `usage` when it is of a job with other options, `badData` when it is of other ratings
    ///   or when none of those that are there is whole; `system` when one cannot be read for want of memory.
    package func newest(
        for configuration: JobConfiguration, storeFingerprint: String, rowCounts: BySide<Int>, warn: (String) -> Void
    ) throws(Failure) -> (checkpoint: Checkpoint, envelope: Envelope)? {
        var passedOver: [Int] = []
        // What is out of memory, or of descriptors, may be whole, and would be removed as damaged.
        func passOver(_ generation: Int, _ failure: Failure) throws(Failure) {
            guard failure.kind != .system else { throw failure }
            warn("this checkpoint is passed over: \(failure)")
            passedOver.append(generation)
        }
        let generations = try generationsOnDisk()
        for generation in generations {
            let folder = folder(generation)
            let description: CheckpointDescription
            do throws(Failure) {
                description = try SealedJSON.read(
                    CheckpointDescription.self, at: folder + "/" + CheckpointDescription.file)
            } catch {
                try passOver(generation, error)
                continue
            }
            try requireSameJob(description.record, configuration, storeFingerprint, rowCounts, folder)
            do throws(Failure) {
                try description.check(configuration, generation: generation, folder)
                let factors = try description.record.versions.map { role, version throws(Failure) in
                    try Self.load(role, version, description, folder)
                }
                damaged.withLock { $0 = passedOver }
                return (Checkpoint(record: description.record, factors: factors), description.envelope)
            } catch {
                try passOver(generation, error)
            }
        }
        guard generations.isEmpty else {
            throw Failure(
                .badData, "none of the \(generations.count) checkpoints is whole", at: path,
                remedy: "restore them from a copy, or remove the folder and begin the job anew")
        }
        return nil
    }

    private func requireSameJob(
        _ record: Checkpoint.Record, _ configuration: JobConfiguration, _ fingerprint: String, _ rowCounts: BySide<Int>,
        _ folder: String
    ) throws(Failure) {
        guard record.storeFingerprint == fingerprint, record.plan.map(\.rowCount) == rowCounts else {
            throw Failure(
                .badData,
                "the checkpoint is of other ratings: their fingerprint is \(record.storeFingerprint), and not \(fingerprint)",
                at: folder, remedy: "give the ratings that the job began with, or another --checkpoint folder")
        }
        let differences = configuration.differences(from: record.configuration)
        guard differences.isEmpty else {
            throw Failure(
                .usage, "the checkpoint is of a job with other options: \(differences.joined(separator: ", "))",
                at: folder,
                remedy: "give the same options, or another --checkpoint folder")
        }
    }

    private static func load(
        _ role: Checkpoint.Factors.Role, _ version: Int, _ description: CheckpointDescription, _ folder: String
    ) throws(Failure) -> Checkpoint.Factors {
        let (path, plan) = (folder + "/" + fileName(role), description.record.plan[role.side])
        let width = description.record.configuration.width
        let array = try ArrayView<Float>(mapping: path, dimensions: 2)
        guard array.shape == [plan.rowCount, width] else {
            throw Failure(.badData, "has the shape \(array.shape), not \([plan.rowCount, width])", at: path)
        }
        // Copies, which no one can change any more, are what is checked.
        let payloads = (0..<plan.count).map { block in
            let rows = plan.rows(block)
            let bytes = UnsafeRawBufferPointer(
                UnsafeBufferPointer(rebasing: array.elements[rows.lowerBound * width..<rows.upperBound * width]))
            return Payload(byteCount: bytes.count) { $0.copyMemory(from: bytes) }
        }
        let factors = Checkpoint.Factors(role: role, version: version, payloads: payloads)
        guard factors.checksum == description.checksums[role.rawValue] else {
            throw Failure(.badData, "does not match its checksum", at: path)
        }
        return factors
    }

    // MARK: Writing

    /// Writes a checkpoint, and removes those that are not kept any more.
    /// - Parameter failpoints: hit before `checkpoint.described`, `checkpoint.renamed` and `checkpoint.pruned`.
    /// - Throws: a ``Failure``; the checkpoints that were there are as they were then.
    package func write(
        _ checkpoint: Checkpoint, of envelope: Envelope, failpoints: Failpoints = .none
    ) throws(Failure) {
        for generation in damaged.withLock({ damaged in
            defer { damaged = [] }; return damaged
        }) { remove(generation) }
        let generation = checkpoint.record.next.index
        let replacement = try DirectoryReplacement(destination: folder(generation), marker: CheckpointDescription.file)
        let previous = written.withLock { $0 }
        var present: [Checkpoint.Factors.Identity: WrittenFactors] = [:]
        var checksums: [String: String] = [:]
        for factors in checkpoint.factors {
            let name = Self.fileName(factors.role)
            var file = WrittenFactors(path: folder(generation) + "/" + name, name: name, checksum: "", sharing: 1)
            if let own = present[factors.identity], link(replacement.path(own.name), replacement.path(name)) == 0 {
                file = own
            } else if let old = previous[factors.identity], old.sharing < Self.mostSharing,
                link(old.path, replacement.path(name)) == 0
            {
                (file.checksum, file.sharing) = (old.checksum, old.sharing + 1)
            } else {
                let shape = [checkpoint.record.plan[factors.role.side].rowCount, checkpoint.record.configuration.width]
                try ArrayWriter.archive(factors.payloads.lazy.map(\.floats), shape: shape, to: replacement.path(name))
                file.checksum = factors.checksum
            }
            present[factors.identity] = file
            checksums[factors.role.rawValue] = file.checksum
        }
        failpoints.hit("checkpoint.described")
        try SealedJSON.write(
            CheckpointDescription(
                job: envelope.job, epoch: envelope.epoch, record: checkpoint.record, checksums: checksums),
            to: replacement.path(CheckpointDescription.file))
        failpoints.hit("checkpoint.renamed")
        try replacement.commit()
        failpoints.hit("checkpoint.pruned")
        written.withLock { $0 = present }
        for old in ((try? generationsOnDisk()) ?? []).dropFirst(Self.generations) { remove(old) }
    }

    /// Removes all that is in the folder but the lock: the job is finished.
    public func clear() {
        for generation in ((try? generationsOnDisk()) ?? []).reversed() { remove(generation) }
        unlink(path + "/job.json")
    }

    /// Removes a checkpoint: at once from sight, so that no half of it is ever taken for one.
    private func remove(_ generation: Int) {
        let hidden = path + "/.\(Self.prefix)removed-\(getpid())"
        try? FileManager.default.removeItem(atPath: hidden)
        rename(folder(generation), hidden)
        try? FileManager.default.removeItem(atPath: hidden)
    }

    // MARK: Names

    /// The checkpoints that are there, the newest first.
    private func generationsOnDisk() throws(Failure) -> [Int] {
        try names().compactMap(Self.generation).sorted(by: >)
    }

    private func folder(_ generation: Int) -> String {
        let digits = String(generation)
        return path + "/" + Self.prefix + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
    }

    private static func generation(_ name: String) -> Int? {
        name.hasPrefix(prefix) ? Int(name.dropFirst(prefix.count)) : nil
    }

    private static func fileName(_ role: Checkpoint.Factors.Role) -> String { "\(role.rawValue)_factors.npy" }
}

/// A file of factors on disk.
private struct WrittenFactors: Sendable {
    let path: String
    let name: String
    var checksum: String
    /// Checkpoints that have it.
    var sharing: Int
}

extension Checkpoint.Factors {
    /// XXH64 of the payloads' checksums, which are known already from their way here.
    fileprivate var checksum: String {
        var checksum = Checksum()
        for payload in payloads {
            withUnsafeBytes(of: payload.checksum.littleEndian) { checksum.update($0) }
        }
        return Checksum.text(checksum.value)
    }
}

/// What `job.json` holds.
private struct JobFile: SealedDocument {
    static let format = "swift-mf job"
    static let formatVersion = 1

    var job: UInt64
    var epoch: UInt64

    var envelope: Envelope { Envelope(job: job, epoch: epoch) }
}

extension Envelope {
    /// Whether it is of a job, and there can be a next epoch.
    fileprivate var canBeFollowed: Bool { job >= 1 && epoch >= 1 && epoch < .max }
}

/// What `checkpoint.json` holds.
private struct CheckpointDescription: SealedDocument {
    static let format = "swift-mf checkpoint"
    static let formatVersion = 1
    static let file = "checkpoint.json"

    var job: UInt64
    var epoch: UInt64
    var record: Checkpoint.Record
    /// By role: XXH64 over the XXH64s of the blocks' elements.
    var checksums: [String: String]

    var envelope: Envelope { Envelope(job: job, epoch: epoch) }

    /// - Throws: a ``Failure`` of kind `badData` when no coordinator can have written it.
    func check(_ configuration: JobConfiguration, generation: Int, _ folder: String) throws(Failure) {
        let defect =
            record.defect(for: configuration)
            ?? (envelope.canBeFollowed ? nil : "there is no epoch \(epoch) of a job \(job)")
            ?? (record.next.index == generation ? nil : "it is the checkpoint before half-step \(record.next.index)")
        if let defect { throw Failure(.badData, defect, at: folder + "/" + Self.file) }
    }
}
