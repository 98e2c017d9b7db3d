// Why: all that a worker needs to know of a job, in one message.

import ArrayFiles
import LeastSquares
import Ratings
import Training

/// What determines the results of a job's blocks, and where the ratings may be found.
public struct JobDescription: Sendable, Hashable {
    public var solver: SolverConfiguration
    public var kernelLevel: KernelLevel
    /// Seed of the initial factors.
    public var seed: UInt64
    public var plan: BySide<BlockPlan>
    /// The store's path on the coordinator's host. A worker that finds a store of the same fingerprint there maps
    /// it; the others are sent their ratings.
    public var storePath: String
    public var storeFingerprint: String
    /// The rows of the users for whom solved items are ranked (``RankingSample``), ascending; none when nobody asks.
    public var rankedUsers: [Int]

    public init(
        solver: SolverConfiguration, kernelLevel: KernelLevel, seed: UInt64, plan: BySide<BlockPlan>,
        storePath: String, storeFingerprint: String, rankedUsers: [Int] = []
    ) {
        self.solver = solver
        self.kernelLevel = kernelLevel
        self.seed = seed
        self.plan = plan
        self.storePath = storePath
        self.storeFingerprint = storeFingerprint
        self.rankedUsers = rankedUsers
    }

    public var rank: Int { solver.rank }
    public var initialFactors: InitialFactors {
        InitialFactors(seed: seed, rank: rank, hasBiases: solver.hasBiases, isNonnegative: solver.isNonnegative)
    }

    /// What a worker needs beside ratings, as far as this tells.
    public func memoryNeed(threads: Int) -> MemoryNeed {
        MemoryNeed(
            rowCounts: plan.map(\.rowCount), solver: solver, threads: threads, rankedUserCount: rankedUsers.count)
    }

    /// Bytes of the factors of block `block` of `side`.
    public func factorByteCount(_ side: Side, _ block: Int) -> Int {
        plan[side].rows(block).count * solver.width * MemoryLayout<Float>.size
    }
}

extension JobDescription {
    func write(to writer: inout WireWriter) {
        solver.write(to: &writer)
        writer.text(kernelLevel.rawValue)
        writer.integer(seed)
        for side in Side.allCases {
            writer.list(plan[side].bounds) { writer, bound in writer.integer(UInt32(bound)) }
        }
        writer.text(storePath)
        writer.text(storeFingerprint)
        writer.list(rankedUsers) { writer, user in writer.integer(UInt32(user)) }
    }

    init(from reader: inout WireReader) throws(WireError) {
        solver = try SolverConfiguration(from: &reader)
        kernelLevel = try reader.choice(KernelLevel.self)
        seed = try reader.integer()
        var plans: [BlockPlan] = []
        for _ in Side.allCases {
            let bounds = try reader.list(atMost: Limits.blockCount + 1) { reader throws(WireError) in
                try reader.count(UInt32.self, in: 0...Int(UInt32.max))
            }
            guard let plan = BlockPlan(bounds: bounds) else { throw WireError("the blocks are out of order") }
            plans.append(plan)
        }
        plan = BySide(user: plans[0], item: plans[1])
        storePath = try reader.text()
        storeFingerprint = try reader.text()
        let userCount = plan.user.rowCount
        rankedUsers = try reader.list(atMost: Limits.rankedUserCount) { reader throws(WireError) in
            try reader.count(UInt32.self, in: 0...Int(UInt32.max))
        }
        guard zip(rankedUsers, rankedUsers.dropFirst()).allSatisfy({ $0 < $1 }), rankedUsers.last ?? -1 < userCount,
            rankedUsers.isEmpty || solver.implicit != nil
        else { throw WireError("the users to rank items for are not users of this job, in order") }
    }
}

extension SolverConfiguration {
    func write(to writer: inout WireWriter) {
        writer.integer(UInt32(rank))
        writer.number(regularization)
        writer.text(scaling.rawValue)
        writer.text(solver.rawValue)
        writer.text(precision.rawValue)
        writer.integer(UInt32(conjugateGradientSteps))
        writer.number(intercept)
        writer.flag(isNonnegative)
        writer.flag(hasBiases)
        if let biasRegularization { writer.number(biasRegularization) }
        writer.text(implicit == nil ? "explicit" : "implicit")
        if let implicit {
            writer.text(implicit.confidence.rawValue)
            writer.number(implicit.unseenConfidence)
        }
    }

    init(from reader: inout WireReader) throws(WireError) {
        self.init(
            rank: try reader.count(UInt32.self, in: 1...JobConfiguration.maximumRank),
            regularization: try reader.double(), scaling: try reader.choice(RegularizationScaling.self),
            solver: try reader.choice(SolverKind.self), precision: try reader.choice(Precision.self),
            conjugateGradientSteps: try reader.count(
                UInt32.self, in: 1...JobConfiguration.maximumConjugateGradientSteps),
            intercept: try reader.float())
        isNonnegative = try reader.flag()
        if try reader.flag() { biasRegularization = try reader.double() }
        switch try reader.text() {
        case "explicit": break
        case "implicit":
            implicit = ImplicitLoss(
                confidence: try reader.choice(Confidence.self), unseenConfidence: try reader.double())
        default: throw WireError("the loss is unknown")
        }
        guard regularization.isFinite, regularization >= 0, intercept.isFinite,
            implicit.map({ $0.unseenConfidence.isFinite && $0.unseenConfidence >= 0 && intercept == 0 }) ?? true,
            biasRegularization.map({ $0 == regularization || ($0 > 0 && $0.isFinite && regularization > 0) }) ?? true,
            biasRegularization == nil || implicit == nil, !isNonnegative || solver != .cg
        else { throw WireError("the regularization, the intercept or a confidence is not a number that can be") }
    }
}
