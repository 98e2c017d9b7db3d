// Why: with the implicit loss a sweep is judged by rankings that the workers make between them, and early stopping goes
// by that: the figures, and so the model, must be the same whoever takes part and whoever is lost, and no worker may
// spoil them by lists that cannot be.

import ArrayFiles
import Cluster
import Foundation
import LeastSquares
import Ranking
import Ratings
import TestKit
import Testing
import Training

@Suite struct RankedValidationTests {
    private static func configuration(sweeps: Int = 4, extrapolate: Bool = false) -> JobConfiguration {
        JobConfiguration(
            rank: 12, regularization: 0.02, regularizationScaling: .count, implicit: ImplicitLoss(), center: false,
            sweeps: sweeps, tolerance: 0, extrapolate: extrapolate, seed: 5)
    }

    private static let data: JobData = {
        let (training, holdout) = SyntheticRatings.planted(users: 300, items: 200, ratings: 6000, seed: 11)
        return JobData(ratings: training, holdout: holdout, rank: 12, minimumBlockCost: 8e4)
    }()

    private static func sweeps(_ outcome: JobOutcome) throws -> [SweepRecord] {
        guard case .done(_, let sweeps, _, _) = outcome else { throw NotDone() }
        return sweeps
    }

    private struct NotDone: Error {}

    private static func figures(_ outcome: JobOutcome) throws -> [[Double?]] {
        try sweeps(outcome).map { [$0.objective, $0.validationRecall, $0.validationNDCG, $0.validationRMSE] }
    }

