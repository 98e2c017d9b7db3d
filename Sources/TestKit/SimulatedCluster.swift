// Why: the coordinator and its workers in one process and one thread, over a network in which a seed decides what
// happens: how long each message and each block takes, who crashes, freezes, is cut off. Every message goes through the
// codec. Two runs with one seed are the same, and all runs must give the same factors.
//
// Time goes from event to event. Each process has a clock of its own that stands still while it is frozen, as
// `AwakeClock` does.

import ArrayFiles
import Cluster
import DequeModule
import Failures
import LeastSquares
import Ratings
import Training

/// A simulated job.
public struct SimulatedCluster {
    /// How a simulated job went.
    public struct Result: Sendable {
        public var outcome: JobOutcome
        /// How long it took, in simulated time.
        public var duration = Duration.zero
        /// The objective of every half-step that was kept.
        public var objectives: [Objective] = []
        public var withdrawnExtrapolations = 0
        public var crashed = 0
        public var coordinatorCrashed = 0
        /// Those that the job's last coordinator could have gone on from, and its own.
        public var checkpoints: [Checkpoint] = []
        public var damaged = 0
        public var doubled = 0
        /// Messages that were under way when a connection broke.
        public var lost = 0
        /// Workers that were suspected, and that left for whatever reason.
        public var suspected = 0
        public var left = 0
        /// Workers that joined anew.
        public var rejoined = 0
        /// Blocks that were given to a second worker.
        public var copied = 0
        /// Most payloads, and messages, that were under way to one worker.
        public var mostPayloadsUnderWay = 0
        public var mostMessagesUnderWay = 0
        /// Most blocks, and factors, that waited in one worker.
        public var mostTasksWaiting = 0
        public var mostFactorsWaiting = 0
        /// Bytes of ratings that were sent to workers.
        public var ratingsByteCount = 0
        /// Most bytes of ratings that one worker kept.
        public var mostRatingsKept = 0
        /// Blocks whose ratings workers gave up.
        public var released = 0
        /// The disk in the end.
        public var disk: SimulatedDisk?
        /// What refused workers were told.
        public var refusals: [String] = []
        /// Messages that the coordinator did not act on.
        public var dropped: [DropReason: Int] = [:]
        /// The workers that took part.
        public var workers: [WorkerRecord] = []
    }

    /// The simulation did not end, or something happened that must not.
    public struct Broken: Error, CustomStringConvertible {
        public let seed: UInt64
        public let what: String
        public var description: String { "simulated job, seed \(seed): \(what)" }
    }

    /// Work of a worker that takes time: its solver's, one thing after the other, or its disk's.
    enum Work { case prepare, solve, save, load }

    enum Event {
        case coordinatorTick
        case coordinatorThaw
        case workerTick(Int)
        case arrival(Int, toWorker: Bool, generation: Int)
        case workDone(Int, Work, due: Duration, frozen: Duration)
        case fault(SimulatedFaults.Kind)
        case thaw(Int, frozen: Duration)
        case heal(Int, generation: Int)
        case silence(Int, generation: Int, mendedAfter: Duration)
        case mend(Int, generation: Int)
        case join(name: String)
        case gone(Int)
    }

    /// A membership, from joining to rejoining or the end.
    struct Member {
        let serial: Int
        let name: String
        var machine: Worker
        let newest: Envelope
        let mapsStore: Bool
        var link = SimulatedLink()
        /// It has ended or rejoined: what it said is still delivered for a while, and nothing else.
        var isOver = false
        var isFrozen = false
        /// What happened while it was frozen, and for how long it was in all.
        var postponed: [Event] = []
        var frozen = Duration.zero
        /// By how much its clock is behind.
        var lag = Duration.zero
        var isWedged = false
        var slowness = 1.0

        var memory: WorkerMemory?
        /// Bytes of the ratings that it keeps, by block.
        var kept: BySide<[Int: Int]> = BySide(user: [:], item: [:])
        var toPrepare: JobDescription?
        var tasks: Deque<WorkerMemory.Task> = []
        /// The result of the first of `tasks`, when the solver computed it as soon as it was given it.
        var early: Swift.Result<WorkerMemory.Solution, Failure>?
        /// Blocks that are to be saved, and to be loaded.
        var toSave: Deque<(side: Side, block: Int, payload: Payload)> = []
        var toLoad: Deque<(side: Side, block: Int)> = []

