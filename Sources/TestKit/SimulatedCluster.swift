// Why: the coordinator and its workers in one process and one thread, over a network in which a seed decides what
// happens next: which message arrives, which solver gets on, who crashes. Every message goes through the codec. Two
// runs with one seed are the same, and all runs must give the same factors.

import ArrayFiles
import Cluster
import Failures
import Foundation
import LeastSquares
import Ratings
import Training

/// A simulated job.
public struct SimulatedCluster {
    /// What is simulated.
    public struct Scenario: Sendable {
        public var configuration: JobConfiguration
        public var data: JobData
        public var seed: UInt64
        public var workers: Int
        /// Threads of each worker's solver.
        public var threads: Int
        /// How many workers crash, each after a number of solved blocks drawn at random. Each is replaced by a new one if `replacesCrashed`.
        public var crashes: Int
        public var replacesCrashed: Bool
        /// How many times the coordinator crashes, and another goes on from a checkpoint.
        public var coordinatorCrashes: Int
        /// So many workers read their messages late.
        public var slowReaders: Int
        /// One in so many messages, either way, is damaged on the way; nil for none.
        public var damagesOneIn: Int?
        /// The memory limit of each worker.
        public var memoryLimit: ByteSize?
        /// Whether workers may map the store; each draws if it does.
        public var mayMapStore: Bool
        /// What is on the disk that all workers share, when they keep ratings on one; nil when they do not.
        public var disk: SimulatedDisk?

        public init(
            configuration: JobConfiguration, data: JobData, seed: UInt64, workers: Int, threads: Int = 1,
            crashes: Int = 0, replacesCrashed: Bool = false, coordinatorCrashes: Int = 0, slowReaders: Int = 0, damagesOneIn: Int? = nil,
            memoryLimit: ByteSize? = nil, mayMapStore: Bool = true, disk: SimulatedDisk? = nil
        ) {
            self.configuration = configuration
            self.data = data
            self.seed = seed
            self.workers = workers
            self.threads = threads
            self.crashes = crashes
            self.replacesCrashed = replacesCrashed
            self.coordinatorCrashes = coordinatorCrashes
            self.slowReaders = slowReaders
            self.damagesOneIn = damagesOneIn
            self.memoryLimit = memoryLimit
            self.mayMapStore = mayMapStore
            self.disk = disk
        }
    }

    /// How a simulated job went.
    public struct Result: Sendable {
        public var outcome: JobOutcome
        /// The objective of every half-step that was kept.
        public var objectives: [Objective] = []
        public var withdrawnExtrapolations = 0
        public var crashed = 0
        public var coordinatorCrashed = 0
        /// Those that the job's last coordinator could have gone on from, and its own.
        public var checkpoints: [Checkpoint] = []
        public var damaged = 0
        /// Most payloads that were under way to one worker.
        public var mostPayloadsUnderWay = 0
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
    }

    /// The simulation did not end.
    public struct Stuck: Error, CustomStringConvertible {
        public let seed: UInt64
        public var description: String { "the simulated job does not end: seed \(seed)" }
    }

    /// A message on its way.
    private struct Letter {
        let header: [UInt8]
        let payload: Payload?

        init(_ parcel: Parcel<some WireMessage>) {
            header = parcel.header
            payload = parcel.payload
        }

        func open<Message>(as type: Message.Type) throws(WireError) -> Parcel<Message> {
            let copy = header
            var outcome: Swift.Result<Parcel<Message>, WireError>!
            copy.withUnsafeBytes { bytes in
                do throws(WireError) { outcome = .success(try Parcel(header: bytes, payload: payload)) } catch {
                    outcome = .failure(error)
                }
            }
            return try outcome.get()
        }
    }

    private struct Member {
        let id: WorkerID
        var machine: Worker
        let mapsStore: Bool
        var memory: WorkerMemory?
        /// Bytes of the ratings that it keeps, by block.
        var kept: BySide<[Int: Int]> = BySide(user: [:], item: [:])
        var toPrepare: JobDescription?
        var tasks: [WorkerMemory.Task] = []
        /// Blocks that are to be saved, and to be loaded.
        var toSave: [(side: Side, block: Int, payload: Payload)] = []
        var toLoad: [(side: Side, block: Int)] = []
        var inbox: [Letter] = []
        var outbox: [Letter] = []
    }

