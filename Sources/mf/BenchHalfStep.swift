// Why: what the solver itself takes, without processes and sockets: the figure that the time of a sweep in a cluster is
// held against.

import ArgumentParser
import CommandSupport
import Failures
import Foundation
import LeastSquares
import Ratings
import Training

struct BenchHalfStep: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "half-step",
        abstract: "Times both half-steps in this process, sweep by sweep.",
        discussion: """
            Useful operations are those that an exact solver must do, by normal equations in single precision: \
            conjugate gradients, the dual system and bfloat16 do with less, so theirs can pass the peak. --generate \
            holds a tenth out.
            Examples:
              mf bench half-step --ratings store --rank 64
              mf bench half-step --generate 138000x27000x20000000 --rank 64 --solver exact \\
                  --precision bf16
            """)

    @Option(help: ArgumentHelp("A rating store.", valueName: "store"))
    var ratings: String?

    @Option(
        help: ArgumentHelp("Generated ratings with the marginals of Netflix's.", valueName: "users x items x ratings"))
    var generate: String?

    @OptionGroup var solver: BenchSolverOptions

    @Option(help: ArgumentHelp("Sweeps to run; the first starts from random factors.", valueName: "n"))
    var sweeps = 4

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if (ratings == nil) == (generate == nil) { throw ValidationError("Give either --ratings or --generate.") }
        if let generate, GeneratorConfiguration(size: generate) == nil {
            throw ValidationError("--generate takes USERSxITEMSxRATINGS.")
        }
        if sweeps < 1 { throw ValidationError("--sweeps must be 1 or more.") }
    }

    func run() throws {
        let (training, holdout) = try load()
        let kernels = try solver.chosenKernels()
        var sum = 0.0
        for row in 0..<training.userCount { sum += training.byUser.sum(ofRow: row) }
        let configuration = try solver.configuration(mean: sum / Double(max(training.count, 1)))
        var report = HalfStepReport(
            kernels: kernels.level.rawValue, threads: solver.threads, rank: configuration.rank, ratings: training.count,
            users: training.userCount, items: training.itemCount,
            peakGigaflops: KernelMeasurement(kernels: kernels).peakOperationsPerSecond() * Double(solver.threads) / 1e9)
        if !json { print(report.heading) }
        var trainer = try InProcessTrainer(
            training: training, holdout: holdout, configuration: configuration, kernels: kernels,
            threads: solver.threads)
        for _ in 0..<sweeps {
            let sweep = try trainer.sweep()
            report.sweeps.append(sweep)
            if !json { print(sweep.line) }
        }
        report.summarize()
        if json { try printJSON(report) } else { print(report.summary) }
    }

    private func load() throws -> (RatingMatrix, RatingMatrix?) {
        let store =
            if let ratings { try RatingStore.open(ratings) } else {
                try RatingGenerator(GeneratorConfiguration(size: generate!)!).store(holdout: 0.1)
            }
        return (store.ratings, store.holdout)
    }
}

/// Both half-steps in turn, in this process, over the blocks that a job would have.
private struct InProcessTrainer {
    let training: RatingMatrix
    let holdout: RatingMatrix?
    let configuration: SolverConfiguration
    let users: FactorMatrix
    let items: FactorMatrix
    let solver: BlockSolver
    private var hasOpened = false

    init(
        training: RatingMatrix, holdout: RatingMatrix?, configuration: SolverConfiguration, kernels: Kernels,
        threads: Int
    ) throws(Failure) {
        self.training = training
        self.holdout = holdout
        self.configuration = configuration
        users = try FactorMatrix(
            rowCount: training.userCount, rank: configuration.rank, hasBiases: configuration.hasBiases)
        items = try FactorMatrix(
            rowCount: training.itemCount, rank: configuration.rank, hasBiases: configuration.hasBiases)
        solver = try BlockSolver(configuration: configuration, kernels: kernels, threads: threads)
        var initial = [Float](repeating: 0, count: training.userCount * configuration.width)
        let start = InitialFactors(
            seed: 1, rank: configuration.rank, hasBiases: configuration.hasBiases,
            isNonnegative: configuration.isNonnegative)
        start.write(side: .user, rows: 0..<training.userCount, to: &initial)
        users.setRows(0..<training.userCount, from: initial)
    }

    /// The first one has the opening half-step too, which counts as the items'.
    mutating func sweep() throws(Failure) -> HalfStepReport.Sweep {
        let openingSeconds = hasOpened ? 0 : try halfStep(.item).1
        hasOpened = true
        let (userSums, userSeconds) = try halfStep(.user)
        let (itemSums, itemSeconds) = try halfStep(.item)
        let objective = Objective(
            blocks: [itemSums], side: .item, fixedPenalty: userSums.penalty, isImplicit: configuration.implicit != nil)
        return HalfStepReport.Sweep(
            userSeconds: userSeconds, itemSeconds: openingSeconds + itemSeconds, objective: objective.value,
            trainRMSE: objective.trainRMSE, validationRMSE: objective.validationRMSE)
    }

    private func halfStep(_ side: Side) throws(Failure) -> (BlockSums, Double) {
        let ratings = side == .user ? training.byUser : training.byItem
        // As in a job, the held-out errors are taken once a sweep, after its second half-step.
        let held = side == .user ? nil : holdout?.byItem
        let (solved, fixed) = side == .user ? (users, items) : (items, users)
        let plan = BlockPlan(rowOffsets: ratings.offsets.elements, rank: configuration.width)
        let longest = (0..<plan.count).map { plan.rows($0).count }.max() ?? 0
        var output = [Float](repeating: 0, count: longest * configuration.width)
        var sums = BlockSums.zero
        let start = ContinuousClock.now
        try solver.fix(fixed)
        for block in 0..<plan.count {
            let rows = plan.rows(block)
            sums =
                sums
                + (try solver.solve(
                    ratings.slice(rows), holdout: held?.slice(rows), rows: rows, side: side, solved: solved,
                    into: &output))
            solved.setRows(rows, from: output)
        }
        return (sums, start.duration(to: .now) / .seconds(1))
    }
}

extension CompressedRows {
    /// The sum of a row's ratings.
    fileprivate func sum(ofRow row: Int) -> Double {
        let range = range(of: row)
        let decoded = [Float](unsafeUninitializedCapacity: range.count) { buffer, count in
            if let start = buffer.baseAddress { values.decode(range, minus: 0, to: start) }
            count = range.count
        }
        return decoded.reduce(0) { $0 + Double($1) }
    }
}