        var id: WorkerID { WorkerID([UInt8(serial >> 8 & 255), UInt8(serial & 255)]) }
    }

    private static let coordinatorTickInterval = Duration.milliseconds(200)
    private static let workerTickInterval = Duration.milliseconds(100)
    /// How long what a closed socket has sent is still delivered.
    static let linger = Duration.milliseconds(500)
    static let longestClockStep = Duration.seconds(1)

    let scenario: Scenario
    var generator: SeededGenerator
    var events = EventQueue<Event>()
    var now = Duration.zero
    var coordinator: Coordinator
    var coordinatorLag = Duration.zero
    var coordinatorIsFrozen = false
    private var coordinatorPostponed: [Event] = []
    var members: [Member] = []
    /// Crashed workers that nobody knows of yet: what is sent to them vanishes until then.
    var ghosts: [WorkerID: Duration] = [:]
    var nextSerial = 1
    var result = Result(outcome: .stopped(reason: ""))
    var hasEnded = false
    var disk: SimulatedDisk?
    /// Blocks whose results the coordinator has taken: in all, and of the present half-step.
    var solvedCount = 0
    var takenCount = 0
    private var crashMoments: [Int] = []
    private var coordinatorCrashMoments: [Int] = []
    /// The checkpoints so far, and the objectives when they were taken.
    var checkpoints: [(checkpoint: Checkpoint, objectives: [Objective])] = []
    var epoch: UInt64 = 1
    var violation: String?

    /// Runs a scenario to its end.
    public static func run(_ scenario: Scenario) throws -> Result {
        var cluster = SimulatedCluster(scenario)
        return try cluster.run()
    }

    private init(_ scenario: Scenario) {
        self.scenario = scenario
        disk = scenario.disk
        generator = SeededGenerator(seed: scenario.seed)
        coordinator = Self.coordinator(scenario, epoch: 1, resuming: nil, now: .zero)
        for index in 1...scenario.workers { join(name: "worker \(index)") }
        let blockCount = scenario.configuration.sweeps * (scenario.data.plan.user.count + scenario.data.plan.item.count)
        crashMoments = (0..<scenario.crashes).map { _ in Int.random(in: 1..<blockCount, using: &generator) }.sorted()
        coordinatorCrashMoments = (0..<scenario.coordinatorCrashes)
            .map { _ in Int.random(in: 1..<blockCount, using: &generator) }.sorted()
        for fault in scenario.faults?.faults ?? [] { events.schedule(.fault(fault.kind), at: fault.time) }
        events.schedule(.coordinatorTick, at: Self.coordinatorTickInterval)
    }

    static func coordinator(
        _ scenario: Scenario, epoch: UInt64, resuming checkpoint: Checkpoint?, now: Duration
    ) -> Coordinator {
        var settings = scenario.settings
        if epoch > 1 { settings.minWorkers = 1 }
        return Coordinator(
            configuration: scenario.configuration, settings: settings, data: scenario.data, mean: scenario.data.mean,
            storePath: "store", storeFingerprint: "fingerprint", envelope: Envelope(job: 7, epoch: epoch),
            resuming: checkpoint, now: now)
    }

    /// - Parameter newest: of the coordinators that the worker has known.
    mutating func join(name: String, newest: Envelope = .none) {
        let settings = WorkerSettings(
            name: name, threads: scenario.threads, kernelLevels: KernelLevel.available.map(\.rawValue),
            memoryLimit: scenario.memoryLimit, cachesRatings: scenario.disk != nil)
        members.append(
            Member(
                serial: nextSerial, name: name, machine: Worker(settings: settings, newest: newest, now: now),
                newest: newest, mapsStore: Bool.random(using: &generator) && scenario.mayMapStore))
        events.schedule(.workerTick(nextSerial), at: now)
        nextSerial += 1
    }

    // MARK: Time

    var faultsEnd: Duration { scenario.faults?.end ?? .zero }

