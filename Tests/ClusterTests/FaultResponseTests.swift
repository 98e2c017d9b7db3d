// Why: each kind of fault has its answer, and each answer its price. Times are simulated ones.

import Cluster
import Failures
import LeastSquares
import Ratings
import TestKit
import Testing
import Training

@Suite struct FaultResponseTests {
    private static let configuration = ManyBlocks.configuration()
    private static let data = ManyBlocks.data

    /// Blocks that take about a quarter of a second, a network that takes next to nothing, and a mapped store.
    private static func scenario(
        workers: Int, faults: [SimulatedFaults.Fault] = [], seed: UInt64 = 1
    ) -> SimulatedCluster.Scenario {
        var scenario = SimulatedCluster.Scenario(
            configuration: configuration, data: data, seed: seed, workers: workers, faults: SimulatedFaults(faults))
        scenario.solving = .milliseconds(200) ... .milliseconds(300)
        return scenario
    }

    private static let alone = try? SimulatedCluster.run(scenario(workers: 1))
    private static var reference: UInt64? { alone?.outcome.factorChecksum }

    private static func fault(_ kind: SimulatedFaults.Kind, at seconds: Double) -> SimulatedFaults.Fault {
        SimulatedFaults.Fault(kind, at: .seconds(seconds))
    }

