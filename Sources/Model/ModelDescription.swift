// Why: `model.json` says how a model came about and how to check that its files are whole. It holds no times and no
// host names: the same job gives the same bytes, wherever and whenever it runs.

import ArrayFiles
import Ratings
import Training

/// What `model.json` holds.
public struct ModelDescription: SealedDocument, Sendable, Hashable {
    public static let format = "swift-mf model"
    public static let formatVersion = 1

    /// What determined the model beside the ratings.
    public var configuration: JobConfiguration
    /// Added to every product of factors; what was subtracted from the ratings before the fit.
    public var intercept: Double
    /// The kernels that every worker of the job used.
    public var kernelLevel: String
    /// Fingerprint of the store it was trained on.
    public var storeFingerprint: String
    /// Rows of `user_factors.npy` and `item_factors.npy`.
    public var users: Int
    public var items: Int
    /// Columns of both.
    public var rank: Int
    public var userIDs: IDMap.Kind
    public var itemIDs: IDMap.Kind
    /// Sweeps done.
    public var sweeps: Int
    /// Whether training stopped because it had converged, and not because its sweeps were used up.
    public var converged: Bool
    /// The sweep whose factors these are, where early stopping chose it; nil for the last.
    public var keptSweep: Int?
    /// File name to checksum (16 hexadecimal digits), for every file but this one and `training.json`, whose seconds
    /// differ from run to run. Both of those carry their own.
    public var checksums: [String: String]

    enum CodingKeys: String, CodingKey {
        case configuration, intercept, users, items, rank, sweeps, converged, checksums
        case keptSweep = "kept_sweep"
        case kernelLevel = "kernel_level"
        case storeFingerprint = "store_fingerprint"
        case userIDs = "user_ids"
        case itemIDs = "item_ids"
    }
}

/// What `training.json` holds.
public struct TrainingHistory: SealedDocument, Sendable, Hashable {
    public static let format = "swift-mf training history"
    public static let formatVersion = 1

    public var sweeps: [SweepRecord]
    /// The workers that took part, by name; nil in models that were made before this was noted.
    public var workers: [WorkerRecord]?
}

/// The names of a model's files; ``IDMap`` chooses the ending of those of the ids.
enum ModelFile {
    static let description = "model.json"
    static let training = "training.json"
    static let userFactors = "user_factors.npy"
    static let itemFactors = "item_factors.npy"
    static let userBiases = "user_biases.npy"
    static let itemBiases = "item_biases.npy"
    static let userIDs = "user_ids"
    static let itemIDs = "item_ids"
}