    private mutating func run() throws -> Result {
        while !hasEnded {
            while let moment = crashMoments.first, moment <= solvedCount {
                crashMoments.removeFirst()
                let (isSilent, replaces) = (!Bool.random(using: &generator), scenario.replacesCrashed)
                inflict(.crash(isSilent: isSilent, restartAfter: replaces ? .zero : nil))
            }
            while let moment = coordinatorCrashMoments.first, moment <= solvedCount {
                coordinatorCrashMoments.removeFirst()
                inflict(.crashCoordinator(downFor: random(.zero ... .seconds(2))))
            }
            guard let (time, event) = events.next() else { throw broken("nothing happens any more") }
            now = max(now, time)
            // Ticks go on for ever, so it is time that tells whether the job does.
            guard now < faultsEnd + scenario.patience else { throw broken("it does not end") }
            try happen(event)
            if let violation { throw broken(violation) }
        }
        result.disk = disk
        result.checkpoints = checkpoints.map(\.checkpoint)
        result.duration = now
        result.dropped = coordinator.dropped
        result.workers = coordinator.workerRecords
        return result
    }

    private func broken(_ what: String) -> Broken { Broken(seed: scenario.seed, what: what) }

    var coordinatorNow: Duration { now - coordinatorLag }
    func now(of index: Int) -> Duration { now - members[index].lag }

    mutating func random(_ range: ClosedRange<Duration>) -> Duration {
        let bounds = (range.lowerBound / .microseconds(1), range.upperBound / .microseconds(1))
        return .microseconds(Int64.random(in: Int64(bounds.0)...Int64(bounds.1), using: &generator))
    }

    private mutating func happen(_ event: Event) throws {
        switch event {
        case .coordinatorTick, .arrival(_, toWorker: false, _):
            if coordinatorIsFrozen { return coordinatorPostponed.append(event) }
        case .workerTick(let serial), .arrival(let serial, toWorker: true, _), .workDone(let serial, _, _, _):
            guard let index = index(serial), !members[index].isOver else { return }
            if members[index].isFrozen { return members[index].postponed.append(event) }
        default: break
        }
        switch event {
        case .coordinatorTick:
            events.schedule(.coordinatorTick, at: now + Self.coordinatorTickInterval)
            perform(coordinator.tick(now: coordinatorNow))
            // Whoever runs a cluster sees that it has none, in the end.
            // Whoever runs a cluster sees in the end that it has too few.
            let present = members.count { !$0.isOver }
            if now > faultsEnd, scenario.faults != nil, present < scenario.settings.minWorkers {
                join(name: "worker \(nextSerial)")
            }
        case .coordinatorThaw:
            coordinatorIsFrozen = false
            let postponed = coordinatorPostponed
            coordinatorPostponed = []
            for event in postponed { events.schedule(event, at: now) }
        case .workerTick(let serial):
            let index = index(serial)!
            events.schedule(event, at: now + Self.workerTickInterval)
            try perform(members[index].machine.tick(now: now(of: index)), by: serial)
        case .arrival(let serial, let toWorker, let generation): try arrive(serial, toWorker, generation)
        case .workDone(let serial, let work, let due, let frozen): try finish(work, serial, due, frozen)
        case .fault(let kind): inflict(kind)
        case .thaw(let serial, let frozen):
            guard let index = index(serial) else { return }
            members[index].isFrozen = false
            members[index].frozen += frozen
            members[index].lag += max(.zero, frozen - Self.longestClockStep)
            for event in members[index].postponed { events.schedule(event, at: now) }
            members[index].postponed = []
        case .heal(let serial, let generation):
            guard let index = index(serial), members[index].link.generation == generation else { return }
            for toWorker in [true, false] {
                let path = SimulatedLink.path(toWorker: toWorker)
                members[index].link[keyPath: path].isBlocked = false
                for _ in 0..<members[index].link[keyPath: path].overdueCount {
                    events.schedule(.arrival(serial, toWorker: toWorker, generation: generation), at: now)
                }
                members[index].link[keyPath: path].overdueCount = 0
            }
        case .silence(let serial, let generation, let mendedAfter):
            guard let index = index(serial), members[index].link.generation == generation else { return }
            breakDown(index, mendedAfter: mendedAfter)
        case .mend(let serial, let generation):
            guard let index = index(serial), members[index].link.generation == generation else { return }
            members[index].link.isUp = true
        case .join(let name): join(name: name)
        case .gone(let serial): members.removeAll { $0.serial == serial }
        }
    }

    func index(_ serial: Int) -> Int? { members.firstIndex { $0.serial == serial } }
}
