// Why: between two half-steps a job is a small record and the factors of both sides. From these any coordinator can go
// on, with any workers, to the same model. A checkpoint holds payloads as they are, so to take one costs nothing; what
// it costs to keep one on disk is the shell's affair.

import LeastSquares
import Ratings
import Training

/// A job between two half-steps.
public struct Checkpoint: Sendable {
    /// Factors of one side, as they were at some time.
    public struct Factors: Sendable {
        public enum Role: String, Sendable, Hashable, Codable, CaseIterable {
            /// The latest results of a side.
            case user, item
            /// What the next user half-step reads in place of the items' results.
            case extrapolatedItem = "extrapolated_item"
            /// The results of the sweep that early stopping would keep.
            case keptUser = "kept_user"
            case keptItem = "kept_item"

            public var side: Side {
                switch self {
                case .user, .keptUser: .user
                case .item, .extrapolatedItem, .keptItem: .item
                }
            }
        }

        /// Which state of the side this is; those of equal identity are equal.
        public struct Identity: Sendable, Hashable {
            public let side: Side
            public let version: Int
            public let isExtrapolated: Bool
        }

        public let role: Role
        public let version: Int
        /// One a block, in block order.
        public let payloads: [Payload]

        public init(role: Role, version: Int, payloads: [Payload]) {
            self.role = role
            self.version = version
            self.payloads = payloads
        }

        public var identity: Identity {
            Identity(side: role.side, version: version, isExtrapolated: role == .extrapolatedItem)
        }
    }

    /// All but the factors.
    public struct Record: Sendable, Hashable, Codable {
        public var configuration: JobConfiguration
        public var storeFingerprint: String
        public var kernelLevel: KernelLevel
        public var plan: BySide<BlockPlan>
        /// The half-step with which the job goes on.
        public var next: HalfStep
        public var schedule: Schedule
        public var earlyStopping: EarlyStopping?
        public var sweeps: [SweepRecord]
        /// Seconds spent on the sweep that is under way.
        public var seconds: BySide<Double>
        /// The regularization of the factors that the workers read, and of the items' results.
        public var penalty: BySide<Double>
        public var itemResultPenalty: Double
        /// The version of each array of factors; a side that lacks one has its initial factors.
        public var versions: [Factors.Role: Int]
        /// Who has taken part so far; nil in checkpoints that were made before this was noted.
        public var workers: [WorkerRecord]?

        enum CodingKeys: String, CodingKey {
            case configuration, plan, next, schedule, sweeps, seconds, penalty, versions, workers
            case storeFingerprint = "store_fingerprint"
            case kernelLevel = "kernel_level"
            case earlyStopping = "early_stopping"
            case itemResultPenalty = "item_result_penalty"
        }
    }

    public let record: Record
    /// Those that `record.versions` names.
    public let factors: [Factors]

    /// - Precondition: `factors` are those that `record.versions` names, of its plan and rank.
    public init(record: Record, factors: [Factors]) {
        precondition(Dictionary(uniqueKeysWithValues: factors.map { ($0.role, $0.version) }) == record.versions)
        self.record = record
        self.factors = factors
    }

    subscript(role: Factors.Role) -> Factors? { factors.first { $0.role == role } }
}

extension Checkpoint.Factors.Role: CodingKeyRepresentable {}
