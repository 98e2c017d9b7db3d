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
import Foundation
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
    private enum Work { case prepare, solve, save, load }

    private enum Event {
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
    private struct Member {
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
    private static let linger = Duration.milliseconds(500)
    private static let longestClockStep = Duration.seconds(1)

    private let scenario: Scenario
    private var generator: SeededGenerator
    private var events = EventQueue<Event>()
    private var now = Duration.zero
    private var coordinator: Coordinator
    private var coordinatorLag = Duration.zero
    private var coordinatorIsFrozen = false
    private var coordinatorPostponed: [Event] = []
    private var members: [Member] = []
    /// Crashed workers that nobody knows of yet: what is sent to them vanishes until then.
    private var ghosts: [WorkerID: Duration] = [:]
    private var nextSerial = 1
    private var result = Result(outcome: .stopped(reason: ""))
    private var hasEnded = false
    private var disk: SimulatedDisk?
    /// Blocks whose results the coordinator has taken: in all, and of the present half-step.
    private var solvedCount = 0
    private var takenCount = 0
    private var crashMoments: [Int] = []
    private var coordinatorCrashMoments: [Int] = []
    /// The checkpoints so far, and the objectives when they were taken.
    private var checkpoints: [(checkpoint: Checkpoint, objectives: [Objective])] = []
    private var epoch: UInt64 = 1
    private var violation: String?

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

    private static func coordinator(
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
    private mutating func join(name: String, newest: Envelope = .none) {
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

    private var faultsEnd: Duration { scenario.faults?.end ?? .zero }

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

    private var coordinatorNow: Duration { now - coordinatorLag }
    private func now(of index: Int) -> Duration { now - members[index].lag }

    private mutating func random(_ range: ClosedRange<Duration>) -> Duration {
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

    private func index(_ serial: Int) -> Int? { members.firstIndex { $0.serial == serial } }

    // MARK: Faults

    private mutating func inflict(_ kind: SimulatedFaults.Kind) {
        trace("\(kind)")
        switch kind {
        case .join: return join(name: "worker \(nextSerial)")
        case .freezeCoordinator(let duration):
            guard !coordinatorIsFrozen else { return }
            coordinatorIsFrozen = true
            coordinatorLag += max(.zero, duration - Self.longestClockStep)
            return events.schedule(.coordinatorThaw, at: now + duration)
        case .crashCoordinator(let down): return crashCoordinator(downFor: down)
        default: break
        }
        let candidates = members.indices.filter { index in
            !members[index].isOver && scenario.faults?.victim.map { members[index].serial == $0 + 1 } ?? true
        }
        guard let index = candidates.randomElement(using: &generator) else { return }
        let (serial, generation) = (members[index].serial, members[index].link.generation)
        switch kind {
        case .join, .freezeCoordinator, .crashCoordinator: break
        case .crash(let isSilent, let restartAfter): crash(index, isSilent: isSilent, restartAfter: restartAfter)
        case .freeze(let duration):
            guard !members[index].isFrozen else { return }
            members[index].isFrozen = true
            events.schedule(.thaw(serial, frozen: duration), at: now + duration)
            if duration > SimulatedLink.timeout {
                events.schedule(
                    .silence(serial, generation: generation, mendedAfter: duration - SimulatedLink.timeout),
                    at: now + SimulatedLink.timeout)
            }
        case .wedge: members[index].isWedged = true
        case .slowDown(let factor): members[index].slowness *= factor
        case .cut(let mendedAfter): breakDown(index, mendedAfter: mendedAfter)
        case .partition(let duration, let toWorker, let toCoordinator):
            if toWorker { members[index].link.toWorker.isBlocked = true }
            if toCoordinator { members[index].link.toCoordinator.isBlocked = true }
            if duration > SimulatedLink.timeout {
                events.schedule(
                    .silence(serial, generation: generation, mendedAfter: duration - SimulatedLink.timeout),
                    at: now + SimulatedLink.timeout)
            } else {
                events.schedule(.heal(serial, generation: generation), at: now + duration)
            }
        case .leave:
            try? perform(members[index].machine.interrupt(reason: "a signal", now: now(of: index)), by: serial)
        }
    }

    private mutating func crash(_ index: Int, isSilent: Bool, restartAfter: Duration?) {
        let member = members.remove(at: index)
        result.crashed += 1
        result.lost += member.link.toCoordinator.letters.count
        if isSilent { ghosts[member.id] = now + SimulatedLink.timeout }
        if let restartAfter { events.schedule(.join(name: "worker \(nextSerial) again"), at: now + restartAfter) }
    }

    /// Another coordinator takes the place of the one there is, from one of its last checkpoints: the newest may not
    /// have been written yet, or not be whole. All connections break; some of what was under way reaches the new one.
    private mutating func crashCoordinator(downFor down: Duration) {
        result.coordinatorCrashed += 1
        checkpoints.removeLast(min(Int.random(in: 0...2, using: &generator), max(checkpoints.count - 1, 0)))
        var checkpoint: Checkpoint?
        result.objectives = checkpoints.last?.objectives ?? []
        if let last = checkpoints.last?.checkpoint {
            // By way of its form on disk.
            do {
                let record = try JSONDecoder().decode(Checkpoint.Record.self, from: JSONEncoder().encode(last.record))
                checkpoint = Checkpoint(record: record, factors: last.factors)
                if let defect = record.defect(for: scenario.configuration) {
                    violation = "a checkpoint is refused: \(defect)"
                }
            } catch {
                violation = "a checkpoint cannot be written and read: \(error)"
            }
        }
        for index in members.indices { breakDown(index, mendedAfter: down) }
        ghosts = [:]
        epoch += 1
        coordinator = Self.coordinator(scenario, epoch: epoch, resuming: checkpoint, now: coordinatorNow)
    }

    private mutating func breakDown(_ index: Int, mendedAfter: Duration) {
        let link = members[index].link
        // What had arrived before is read all the same.
        let read =
            link.isUp && !link.toCoordinator.isBlocked
            ? Int.random(in: 0...link.toCoordinator.letters.count, using: &generator) : 0
        result.lost += link.toWorker.letters.count + link.toCoordinator.letters.count - read
        members[index].link.breakDown()
        members[index].link.toCoordinator.letters = Deque(link.toCoordinator.letters.prefix(read))
        let (serial, generation) = (members[index].serial, members[index].link.generation)
        for _ in 0..<read { events.schedule(.arrival(serial, toWorker: false, generation: generation), at: now) }
        events.schedule(.mend(serial, generation: generation), at: now + mendedAfter)
    }

    private mutating func isDrawn(oneIn count: Int?) -> Bool {
        guard let count, scenario.faults == nil || now < faultsEnd else { return false }
        return Int.random(in: 0..<count, using: &generator) == 0
    }

    // MARK: Messages

    /// Puts a message on its way.
    private mutating func send(_ letter: Letter, _ index: Int, toWorker: Bool) {
        let (serial, generation) = (members[index].serial, members[index].link.generation)
        var delay = random(scenario.latency)
        if toWorker, index < scenario.slowReaders { delay += random(.milliseconds(1) ... .milliseconds(60)) }
        if let bandwidth = scenario.bytesPerSecond {
            delay += .seconds(Double(letter.header.count + (letter.payload?.bytes.count ?? 0)) / Double(bandwidth))
        }
        let path = SimulatedLink.path(toWorker: toWorker)
        let arrival = members[index].link.send(letter, along: path, delay: delay, now: now)
        events.schedule(.arrival(serial, toWorker: toWorker, generation: generation), at: arrival)
    }

    private mutating func arrive(_ serial: Int, _ toWorker: Bool, _ generation: Int) throws {
        guard let index = index(serial), members[index].link.generation == generation else { return }
        let path = SimulatedLink.path(toWorker: toWorker)
        if members[index].link[keyPath: path].isBlocked {
            members[index].link[keyPath: path].overdueCount += 1
            return
        }
        let letter = members[index].link[keyPath: path].letters.removeFirst()
        try deliver(letter, serial, toWorker)
        if isDrawn(oneIn: scenario.faults?.duplicatesOneIn) {
            result.doubled += 1
            try deliver(letter, serial, toWorker)
        }
    }

    private mutating func deliver(_ letter: Letter, _ serial: Int, _ toWorker: Bool) throws {
        guard let index = index(serial) else { return }
        let isDamaged = isDrawn(oneIn: scenario.damagesOneIn)
        if isDamaged { result.damaged += 1 }
        func open<Message: WireMessage>(_ type: Message.Type) throws(WireError) -> Parcel<Message> {
            if isDamaged { throw WireError("damaged") }
            return try letter.open(as: type)
        }
        if toWorker {
            guard !members[index].isOver else { return }
            let actions: [Worker.Action]
            do throws(WireError) {
                actions = members[index].machine.receive(try open(CoordinatorMessage.self), now: now(of: index))
            } catch {
                actions = members[index].machine.receiveMalformed(
                    error, hadPayload: letter.payload != nil, now: now(of: index))
            }
            try perform(actions, by: serial)
        } else {
            do throws(WireError) {
                perform(coordinator.receive(try open(WorkerMessage.self), from: members[index].id, now: coordinatorNow))
            } catch {
                perform(coordinator.receiveMalformed(error, from: members[index].id, now: coordinatorNow))
            }
        }
    }

    // MARK: Work

    /// Begins work that takes time.
    private mutating func begin(_ work: Work, _ index: Int) {
        let duration: Duration =
            switch work {
            case .prepare, .save, .load: random(.zero ... .milliseconds(5))
            case .solve: random(scenario.solving) * members[index].slowness
            }
        if case .solve = work, Bool.random(using: &generator) {
            // A solver reads and writes at any time from beginning to end; the result must not depend on when.
            let (memory, task) = (members[index].memory!, members[index].tasks[0])
            members[index].early = Swift.Result { () throws(Failure) in try memory.solve(task) }
        }
        events.schedule(
            .workDone(members[index].serial, work, due: now + duration, frozen: members[index].frozen),
            at: now + duration)
    }

    private mutating func finish(_ work: Work, _ serial: Int, _ due: Duration, _ frozen: Duration) throws {
        let index = index(serial)!
        let stopped = members[index].frozen - frozen
        if stopped > .zero {
            // It stood still meanwhile.
            let due = due + stopped
            return events.schedule(
                .workDone(serial, work, due: due, frozen: members[index].frozen), at: max(now, due))
        }
        let now = now(of: index)
        switch work {
        case .prepare:
            if members[index].isWedged { return }
            let job = members[index].toPrepare!
            members[index].toPrepare = nil
            let mapsStore = members[index].mapsStore
            members[index].memory = try WorkerMemory(
                job: job, threads: scenario.threads, data: mapsStore ? scenario.data : nil)
            let cached = mapsStore ? nil : disk.map { $0.blocks.map { $0.keys.sorted() } }
            try perform(
                members[index].machine.prepared(
                    mapsStore: mapsStore, cached: cached ?? BySide(user: [], item: []), now: now), by: serial)
        case .solve:
            if members[index].isWedged { return }
            let task = members[index].tasks[0]
            if scenario.deadly.map({ $0 == (task.halfStep.side, task.block) }) == true {
                return crash(index, isSilent: false, restartAfter: .seconds(1))
            }
            let memory = members[index].memory!
            let outcome = members[index].early ?? Swift.Result { () throws(Failure) in try memory.solve(task) }
            members[index].early = nil
            members[index].tasks.removeFirst()
            if !members[index].tasks.isEmpty { begin(.solve, index) }
            switch outcome {
            case .success(let solution):
                try perform(
                    members[index].machine.solved(
                        task.halfStep, block: task.block, solution,
                        seconds: .random(in: 0...1, using: &generator), now: now), by: serial)
            case .failure(let error):
                try perform(
                    members[index].machine.failed(
                        WorkerMessage.BlockFailure(
                            halfStep: task.halfStep, block: task.block, what: error.what, place: error.place,
                            remedy: error.remedy), now: now), by: serial)
            }
        case .save:
            let (side, block, payload) = members[index].toSave.removeFirst()
            disk?.blocks[side][block] = payload
            if !members[index].toSave.isEmpty { begin(.save, index) }
            try perform(members[index].machine.ratingsSaved(side, block: block, now: now), by: serial)
        case .load:
            let (side, block) = members[index].toLoad.removeFirst()
            if !members[index].toLoad.isEmpty { begin(.load, index) }
            try perform(
                members[index].machine.ratingsLoaded(side, block: block, disk?.blocks[side][block], now: now),
                by: serial)
        }
    }

    // MARK: Actions

    private mutating func perform(_ actions: [Coordinator.Action]) {
        var pending = Deque(actions)
        while let action = pending.popFirst() {
            switch action {
            case .report(let event): take(event)
            case .checkpoint(let checkpoint): checkpoints.append((checkpoint, result.objectives))
            case .postpone: break
            case .end(let outcome):
                result.outcome = outcome
                hasEnded = true
            case .send(let id, let message, let payload):
                if case .ratings = message { result.ratingsByteCount += payload?.bytes.count ?? 0 }
                guard let index = members.firstIndex(where: { $0.id == id }) else {
                    // A host that vanished takes everything, until libzmq notices.
                    if let end = ghosts[id], now < end { continue }
                    pending += coordinator.sendFailed(to: id, reason: "its connection is gone", now: coordinatorNow)
                    continue
                }
                guard members[index].link.isUp else {
                    pending += coordinator.sendFailed(to: id, reason: "its connection is gone", now: coordinatorNow)
                    continue
                }
                // A closed socket takes everything as long as it still sends.
                if members[index].isOver { continue }
                send(Letter(Parcel(message, payload: payload, envelope: coordinator.envelope)), index, toWorker: true)
                let letters = members[index].link.toWorker.letters
                result.mostPayloadsUnderWay = max(result.mostPayloadsUnderWay, letters.count { $0.payload != nil })
                result.mostMessagesUnderWay = max(result.mostMessagesUnderWay, letters.count)
                if letters.count > SimulatedLink.queueLimit {
                    pending += coordinator.sendFailed(
                        to: id, reason: "it does not read its messages", now: coordinatorNow)
                }
            }
        }
    }

    /// Says what happens, for whoever replays a seed.
    private func trace(_ what: @autoclosure () -> String) {
        if scenario.isTraced { print("\(now): \(what())") }
    }

    private mutating func take(_ event: JobEvent) {
        switch event {
        case .halfStepProgressed: break
        default: trace("\(event)")
        }
        switch event {
        case .halfStepBegan: takenCount = 0
        case .halfStepProgressed:
            solvedCount += 1
            takenCount += 1
        case .halfStepEnded(let halfStep, let objective, _):
            if takenCount != scenario.data.plan[halfStep.side].count {
                violation = "half-step \(halfStep.index) took \(takenCount) results"
            }
            result.objectives.append(objective)
        case .extrapolationWithdrawn:
            result.withdrawnExtrapolations += 1
            result.objectives.removeLast()
        case .workerRefused(_, let reason, _): result.refusals.append(reason)
        case .workerSuspected: result.suspected += 1
        case .workerLeft: result.left += 1
        case .blockCopied: result.copied += 1
        default: break
        }
    }

    private mutating func perform(_ actions: [Worker.Action], by serial: Int) throws {
        let index = index(serial)!
        for action in actions {
            switch action {
            case .send(let message, let payload):
                // Without a connection it is lost.
                guard members[index].link.isUp else { continue }
                let envelope = members[index].machine.presentEnvelope
                send(Letter(Parcel(message, payload: payload, envelope: envelope)), index, toWorker: false)
            case .prepare(let job):
                members[index].toPrepare = job
                begin(.prepare, index)
            case .installRatings(let side, let block, let ratings):
                members[index].memory!.installRatings(side, block: block, ratings)
                members[index].kept[side][block] = scenario.data.encodedByteCount(side, block)
                let kept = members[index].kept
                result.mostRatingsKept = max(
                    result.mostRatingsKept, kept.user.values.reduce(0, +) + kept.item.values.reduce(0, +))
            case .saveRatings(let side, let block, let payload):
                members[index].toSave.append((side, block, payload))
                if members[index].toSave.count == 1 { begin(.save, index) }
            case .loadRatings(let side, let block):
                members[index].toLoad.append((side, block))
                if members[index].toLoad.count == 1 { begin(.load, index) }
            case .releaseRatings(let side, let blocks):
                members[index].memory!.releaseRatings(side, blocks: blocks)
                for block in blocks where members[index].kept[side].removeValue(forKey: block) != nil {
                    result.released += 1
                }
            case .installFactors(let side, let block, let payload):
                members[index].memory!.installFactors(side, block: block, payload)
            case .solve(let halfStep, let block):
                members[index].tasks.append(members[index].memory!.task(halfStep, block: block))
                if members[index].tasks.count == 1 { begin(.solve, index) }
            case .rejoin(let reason):
                trace("\(members[index].name) rejoins: \(reason)")
                result.rejoined += 1
                close(index)
                let envelope = members[index].machine.presentEnvelope
                join(name: members[index].name, newest: envelope == .none ? members[index].newest : envelope)
            case .end: close(index)
            }
        }
        let backlog = members[index].machine.backlog
        result.mostTasksWaiting = max(result.mostTasksWaiting, backlog.tasks)
        result.mostFactorsWaiting = max(result.mostFactorsWaiting, backlog.factors)
    }

    /// Closes a worker's socket.
    private mutating func close(_ index: Int) {
        members[index].isOver = true
        events.schedule(.gone(members[index].serial), at: now + Self.linger)
    }
}
