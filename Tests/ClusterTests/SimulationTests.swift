// Why: the promise of the cluster: the same factors, byte for byte, whoever takes part and whoever is lost.

import Cluster
import Failures
import LeastSquares
import TestKit
import Testing
import Training

@Suite struct SimulationTests {
    private static func job(sweeps: Int = 3) -> (JobConfiguration, JobData) {
        (ManyBlocks.configuration(sweeps: sweeps), ManyBlocks.data)
    }

    private static let reference: UInt64? = {
        let (configuration, data) = job()
        return try? SimulatedCluster.run(
            .init(configuration: configuration, data: data, seed: 0, workers: 1)
        ).outcome.factorChecksum
    }()

    @Test func thereAreManyBlocks() {
        let (_, data) = Self.job()
        #expect(data.plan.user.count > 10)
        #expect(data.plan.item.count > 10)
    }

    @Test(arguments: [(1, 2), (2, 1), (3, 1), (3, 2), (8, 1)])
    func factorsDoNotDependOnTheWorkers(workers: Int, threads: Int) throws {
        let (configuration, data) = Self.job()
        let result = try SimulatedCluster.run(
            .init(configuration: configuration, data: data, seed: UInt64(workers), workers: workers, threads: threads))
        #expect(result.outcome.factorChecksum != nil)
        #expect(result.outcome.factorChecksum == Self.reference)
    }