    @Test func thereIsAReference() { #expect(Self.reference != nil) }

    @Test func silenceIsNoticedInTime() {
        let settings = CoordinatorSettings(minWorkers: 1)
        // With the interval in which the coordinator looks.
        #expect(settings.suspicionTimeout + .milliseconds(200) <= .seconds(10))
        // A worker that has something to say says it several times in that time.
        let worker = WorkerSettings(name: "", threads: 1, kernelLevels: [])
        #expect(settings.suspicionTimeout >= worker.heartbeatInterval * 4)
    }

    /// It is suspected, others take its blocks, and it is welcome when it is back.
    @Test(arguments: 0..<10 as Range<UInt64>) func aFrozenWorkerDelaysTheJobBySecondsAndStays(seed: UInt64) throws {
        let clean = try SimulatedCluster.run(Self.scenario(workers: 3, seed: seed))
        let result = try SimulatedCluster.run(
            Self.scenario(workers: 3, faults: [Self.fault(.freeze(.seconds(25)), at: 2)], seed: seed))
        #expect(result.outcome.factorChecksum == Self.reference)
        #expect(result.suspected == 1 && result.left == 0)
        #expect(result.duration < clean.duration + .seconds(12), "\(result.duration), \(clean.duration) without")
    }

    @Test(arguments: 0..<10 as Range<UInt64>)
    func aWorkerThatIsFrozenForLongComesBackUnderANewName(seed: UInt64) throws {
        var scenario = Self.scenario(workers: 2, faults: [Self.fault(.freeze(.seconds(60)), at: 2)], seed: seed)
        // So the job still runs when it thaws.
        scenario.solving = .seconds(2) ... .seconds(3)
        let result = try SimulatedCluster.run(scenario)
        #expect(result.outcome.factorChecksum == Self.reference)
        #expect(result.suspected == 1 && result.left == 1 && result.rejoined == 1)
        #expect(result.duration > .seconds(62))
    }

    /// Its socket speaks, its solver does not.
    @Test func aWedgedSolverIsGivenUpForItsProgress() throws {
        var scenario = Self.scenario(workers: 1, faults: [Self.fault(.wedge, at: 2)])
        scenario.settings.progressTimeout = .seconds(50)
        let result = try SimulatedCluster.run(scenario)
        #expect(result.outcome.factorChecksum == Self.reference)
        #expect(result.left == 1 && result.suspected == 0)
        #expect(result.duration > .seconds(50) && result.duration < (Self.alone?.duration ?? .zero) + .seconds(55))
    }

    /// With others about, nobody waits for it.
    @Test func aWedgedSolverAmongOthersCostsCopies() throws {
        let clean = try SimulatedCluster.run(Self.scenario(workers: 3))
        let result = try SimulatedCluster.run(Self.scenario(workers: 3, faults: [Self.fault(.wedge, at: 2)]))
        #expect(result.outcome.factorChecksum == Self.reference)
        #expect(result.left == 0 && result.copied > 0)
        #expect(result.duration < clean.duration * 2)
    }

    /// A payload takes five seconds, and there are eight under way: no reason to give anyone up.
    @Test(arguments: [false, true]) func aSlowLinkIsNoDeadWorker(mapsStore: Bool) throws {
        var scenario = Self.scenario(workers: 2)
        scenario.mayMapStore = mapsStore
        let largest = (0..<Self.data.plan.item.count).map { Self.data.plan.item.rows($0).count * 96 * 4 }.max() ?? 0
        scenario.bytesPerSecond = largest / 5
        let result = try SimulatedCluster.run(scenario)
        #expect(result.outcome.factorChecksum == Self.reference)
        #expect(result.left == 0)
        #expect(result.duration > .seconds(100))
    }

    /// One of three works half of the time only, as under a SIGSTOP that comes and goes.
    @Test(arguments: 0..<10 as Range<UInt64>) func aStragglerCostsHalfOfTheTimeAtMost(seed: UInt64) throws {
        // Some forty blocks a side; in a job of few, the last ones of each half-step weigh more.
        let configuration = JobConfiguration(rank: 6, sweeps: 2, tolerance: 0)
        let (ratings, _) = SyntheticRatings.planted(users: 400, items: 300, ratings: 5000, seed: 11)
        let data = JobData(ratings: ratings, holdout: nil, rank: 6, minimumBlockCost: 5000)
        var scenario = SimulatedCluster.Scenario(configuration: configuration, data: data, seed: seed, workers: 3)
        scenario.solving = .milliseconds(200) ... .milliseconds(300)
        let clean = try SimulatedCluster.run(scenario)
        let stops = (0..<60).map { Self.fault(.freeze(.milliseconds(500)), at: Double($0)) }
        scenario.faults = SimulatedFaults(stops)
        scenario.faults?.victim = 0
        let result = try SimulatedCluster.run(scenario)
        #expect(result.outcome.factorChecksum == clean.outcome.factorChecksum)
        #expect(result.copied > 0 && result.left == 0 && data.plan.user.count > 30)
        #expect(result.duration < clean.duration * 1.5, "\(result.duration), \(clean.duration) without")
    }

    // MARK: Blocks that kill

    @Test(arguments: [Side.user, .item], [1, 3])
    func aBlockThatKillsItsWorkersIsNamed(side: Side, workers: Int) throws {
        var scenario = Self.scenario(workers: workers)
        scenario.deadly = (side, 5)
        let result = try SimulatedCluster.run(scenario)
        guard case .failed(let failure) = result.outcome else {
            Issue.record("the job did not fail")
            return
        }
        // Two may have it at a time, and a result that was still on its way makes an earlier block look guilty.
        #expect(4...8 ~= result.crashed)
        let rows = Self.data.plan[side].rows(5)
        #expect(failure.place == "\(side) block 5, rows \(rows.lowerBound) to \(rows.upperBound - 1)")
        #expect(failure.exitCode == 70)
    }

    /// A connection that breaks again and again is no fault of the block that is being solved.
    @Test func brokenConnectionsAreNoBlocksFault() throws {
        var scenario = Self.scenario(
            workers: 1,
            faults: (0..<12).map { Self.fault(.cut(mendedAfter: .milliseconds(1300)), at: 2 + 3 * Double($0)) })
        // Longer than a connection lasts.
        scenario.solving = .seconds(10) ... .seconds(10)
        let result = try SimulatedCluster.run(scenario)
        #expect(result.outcome.factorChecksum == Self.reference)
        #expect(result.left >= 8)
    }

    // MARK: Peers that do not play along

    private static let envelope = Envelope(job: 1, epoch: 1)

    private static func coordinator() -> Coordinator {
        Coordinator(
            configuration: configuration, settings: CoordinatorSettings(minWorkers: 1), data: data, mean: 3,
            storePath: "", storeFingerprint: "", envelope: envelope, now: .zero)
    }

    private static let hello = WorkerMessage.hello(
        .init(name: "w", threads: 1, kernelLevels: ["portable"], credit: Limits.credit))

    /// What waits for a worker that gives no credit is bounded, whatever it asks for.
    @Test func aWorkerThatWithholdsCreditIsSentNoMoreThanItsCredit() {
        var coordinator = Self.coordinator()
        let id = WorkerID([1])
        var payloads = 0
        var messages = 0
        func take(_ actions: [Coordinator.Action]) {
            for case .send(_, _, let payload) in actions {
                messages += 1
                if payload != nil { payloads += 1 }
            }
        }
        func say(_ message: WorkerMessage, at now: Duration) {
            take(coordinator.receive(Parcel(message, envelope: Self.envelope), from: id, now: now))
        }
        say(Self.hello, at: .zero)
        say(.ready(mapsStore: false), at: .zero)
        for second in 1...1000 {
            let now = Duration.milliseconds(second * 20)
            // The tenth part of a heartbeat's time, and a request.
            say(.need(.ratings(.item, block: second % Self.data.plan.item.count)), at: now)
            take(coordinator.tick(now: now))
        }
        #expect(payloads == Limits.credit)
        // Of the rest, heartbeats, and the word to solve the three blocks whose ratings it was sent.
        #expect(messages < Limits.credit + 1100)
    }

    /// A result that comes again, or from one who was not asked, is dropped and counted.
    @Test func oneResultOfABlockCounts() throws {
        var coordinator = Self.coordinator()
        var halfStep: HalfStep?
        var taken = 0
        func say(_ message: WorkerMessage, _ payload: Payload? = nil, from id: UInt8) {
            let actions = coordinator.receive(
                Parcel(message, payload: payload, envelope: Self.envelope), from: WorkerID([id]), now: .zero)
            for action in actions {
                if case .send(_, .solve(let step, _), _) = action { halfStep = step }
                if case .report(.halfStepProgressed) = action { taken += 1 }
            }
        }
        for id in 1...2 as ClosedRange<UInt8> {
            say(Self.hello, from: id)
            say(.ready(mapsStore: true), from: id)
        }
        let step = try #require(halfStep)
        let counts = Self.data.counts(step.side, 0)
        let sums = BlockSums(
            squaredError: 1, penalty: 1, holdoutSquaredError: 0, ratingCount: counts.ratings,
            holdoutCount: counts.holdout)
        let byteCount = Self.data.plan[step.side].rows(0).count * 96 * 4
        let factors = Payload(byteCount: byteCount) { $0.initializeMemory(as: UInt8.self, repeating: 0) }
        let solved = WorkerMessage.solved(.init(halfStep: step, block: 0, sums: sums, seconds: 0))
        for id in [1, 1, 2, 1] as [UInt8] { say(solved, factors, from: id) }
        #expect(taken == 1)
        #expect(coordinator.dropped == [.stale: 3])
    }
}
