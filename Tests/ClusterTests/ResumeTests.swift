// Why: whatever becomes of a coordinator, the one that goes on from a checkpoint must come to the same factors, byte
// for byte.

import Cluster
import LeastSquares
import Ratings
import TestKit
import Testing
import Training

@Suite struct ResumeTests {
    private static func scenario(_ seed: UInt64) -> SimulatedCluster.Scenario {
        .init(configuration: ManyBlocks.configuration(sweeps: 5), data: ManyBlocks.data, seed: seed, workers: 2)
    }

    /// A job on noisy ratings with so little regularization that its later sweeps fit the noise.
    private static func overfitting(_ seed: UInt64) -> SimulatedCluster.Scenario {
        var generator = SeededGenerator(seed: 4)
        func ratings(_ residue: Int) -> RatingMatrix {
            let triples = (0..<60 * 40).filter { $0 % 5 == residue }.map { pair in
                let (user, item) = (pair / 40, pair % 40)
                let signal: Float = (user % 2 == 0) == (item % 3 == 0) ? 1 : -1
                return (user, item, 3 + signal + Float.random(in: -2...2, using: &generator))
            }
            return SyntheticRatings.matrix(triples, users: 60, items: 40)
        }
        let configuration = JobConfiguration(rank: 4, regularization: 0.05, sweeps: 40, tolerance: 0, patience: 3)
        let data = JobData(ratings: ratings(0), holdout: ratings(1), rank: 4, minimumBlockCost: 2000)
        return .init(configuration: configuration, data: data, seed: seed, workers: 2)
    }

    private static let reference = try? SimulatedCluster.run(scenario(0)).outcome.factorChecksum
    private static let stoppedEarly = try? SimulatedCluster.run(overfitting(0)).outcome

    @Test(arguments: 0..<100 as Range<UInt64>)
    func factorsDoNotDependOnTheCoordinatorsThatCrashed(seed: UInt64) throws {
        var scenario = Self.scenario(seed)
        scenario.coordinatorCrashes = 3
        scenario.crashes = 2
        scenario.replacesCrashed = true
        let result = try SimulatedCluster.run(scenario)
        #expect(result.coordinatorCrashed == 3, "seed \(seed)")
        #expect(result.outcome.factorChecksum != nil, "seed \(seed)")
        #expect(result.outcome.factorChecksum == Self.reference, "seed \(seed)")
        #expect(result.objectives.count == 11, "seed \(seed)")
        // Of a half-step that a crash cut short nothing counts, and of the others each block once.
        let blocks = 6 * scenario.data.plan.item.count + 5 * scenario.data.plan.user.count
        #expect(result.workers.reduce(0) { $0 + $1.blocks } == blocks, "seed \(seed)")
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func theSweepThatIsKeptSurvivesToo(seed: UInt64) throws {
        guard case .done(_, let sweeps, _, let kept?) = Self.stoppedEarly else { throw NotKept() }
        #expect(kept < sweeps.count && sweeps.count < 40, "or else this tests nothing")
        var scenario = Self.overfitting(seed)
        scenario.coordinatorCrashes = 2
        let outcome = try SimulatedCluster.run(scenario).outcome
        guard case .done(_, let resumedSweeps, _, let resumedKept?) = outcome else { throw NotKept() }
        #expect((resumedSweeps.count, resumedKept) == (sweeps.count, kept), "seed \(seed)")
        #expect(outcome.factorChecksum == Self.stoppedEarly?.factorChecksum, "seed \(seed)")
    }

    private struct NotKept: Error {}

    /// Two coordinators of one job, the older of which somebody has thawed.
    @Test func aWorkerDoesNotGoBackToAnOlderCoordinator() {
        let job = JobDescription(
            solver: ManyBlocks.configuration().solverConfiguration(mean: 3), kernelLevel: .portable, seed: 1,
            plan: ManyBlocks.data.plan, storePath: "", storeFingerprint: "fingerprint")
        let settings = WorkerSettings(name: "worker", threads: 1, kernelLevels: ["portable"])
        func joins(_ envelope: Envelope) -> Bool {
            var worker = Worker(settings: settings, newest: Envelope(job: 7, epoch: 3), now: .zero)
            let welcome = Parcel(CoordinatorMessage.welcome(job, sent: 0), payload: nil, envelope: envelope)
            return worker.receive(welcome, now: .seconds(1)).contains { if case .prepare = $0 { true } else { false } }
        }
        #expect(!joins(Envelope(job: 7, epoch: 2)))
        #expect(joins(Envelope(job: 7, epoch: 3)))
        #expect(joins(Envelope(job: 7, epoch: 4)))
        #expect(joins(Envelope(job: 8, epoch: 1)))
    }

    /// Near the optimum rounding alone raises the objective sooner or later, and the extrapolation is withdrawn.
    @Test(arguments: 0..<10 as Range<UInt64>)
    func withdrawnExtrapolationsSurviveToo(seed: UInt64) throws {
        let (training, _) = SyntheticRatings.planted(users: 60, items: 40, ratings: 800, seed: 6)
        let configuration = JobConfiguration(
            rank: 4, regularization: 1, regularizationScaling: .none, precision: .fp32, sweeps: 60, tolerance: 0)
        let data = JobData(ratings: training, holdout: nil, rank: 4)
        func run(coordinatorCrashes: Int) throws -> SimulatedCluster.Result {
            var scenario = SimulatedCluster.Scenario(configuration: configuration, data: data, seed: seed, workers: 1)
            scenario.coordinatorCrashes = coordinatorCrashes
            return try SimulatedCluster.run(scenario)
        }
        let (whole, resumed) = (try run(coordinatorCrashes: 0), try run(coordinatorCrashes: 8))
        #expect(whole.withdrawnExtrapolations == 1)
        #expect(resumed.coordinatorCrashed == 8)
        #expect(resumed.outcome.factorChecksum != nil)
        #expect(resumed.outcome.factorChecksum == whole.outcome.factorChecksum)
    }
}