    @Test(arguments: SolverKind.allCases, Precision.allCases)
    func factorsDoNotDependOnTheWorkersWithAnySolver(solver: SolverKind, precision: Precision) throws {
        var (configuration, data) = Self.job()
        configuration.solver = solver
        configuration.precision = precision
        func factors(workers: Int, threads: Int) throws -> UInt64? {
            try SimulatedCluster.run(
                .init(configuration: configuration, data: data, seed: 17, workers: workers, threads: threads)
            ).outcome.factorChecksum
        }
        let alone = try factors(workers: 1, threads: 1)
        #expect(alone != nil)
        for workers in [2, 3] { #expect(try factors(workers: workers, threads: 2) == alone) }
    }

    @Test(arguments: [nil, 0.02], [false, true])
    func biasesAndNonnegativeFactorsDoNotDependOnTheWorkers(biasRegularization: Double?, isNonnegative: Bool) throws {
        var (configuration, data) = Self.job()
        configuration.biasRegularization = biasRegularization
        configuration.isNonnegative = isNonnegative
        func factors(workers: Int, threads: Int, crashes: Int = 0) throws -> UInt64? {
            try SimulatedCluster.run(
                .init(
                    configuration: configuration, data: data, seed: 23, workers: workers, threads: threads,
                    crashes: crashes)
            ).outcome.factorChecksum
        }
        let alone = try factors(workers: 1, threads: 1)
        #expect(alone != nil)
        for workers in [2, 3] { #expect(try factors(workers: workers, threads: 2) == alone) }
        #expect(try factors(workers: 3, threads: 1, crashes: 2) == alone)
    }

    @Test(arguments: SolverKind.allCases, Precision.allCases)
    func factorsOfTheImplicitLossDoNotDependOnTheWorkers(solver: SolverKind, precision: Precision) throws {
        var (configuration, data) = Self.job()
        configuration.implicit = ImplicitLoss(confidence: .log(alpha: 2, epsilon: 0.1))
        configuration.regularizationScaling = .power(0.5)
        (configuration.solver, configuration.precision, configuration.center) = (solver, precision, false)
        func factors(workers: Int, threads: Int, crashes: Int = 0) throws -> UInt64? {
            try SimulatedCluster.run(
                .init(
                    configuration: configuration, data: data, seed: 19, workers: workers, threads: threads,
                    crashes: crashes)
            ).outcome.factorChecksum
        }
        let alone = try factors(workers: 1, threads: 1)
        #expect(alone != nil)
        for (workers, threads) in [(1, 2), (2, 1), (3, 2)] {
            #expect(try factors(workers: workers, threads: threads) == alone)
        }
        #expect(try factors(workers: 3, threads: 1, crashes: 2) == alone)
    }

    /// Of 256 ratings and more, which are solved with a preconditioner.
    @Test(arguments: [1, 2, 3])
    func factorsOfLongRowsDoNotDependOnTheWorkersEither(workers: Int) throws {
        let (training, holdout) = SyntheticRatings.planted(users: 40, items: 2000, ratings: 16_000, seed: 12)
        let configuration = JobConfiguration(rank: 24, sweeps: 3, tolerance: 0)
        let data = JobData(ratings: training, holdout: holdout, rank: 24, minimumBlockCost: 1e6)
        let longRows = (0..<40).count { user in training.byUser.range(of: user).count >= 256 }
        #expect(longRows > 10 && data.plan.user.count > 3, "\(longRows) long rows, \(data.plan.user.count) blocks")
        func factors(_ workers: Int, crashes: Int) throws -> UInt64? {
            try SimulatedCluster.run(
                .init(configuration: configuration, data: data, seed: 8, workers: workers, crashes: crashes)
            ).outcome.factorChecksum
        }
        let alone = try factors(1, crashes: 0)
        #expect(alone != nil)
        #expect(try factors(workers, crashes: workers - 1) == alone)
    }

    @Test(arguments: 0..<100 as Range<UInt64>)
    func factorsDoNotDependOnCrashes(seed: UInt64) throws {
        let (configuration, data) = Self.job()
        let result = try SimulatedCluster.run(
            .init(configuration: configuration, data: data, seed: seed, workers: 3, crashes: 2))
        #expect(result.crashed == 2, "seed \(seed)")
        #expect(result.outcome.factorChecksum == Self.reference, "seed \(seed)")
    }

    @Test(arguments: 100..<200 as Range<UInt64>)
    func newWorkersTakeOverFromCrashedOnes(seed: UInt64) throws {
        let (configuration, data) = Self.job()
        let result = try SimulatedCluster.run(
            .init(configuration: configuration, data: data, seed: seed, workers: 2, crashes: 4, replacesCrashed: true))
        #expect(result.crashed == 4, "seed \(seed)")
        #expect(result.outcome.factorChecksum == Self.reference, "seed \(seed)")
    }

    @Test(arguments: 200..<300 as Range<UInt64>)
    func damagedMessagesCostNothingButTime(seed: UInt64) throws {
        let (configuration, data) = Self.job()
        let result = try SimulatedCluster.run(
            .init(configuration: configuration, data: data, seed: seed, workers: 3, damagesOneIn: 40))
        #expect(result.damaged > 0, "seed \(seed)")
        #expect(result.outcome.factorChecksum == Self.reference, "seed \(seed)")
    }

    @Test func objectivesNeverRise() throws {
        var (configuration, data) = Self.job(sweeps: 8)
        configuration.precision = .fp32
        let result = try SimulatedCluster.run(.init(configuration: configuration, data: data, seed: 5, workers: 2))
        // And the opening one.
        #expect(result.objectives.count == 17)
        for (earlier, later) in zip(result.objectives, result.objectives.dropFirst()) {
            // Each half-step minimizes over one side; single precision may cost a few units in the seventh place.
            #expect(later.value <= earlier.value * (1 + 1e-6))
        }
    }

    /// Near the optimum rounding alone raises the objective sooner or later, and the extrapolation is withdrawn.
    @Test(arguments: [(1, 0), (3, 0), (3, 2)])
    func withdrawnExtrapolationsGiveTheSameBytes(workers: Int, crashes: Int) throws {
        let (training, _) = SyntheticRatings.planted(users: 60, items: 40, ratings: 800, seed: 6)
        let configuration = JobConfiguration(
            rank: 4, regularization: 1, regularizationScaling: .none, precision: .fp32, sweeps: 60, tolerance: 0)
        let data = JobData(ratings: training, holdout: nil, rank: 4)
        func run(_ workers: Int, _ crashes: Int) throws -> SimulatedCluster.Result {
            try SimulatedCluster.run(
                .init(configuration: configuration, data: data, seed: 31, workers: workers, crashes: crashes))
        }
        let (alone, result) = (try run(1, 0), try run(workers, crashes))
        #expect(alone.withdrawnExtrapolations == 1)
        #expect(result.withdrawnExtrapolations == 1)
        #expect(result.outcome.factorChecksum != nil)
        #expect(result.outcome.factorChecksum == alone.outcome.factorChecksum)
        #expect(result.crashed == crashes)
        #expect(result.objectives.count == 121)
        for (earlier, later) in zip(result.objectives, result.objectives.dropFirst()) {
            #expect(later.value <= earlier.value * (1 + 1e-6))
        }
    }

    @Test func payloadsUnderWayAreBoundedByCredit() throws {
        let (configuration, data) = Self.job()
        let result = try SimulatedCluster.run(
            .init(configuration: configuration, data: data, seed: 9, workers: 3, slowReaders: 1))
        // Not more, and for one that reads late all of it.
        #expect(result.mostPayloadsUnderWay == Limits.credit)
        #expect(result.outcome.factorChecksum == Self.reference)
    }

    @Test func aBlockThatCannotBeSolvedFailsTheJob() throws {
        let (training, _) = SyntheticRatings.planted(users: 40, items: 30, ratings: 300, seed: 1)
        // Without regularization, a row with fewer ratings than factors has no single solution.
        let configuration = JobConfiguration(
            rank: 20, regularization: 0, regularizationScaling: .none, solver: .exact, sweeps: 2)
        let data = JobData(ratings: training, holdout: nil, rank: 20)
        let result = try SimulatedCluster.run(.init(configuration: configuration, data: data, seed: 1, workers: 2))
        guard case .failed(let failure) = result.outcome else {
            Issue.record("the job did not fail")
            return
        }
        #expect(failure.exitCode == 65)
        #expect(failure.description.contains("regularization"))
    }
}
