// Why: the memory that a worker's actions work on: factors of both sides, ratings of its blocks, and the solver.
// The shell and the simulation use the same.

import Failures
import LeastSquares
import Ratings
import Training

/// A worker's factors, ratings and solver for one job.
///
/// `solve` runs on the solver's thread while `install...` run on the thread of the state machine.
public final class WorkerMemory: @unchecked Sendable {
    // Unchecked, because the state machine keeps the two threads apart: it never installs factors where the solver
    // reads or writes (Worker.isInUse), and a block's ratings are installed before it is handed over and never
    // after. `received` itself is only touched on the machine's thread; a task carries its block's ratings along.
    public let job: JobDescription
    /// The ratings, when the store is mapped; else they come block by block.
    private let data: JobData?
    private let factors: BySide<FactorMatrix>
    private let solver: BlockSolver
    /// What ranks solved items, when the job asks for that. Only used on the solver's thread, as the solver is.
    private let ranker: SampleRanker?
    /// What the solver has been given to hold fixed. Only touched on the solver's thread.
    private var fixed: (side: Side, version: Int)?
    private var received: BySide<[Int: RatingsBlock]> = BySide(user: [:], item: [:])

    /// What the solver needs for one block.
    public struct Task: Sendable {
        public let halfStep: HalfStep
        public let block: Int
        let ratings: RatingsBlock
    }

    /// What a solved block is.
    public struct Solution: Sendable {
        /// Its new factors, compact.
        public let factors: Payload
        public let sums: BlockSums
        /// For the sampled users (``SampleRanker``); none unless the job asks for them and the half-step ends a sweep.
        public let lists: [RankedList]

        public init(factors: Payload, sums: BlockSums, lists: [RankedList] = []) {
            self.factors = factors
            self.sums = sums
            self.lists = lists
        }
    }

    /// - Parameter data: the ratings, when the store is mapped; else they come with `installRatings`.
    public init(job: JobDescription, threads: Int, data: JobData?) throws(Failure) {
        self.job = job
        self.data = data
        let initial = job.initialFactors
        factors = try BySide(user: Side.user, item: Side.item).map { side throws(Failure) in
            let matrix = try FactorMatrix(
                rowCount: job.plan[side].rowCount, rank: job.rank, hasBiases: job.solver.hasBiases)
            for block in 0..<job.plan[side].count {
                let rows = job.plan[side].rows(block)
                withUnsafeTemporaryAllocation(of: Float.self, capacity: rows.count * job.solver.width) { compact in
                    initial.write(side: side, rows: rows, to: compact.baseAddress!)
                    matrix.setRows(rows, from: compact.baseAddress!)
                }
            }
            return matrix
        }
        let kernels = try Kernels(level: job.kernelLevel)
        solver = try BlockSolver(configuration: job.solver, kernels: kernels, threads: threads)
        try solver.reserve(fixedRowCount: max(factors.user.rowCount, factors.item.rowCount))
        let items = job.plan.item
        ranker =
            job.rankedUsers.isEmpty
            ? nil
            : try SampleRanker(
                sample: job.rankedUsers, userCount: job.plan.user.rowCount,
                largestBlock: (0..<items.count).reduce(0) { max($0, items.rows($1).count) }, rank: job.rank,
                kernels: kernels, threads: threads)
    }

    public func installRatings(_ side: Side, block: Int, _ ratings: RatingsBlock) {
        received[side][block] = ratings
    }

    /// Gives up ratings that came with `installRatings`; a task that has them keeps them to its end.
    public func releaseRatings(_ side: Side, blocks: [Int]) {
        for block in blocks { received[side][block] = nil }
    }

    public func installFactors(_ side: Side, block: Int, _ payload: Payload) {
        factors[side].setRows(job.plan[side].rows(block), from: payload.bytes.baseAddress!)
    }

    /// The task of solving a block whose ratings are here.
    public func task(_ halfStep: HalfStep, block: Int) -> Task {
        let ratings = data?.block(halfStep.side, block) ?? received[halfStep.side][block]!
        return Task(halfStep: halfStep, block: block, ratings: ratings)
    }

    /// Solves a block, and ranks its items if need be.
    public func solve(_ task: Task) throws(Failure) -> Solution {
        let side = task.halfStep.side
        let needed = (side: side.other, version: task.halfStep.fixedVersion)
        if fixed.map({ $0 != needed }) ?? true {
            try solver.fix(factors[needed.side])
            fixed = needed
        }
        var sums = BlockSums.zero
        let payload = try Payload(byteCount: job.factorByteCount(side, task.block)) { bytes throws(Failure) in
            sums = try solver.solve(
                task.ratings.ratings, holdout: task.ratings.holdout, rows: job.plan[side].rows(task.block), side: side,
                solved: factors[side],
                into: bytes.bindMemory(to: Float.self).baseAddress!)
        }
        guard let ranker, task.halfStep.endsSweep else { return Solution(factors: payload, sums: sums) }
        let lists = ranker.rank(
            block: task.block, rows: job.plan.item.rows(task.block), of: task.halfStep, factors: payload.floats,
            ratings: task.ratings.ratings, users: factors.user)
        return Solution(factors: payload, sums: sums, lists: lists)
    }
}
