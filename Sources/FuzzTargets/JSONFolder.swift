// Why: what a JSON file says is dangerous by what is done with it: shapes meet arrays, options meet solvers, and a
// checkpoint goes on as a job. So the fuzzer changes one file of a whole folder, and the folder is then put to use.

import ArrayFiles
import Cluster
import ClusterRuntime
import Failures
import Foundation
import LeastSquares
import Model
import Ratings
import Training

/// Folders of ours of which one JSON file is somebody else's.
enum JSONFolder: UInt8, CaseIterable {
    /// A store, its `store.json`.
    case store
    /// A model, its `model.json`, or its `training.json`.
    case model, history
    /// Checkpoints, the `checkpoint.json` of the only one, or their `job.json`.
    case checkpoint, job

    /// The file, from the folder.
    private var file: String {
        switch self {
        case .store: "store.json"
        case .model: "model.json"
        case .history: "training.json"
        case .checkpoint: "checkpoint-00000008/checkpoint.json"
        case .job: "job.json"
        }
    }

    /// What stands before the checksum's digits in each of them.
    private static let opening = Array("{\n  \"checksum\" : \"".utf8)
    private static let digitCount = 16

    /// What the file holds after its checksum when nobody has changed it.
    func original(scratch: String) throws -> [UInt8] {
        let path = "\(scratch)/original-\(self)"
        try make(at: path)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return Array(try readFile("\(path)/\(file)").dropFirst(Self.opening.count + Self.digitCount))
    }

    /// Has a folder read and used whose file holds `content`, after a checksum that is right.
    func use(_ content: some Collection<UInt8>, scratch: String) throws {
        let path = "\(scratch)/\(self)"
        if !FileManager.default.fileExists(atPath: path) { try make(at: path) }
        let content = Array(content)
        let digits = Array(Checksum.text(content.withUnsafeBytes { Checksum.of($0) }).utf8)
        try Data(Self.opening + digits + content).write(to: URL(fileURLWithPath: "\(path)/\(file)"))
        switch self {
        case .store:
            let store = try RatingStore.open(path)
            _ = JobData(ratings: store.ratings, holdout: store.holdout, rank: 3).block(.item, 0).encoded()
            _ = (store.description.density, store.userIDs.id(of: 0), store.itemIDs.row(of: "0"))
        case .model, .history:
            let model = try FactorModel.open(path)
            _ = model.topItems(for: 0, count: 3)
            _ = try? model.folded(.user, from: SmallJob.ratings.byUser, threads: 1)
        case .checkpoint, .job:
            let folder = try CheckpointFolder(path: path, resumes: true)
            let resumed = try folder.newest(
                for: SmallJob.configuration, storeFingerprint: SmallJob.fingerprint,
                rowCounts: SmallJob.plan.map(\.rowCount)
            ) { _ in }
            let envelope = try folder.beginEpoch(after: resumed?.envelope)
            if let resumed { SmallJob.finish(from: resumed.checkpoint, envelope) }
        }
    }

    private func make(at path: String) throws {
        switch self {
        case .store: try SmallJob.store().save(to: path)
        case .model, .history: try SmallJob.writeModel(to: path)
        case .checkpoint, .job:
            let folder = try CheckpointFolder(path: path, resumes: true)
            let envelope = try folder.beginEpoch(after: nil)
            try folder.write(SmallJob.checkpoint(), of: envelope)
        }
    }
}