    private static let timeLimit = Duration.seconds(600)

    private let scenario: Scenario
    private var generator: SeededGenerator
    private var now = Duration.zero
    private var coordinator: Coordinator
    private var members: [Member] = []
    private var nextID: UInt8 = 1
    private var result = Result(outcome: .stopped(reason: ""))
    private var hasEnded = false
    private var disk: SimulatedDisk?
    /// The checkpoints so far, and the objectives when they were taken.
    private var checkpoints: [(checkpoint: Checkpoint, objectives: [Objective])] = []
    private var epoch: UInt64 = 1
    /// Blocks whose results the coordinator has taken.
    private var solvedCount = 0

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
        for _ in 0..<scenario.workers { join() }
    }

    private static func coordinator(
        _ scenario: Scenario, epoch: UInt64, resuming checkpoint: Checkpoint?, now: Duration
    ) -> Coordinator {
        Coordinator(
            configuration: scenario.configuration,
            settings: CoordinatorSettings(minWorkers: checkpoint == nil ? scenario.workers : 1), data: scenario.data,
            mean: scenario.data.mean, storePath: "store", storeFingerprint: "fingerprint",
            envelope: Envelope(job: 7, epoch: epoch), resuming: checkpoint, now: now)
    }

    private mutating func join() {
        let settings = WorkerSettings(
            name: "worker \(nextID)", threads: scenario.threads, kernelLevels: KernelLevel.available.map(\.rawValue),
            memoryLimit: scenario.memoryLimit, cachesRatings: scenario.disk != nil)
        members.append(
            Member(
                id: WorkerID([nextID]), machine: Worker(settings: settings, now: now),
                mapsStore: Bool.random(using: &generator) && scenario.mayMapStore))
        nextID += 1
    }

    // MARK: Time

    private mutating func run() throws -> Result {
        let blockCount = scenario.configuration.sweeps * (scenario.data.plan.user.count + scenario.data.plan.item.count)
        var crashMoments = (0..<scenario.crashes).map { _ in Int.random(in: 1..<blockCount, using: &generator) }.sorted()
        var coordinatorCrashMoments = (0..<scenario.coordinatorCrashes)
            .map { _ in Int.random(in: 1..<blockCount, using: &generator) }.sorted()
        while !hasEnded {
            if let moment = coordinatorCrashMoments.first, moment <= solvedCount {
                coordinatorCrashMoments.removeFirst()
                try crashCoordinator()
            }
            while let moment = crashMoments.first, moment <= solvedCount {
                crashMoments.removeFirst()
                crash()
            }
            // Heartbeats go on for ever, so it is time that tells whether the job does.
            guard now < Self.timeLimit else { throw Stuck(seed: scenario.seed) }
            now += try step() ? .microseconds(Int.random(in: 1...2000, using: &generator)) : .milliseconds(200)
            perform(coordinator.tick(now: now))
            for index in members.indices.reversed() { try perform(members[index].machine.tick(now: now), by: index) }
        }
        result.disk = disk
        result.checkpoints = checkpoints.map(\.checkpoint)
        return result
    }

    private mutating func crash() {
        let index = Int.random(in: members.indices, using: &generator)
        let member = members.remove(at: index)
        result.crashed += 1
        // Half the time the broken connection is noticed at once; else only the silence is.
        if Bool.random(using: &generator) {
            perform(coordinator.sendFailed(to: member.id, reason: "crashed", now: now))
        }
        if scenario.replacesCrashed { join() }
    }

    /// Another coordinator takes the place of the one there is, from one of its last checkpoints: the newest may not
    /// have been written yet, or not be whole. What is on its way to the old one reaches the new.
    private mutating func crashCoordinator() throws {
        result.coordinatorCrashed += 1
        let lost = Int.random(in: 0...2, using: &generator)
        checkpoints.removeLast(min(lost, max(checkpoints.count - 1, 0)))
        var checkpoint: Checkpoint?
        if let (last, objectives) = checkpoints.last {
            // By way of its form on disk.
            let record = try JSONDecoder().decode(Checkpoint.Record.self, from: JSONEncoder().encode(last.record))
            checkpoint = Checkpoint(record: record, factors: last.factors)
            result.objectives = objectives
        } else {
            result.objectives = []
        }
        epoch += 1
        coordinator = Self.coordinator(scenario, epoch: epoch, resuming: checkpoint, now: now)
    }

    /// Lets one thing happen, drawn at random from those that can.
    /// - Returns: false when nothing can.
    private mutating func step() throws -> Bool {
        var choices: [(inout SimulatedCluster) throws -> Void] = []
        for (index, member) in members.enumerated() {
            let reads = index >= scenario.slowReaders || Int.random(in: 0..<30, using: &generator) == 0
            if !member.inbox.isEmpty, reads { choices.append { try $0.deliverToWorker(index) } }
            if !member.outbox.isEmpty { choices.append { $0.deliverToCoordinator(index) } }
            if member.toPrepare != nil { choices.append { try $0.prepare(index) } }
            if !member.toSave.isEmpty { choices.append { try $0.save(index) } }
            if !member.toLoad.isEmpty { choices.append { try $0.load(index) } }
            if !member.tasks.isEmpty { choices.append { try $0.solve(index) } }
        }
        guard let choice = choices.randomElement(using: &generator) else { return false }
        try choice(&self)
        return true
    }

    // MARK: Events

    private mutating func deliverToWorker(_ index: Int) throws {
        let letter = members[index].inbox.removeFirst()
        do throws(WireError) {
            try perhapsDamage(letter)
            let parcel = try letter.open(as: CoordinatorMessage.self)
            try? perform(members[index].machine.receive(parcel, now: now), by: index)
        } catch {
            try? perform(members[index].machine.receiveMalformed(error, hadPayload: letter.payload != nil, now: now), by: index)
        }
    }

    private mutating func perhapsDamage(_ letter: Letter) throws(WireError) {
        guard let oneIn = scenario.damagesOneIn, Int.random(in: 0..<oneIn, using: &generator) == 0 else { return }
        result.damaged += 1
        throw WireError("damaged")
    }

    private mutating func deliverToCoordinator(_ index: Int) {
        let letter = members[index].outbox.removeFirst()
        let id = members[index].id
        do throws(WireError) {
            try perhapsDamage(letter)
            perform(coordinator.receive(try letter.open(as: WorkerMessage.self), from: id, now: now))
        } catch {
            perform(coordinator.receiveMalformed(error, from: id, now: now))
        }
    }

    private mutating func prepare(_ index: Int) throws {
        let job = members[index].toPrepare!
        members[index].toPrepare = nil
        let mapsStore = members[index].mapsStore
        members[index].memory = try WorkerMemory(
            job: job, threads: scenario.threads, data: mapsStore ? scenario.data : nil)
        let cached = mapsStore ? nil : disk.map { $0.blocks.map { $0.keys.sorted() } }
        try perform(
            members[index].machine.prepared(
                mapsStore: mapsStore, cached: cached ?? BySide(user: [], item: []), now: now), by: index)
    }

    private mutating func save(_ index: Int) throws {
        let (side, block, payload) = members[index].toSave.removeFirst()
        disk?.blocks[side][block] = payload
        try perform(members[index].machine.ratingsSaved(side, block: block, now: now), by: index)
    }

    private mutating func load(_ index: Int) throws {
        let (side, block) = members[index].toLoad.removeFirst()
        try perform(
            members[index].machine.ratingsLoaded(side, block: block, disk?.blocks[side][block], now: now), by: index)
    }

    private mutating func solve(_ index: Int) throws {
        let task = members[index].tasks.removeFirst()
        do throws(Failure) {
            let (payload, sums) = try members[index].memory!.solve(task)
            try? perform(
                members[index].machine.solved(
                    task.halfStep, block: task.block, factors: payload, sums: sums,
                    seconds: .random(in: 0...1, using: &generator), now: now), by: index)
        } catch {
            try? perform(
                members[index].machine.failed(
                    WorkerMessage.BlockFailure(
                        halfStep: task.halfStep, block: task.block, what: error.what, place: error.place,
                        remedy: error.remedy), now: now), by: index)
        }
    }

    // MARK: Actions

    private mutating func perform(_ actions: [Coordinator.Action]) {
        for action in actions {
            switch action {
            case .report(.halfStepEnded(_, let objective, _)): result.objectives.append(objective)
            case .report(.extrapolationWithdrawn):
                result.withdrawnExtrapolations += 1
                result.objectives.removeLast()
            case .report(.halfStepProgressed): solvedCount += 1
            case .report(.workerRefused(_, let reason, _)): result.refusals.append(reason)
            case .report: break
            case .checkpoint(let checkpoint):
                checkpoints.append((checkpoint, result.objectives))
            case .end(let outcome):
                result.outcome = outcome
                hasEnded = true
            case .send(let id, let message, let payload):
                // What is sent to a crashed worker is lost.
                guard let index = members.firstIndex(where: { $0.id == id }) else { continue }
                members[index].inbox.append(
                    Letter(Parcel(message, payload: payload, envelope: coordinator.envelope)))
                if case .ratings = message { result.ratingsByteCount += payload?.bytes.count ?? 0 }
                let underWay = members[index].inbox.count { $0.payload != nil }
                result.mostPayloadsUnderWay = max(result.mostPayloadsUnderWay, underWay)
            }
        }
    }

    private mutating func perform(_ actions: [Worker.Action], by index: Int) throws {
        for action in actions {
            switch action {
            case .send(let message, let payload):
                members[index].outbox.append(
                    Letter(Parcel(message, payload: payload, envelope: members[index].machine.presentEnvelope)))
            case .prepare(let job): members[index].toPrepare = job
            case .installRatings(let side, let block, let ratings):
                members[index].memory!.installRatings(side, block: block, ratings)
                members[index].kept[side][block] = scenario.data.encodedByteCount(side, block)
                let kept = members[index].kept
                result.mostRatingsKept = max(
                    result.mostRatingsKept, kept.user.values.reduce(0, +) + kept.item.values.reduce(0, +))
            case .saveRatings(let side, let block, let payload): members[index].toSave.append((side, block, payload))
            case .loadRatings(let side, let block): members[index].toLoad.append((side, block))
            case .releaseRatings(let side, let blocks):
                members[index].memory!.releaseRatings(side, blocks: blocks)
                for block in blocks where members[index].kept[side].removeValue(forKey: block) != nil {
                    result.released += 1
                }
            case .installFactors(let side, let block, let payload):
                members[index].memory!.installFactors(side, block: block, payload)
            case .solve(let halfStep, let block):
                members[index].tasks.append(members[index].memory!.task(halfStep, block: block))
            case .rejoin:
                members.remove(at: index)
                join()
                return
            case .end:
                // Refused or finished; the job's end is the coordinator's to tell.
                members[index].inbox = []
                members[index].tasks = []
                members[index].toSave = []
                members[index].toLoad = []
            }
        }
    }
}

/// Ratings of blocks on a disk.
public struct SimulatedDisk: Sendable {
    public var blocks: BySide<[Int: Payload]> = BySide(user: [:], item: [:])

    public init() {}
}

extension JobData {
    /// The mean of the training ratings, added in row order.
    public var mean: Double {
        let count = ratings.count
        guard count > 0 else { return 0 }
        return withUnsafeTemporaryAllocation(of: Float.self, capacity: count) { values in
            ratings.byUser.values.decode(0..<count, minus: 0, to: values.baseAddress!)
            return values.reduce(0.0) { $0 + Double($1) } / Double(count)
        }
    }
}

extension JobOutcome {
    /// The checksum of both sides' factors, when the job is done.
    public var factorChecksum: UInt64? {
        guard case .done(let factors, _, _, _) = self else { return nil }
        var checksum = Checksum()
        for payload in factors.user + factors.item { checksum.update(payload.bytes) }
        return checksum.value
    }
}