    @Test(arguments: [false, true])
    func figuresDoNotDependOnWhoTakesPart(extrapolate: Bool) throws {
        #expect(Self.data.plan.item.count > 8 && Self.data.plan.user.count > 8)
        func run(_ workers: Int, threads: Int = 1, crashes: Int = 0, damagesOneIn: Int? = nil) throws -> [[Double?]] {
            var scenario = SimulatedCluster.Scenario(
                configuration: Self.configuration(extrapolate: extrapolate), data: Self.data, seed: UInt64(workers),
                workers: workers, threads: threads, crashes: crashes, damagesOneIn: damagesOneIn)
            scenario.replacesCrashed = true
            return try Self.figures(SimulatedCluster.run(scenario).outcome)
        }
        let alone = try run(1)
        #expect(alone.count == 4)
        for sweep in alone {
            #expect((0.05...1).contains(sweep[1] ?? 0) && (0.02...1).contains(sweep[2] ?? 0) && sweep[3] == nil)
        }
        #expect(Set(alone.map { $0[2]! }).count > 1, "or else they do not follow the factors")
        for (workers, threads) in [(1, 3), (2, 1), (3, 2)] { #expect(try run(workers, threads: threads) == alone) }
        #expect(try run(3, crashes: 2) == alone)
        #expect(try run(2, crashes: 1, damagesOneIn: 40) == alone)
    }

    /// Messages come twice, workers are cut off and copies of blocks are solved; all that a seed draws.
    @Test(arguments: 0..<30 as Range<UInt64>)
    func figuresSurviveFaults(seed: UInt64) throws {
        let scenario = SimulatedCluster.Scenario.random(
            configuration: Self.configuration(sweeps: 3, extrapolate: seed % 2 == 0), data: Self.data, seed: seed)
        let calm = SimulatedCluster.Scenario(
            configuration: scenario.configuration, data: Self.data, seed: 1, workers: 1)
        let (result, expected) = (try SimulatedCluster.run(scenario), try SimulatedCluster.run(calm))
        #expect(try Self.figures(result.outcome) == Self.figures(expected.outcome), "seed \(seed)")
    }

    /// The last sweep's figures are those of the model.
    @Test func figuresAreThoseOfTheModelByAPlainRanking() throws {
        let configuration = Self.configuration(sweeps: 2)
        let outcome = try SimulatedCluster.run(
            .init(configuration: configuration, data: Self.data, seed: 3, workers: 2)
        ).outcome
        guard case .done(let factors, let sweeps, _, _) = outcome else { throw NotDone() }
        func rows(_ payloads: [Payload]) -> [[Double]] {
            payloads.flatMap { payload in
                stride(from: 0, to: payload.floats.count, by: 12).map { row in
                    payload.floats[row..<row + 12].map(Double.init)
                }
            }
        }
        let (users, items) = (rows(factors.user), rows(factors.item))
        let (training, holdout) = (Self.data.ratings.byUser, Self.data.holdout!.byUser)
        var (recall, ndcg, count) = (0.0, 0.0, 0.0)
        for user in users.indices where !holdout.range(of: user).isEmpty {
            let seen = Set(training.range(of: user).map { Int(training.columns[$0]) })
            let relevant = Set(holdout.range(of: user).map { Int(holdout.columns[$0]) })
            let list = items.indices.filter { !seen.contains($0) }
                .map { item in (item, zip(users[user], items[item]).reduce(0) { $0 + $1.0 * $1.1 }) }
                .sorted { ($1.1, $0.0) < ($0.1, $1.0) }.prefix(20).map(\.0)
            let gain = list.enumerated().reduce(0) { relevant.contains($1.1) ? $0 + 1 / log2(Double($1.0 + 2)) : $0 }
            recall += Double(list.count { relevant.contains($0) }) / Double(relevant.count)
            ndcg += gain / (0..<min(20, relevant.count)).reduce(0) { $0 + 1 / log2(Double($1 + 2)) }
            count += 1
        }
        #expect(abs(try #require(sweeps.last?.validationRecall) - recall / count) < 1e-12)
        #expect(abs(try #require(sweeps.last?.validationNDCG) - ndcg / count) < 1e-12)
    }

    @Test func nobodyRanksForTheExplicitLossOrWithoutAHoldout() throws {
        let explicit = ManyBlocks.configuration(sweeps: 1)
        let withoutHoldout = JobData(ratings: Self.data.ratings, holdout: nil, plan: Self.data.plan)
        for (configuration, data) in [(explicit, ManyBlocks.data), (Self.configuration(sweeps: 1), withoutHoldout)] {
            let outcome = try SimulatedCluster.run(
                .init(configuration: configuration, data: data, seed: 4, workers: 2)
            ).outcome
            let sweep = try #require(try Self.sweeps(outcome).first)
            #expect(sweep.validationRecall == nil && sweep.validationNDCG == nil)
            #expect((sweep.validationRMSE != nil) == (configuration.implicit == nil))
        }
    }

    // MARK: Early stopping

    /// Noisy pairs and hardly any regularization: later sweeps fit the noise.
    private static func overfitting(_ seed: UInt64) -> SimulatedCluster.Scenario {
        let (training, holdout) = SyntheticRatings.planted(users: 120, items: 80, ratings: 2500, seed: 21)
        let configuration = JobConfiguration(
            rank: 24, regularization: 1e-4, regularizationScaling: .none, implicit: ImplicitLoss(), center: false,
            sweeps: 40, tolerance: 0, patience: 3, extrapolate: false)
        let data = JobData(ratings: training, holdout: holdout, rank: 24, minimumBlockCost: 2e5)
        return .init(configuration: configuration, data: data, seed: seed, workers: 2)
    }

    private static let stoppedEarly = try? SimulatedCluster.run(overfitting(0)).outcome

    @Test func theSweepWithTheHighestGainIsKept() throws {
        guard case .done(_, let sweeps, _, let kept?)? = Self.stoppedEarly else { throw NotDone() }
        #expect(kept + 3 == sweeps.count && sweeps.count < 40, "or else this tests nothing")
        let gains = sweeps.map { $0.validationNDCG! }
        #expect(gains.firstIndex(of: gains.max()!) == kept - 1)
        // Its factors are those of a job that ends there.
        var scenario = Self.overfitting(0)
        (scenario.configuration.patience, scenario.configuration.sweeps) = (nil, kept)
        #expect(try SimulatedCluster.run(scenario).outcome.factorChecksum == Self.stoppedEarly?.factorChecksum)
    }

    @Test(arguments: 1..<15 as Range<UInt64>)
    func theSweepThatIsKeptSurvivesCoordinators(seed: UInt64) throws {
        guard case .done(_, let sweeps, _, let kept?)? = Self.stoppedEarly else { throw NotDone() }
        var scenario = Self.overfitting(seed)
        (scenario.coordinatorCrashes, scenario.crashes, scenario.replacesCrashed) = (2, 1, true)
        let outcome = try SimulatedCluster.run(scenario).outcome
        guard case .done(_, let resumedSweeps, _, let resumedKept?) = outcome else { throw NotDone() }
        #expect(resumedKept == kept, "seed \(seed)")
        #expect(resumedSweeps.map(\.validationNDCG) == sweeps.map(\.validationNDCG), "seed \(seed)")
        #expect(outcome.factorChecksum == Self.stoppedEarly?.factorChecksum, "seed \(seed)")
    }

    // MARK: Lists that cannot be

    private static let envelope = Envelope(job: 7, epoch: 1)

    /// A coordinator at its first sweep's item half-step, of one block, and what it does with a result.
    private func leaves(_ lists: [RankedList], after index: Int = 2) throws -> Bool {
        let (training, holdout) = SyntheticRatings.planted(users: 40, items: 30, ratings: 400, seed: 2)
        let data = JobData(ratings: training, holdout: holdout, rank: 2)
        #expect(data.plan.item.count == 1 && data.plan.user.count == 1)
        var configuration = Self.configuration()
        configuration.rank = 2
        var coordinator = Coordinator(
            configuration: configuration, settings: CoordinatorSettings(minWorkers: 1), data: data, mean: 0,
            storePath: "", storeFingerprint: "", envelope: Self.envelope, now: .zero)
        let id = WorkerID([1])
        func say(_ message: WorkerMessage, _ payload: Payload? = nil) -> [Coordinator.Action] {
            coordinator.receive(Parcel(message, payload: payload, envelope: Self.envelope), from: id, now: .zero)
        }
        _ = say(.hello(.init(name: "w", threads: 1, kernelLevels: ["portable"], credit: 8)))
        var actions = say(.ready(mapsStore: true))
        while true {
            var halfStep: HalfStep?
            for case .send(_, .solve(let step, _), _) in actions { halfStep = step }
            let step = try #require(halfStep)
            let counts = data.counts(step.side, 0)
            let sums = BlockSums(
                squaredError: 1, penalty: 1, holdoutSquaredError: 0, ratingCount: counts.ratings,
                holdoutCount: counts.holdout)
            let solved = WorkerMessage.Solved(
                halfStep: step, block: 0, sums: sums, seconds: 1, lists: step.index == index ? lists : [])
            actions = say(.solved(solved), Payload(byteCount: data.plan[step.side].rowCount * 2 * 4) { _ in })
            if step.index == index {
                return actions.contains { if case .report(.workerLeft) = $0 { true } else { false } }
            }
        }
    }

    private static func list(_ place: Int, _ items: Int...) -> RankedList {
        RankedList(place: place, items: items.map { ScoredItem(item: $0, score: -Double($0)) })
    }

    @Test func aWorkerThatSendsImpossibleListsIsRemoved() throws {
        #expect(try !leaves([]))
        #expect(try !leaves([Self.list(0, 3, 4), Self.list(1, 29)]))
        #expect(try leaves([Self.list(0, 30)]), "no item of the block")
        #expect(try leaves([Self.list(999, 3)]), "no user of the sample")
        #expect(try leaves([Self.list(0, 3)], after: 0), "the opening half-step ends no sweep")
        #expect(try leaves([Self.list(0, 3)], after: 1), "users are not ranked")
    }

    @Test func listsThatAreNoneAreNotRead() {
        func isRead(_ lists: [RankedList]) -> Bool {
            let halfStep = HalfStep(
                index: 2, side: .item, sweep: 1, fixedVersion: 2, priorVersion: 1, solvedVersion: 3,
                isExtrapolated: false)
            let solved = WorkerMessage.Solved(halfStep: halfStep, block: 0, sums: .zero, seconds: 0, lists: lists)
            let header = Parcel(WorkerMessage.solved(solved), envelope: Self.envelope).header
            let parcel: Parcel<WorkerMessage>? = header.withUnsafeBytes { try? Parcel(header: $0, payload: nil) }
            guard let parcel else { return false }
            #expect(parcel.message == .solved(solved))
            return true
        }
        #expect(isRead([]) && isRead([Self.list(0, 1), Self.list(7, 1, 2, 3)]))
        let twenty = (0..<20).map { ScoredItem(item: $0, score: 1) }
        #expect(isRead((0..<1000).map { RankedList(place: $0, items: twenty) }))
        #expect(!isRead([Self.list(0)]))
        #expect(!isRead([Self.list(1, 1), Self.list(1, 2)]) && !isRead([Self.list(1, 1), Self.list(0, 2)]))
        #expect(!isRead([Self.list(1000, 1)]))
        #expect(!isRead([Self.list(0, 2, 1)]) && !isRead([Self.list(0, 1, 1)]))
        #expect(!isRead([RankedList(place: 0, items: [ScoredItem(item: 0, score: .nan)])]))
        #expect(!isRead([RankedList(place: 0, items: (0..<21).map { ScoredItem(item: $0, score: 1) })]))
    }

    @Test func usersThatCannotBeAreNotRead() {
        func isRead(_ users: [Int], _ configuration: JobConfiguration = Self.configuration()) -> Bool {
            let job = JobDescription(
                solver: configuration.solverConfiguration(mean: 0), kernelLevel: .portable, seed: 1,
                plan: BySide(user: BlockPlan(bounds: [0, 9])!, item: BlockPlan(bounds: [0, 5])!), storePath: "",
                storeFingerprint: "", rankedUsers: users)
            let header = Parcel(CoordinatorMessage.welcome(job, sent: 0), envelope: Self.envelope).header
            let parcel: Parcel<CoordinatorMessage>? = header.withUnsafeBytes { try? Parcel(header: $0, payload: nil) }
            return parcel?.message == .welcome(job, sent: 0)
        }
        #expect(isRead([]) && isRead([0, 3, 8]))
        #expect(!isRead([0, 9]) && !isRead([3, 3]) && !isRead([4, 3]))
        #expect(!isRead([0], JobConfiguration()))
    }
}
