// Why: a worker's decisions, and nothing else; the shell owns the socket, the solver thread and the memory.
//
//     joining --(welcome)--> preparing --(store opened or not)--> working --(finish)--> ended
//        ^-- rejoin: silence, a loss, a message that cannot be read, or refused as unknown --'
//
// A worker holds the factors of both sides, each block with its version, and solves what it is told to once it has
// all that the block needs. It hands the solver a few blocks at a time, so that the solver never waits for the
// network. What arrives while the solver runs is written at once unless the solver may be reading or writing that
// memory: the fixed side, and the very blocks being solved. Such factors wait until the solver is through; they only
// come when the result is no longer wanted, or for the second time.

import DequeModule
import Failures
import LeastSquares
import Ratings
import Training

/// A worker of one coordinator, as a state machine. After `rejoin` the shell makes a new one.
public struct Worker {
    public enum Action: Sendable {
        case send(WorkerMessage, Payload?)
        /// Make memory for the job's factors, fill in the initial ones, and try to open the store; answer with
        /// ``prepared(mapsStore:cached:now:)``.
        case prepare(JobDescription)
        case installRatings(Side, block: Int, RatingsBlock)
        /// Keep the ratings of a block on disk, and say so with ``ratingsSaved(_:block:now:)``.
        case saveRatings(Side, block: Int, Payload)
        /// Fetch the ratings of a block from disk; answer with ``ratingsLoaded(_:block:_:now:)``.
        case loadRatings(Side, block: Int)
        /// Give up the ratings of these blocks, if they are here.
        case releaseRatings(Side, blocks: [Int])
        case installFactors(Side, block: Int, Payload)
        /// Hand the block to the solver; answer with ``solved`` or ``failed`` in the order of these actions.
        case solve(HalfStep, block: Int)
        /// Close the socket and begin again.
        case rejoin(reason: String)
        case end(Ending)
    }

    public enum Ending: Sendable, Hashable {
        case finished(CoordinatorMessage.Finish, reason: String)
        /// The coordinator has no use for this worker.
        case refused(reason: String)
        case interrupted
        /// It cannot do what the job asks of it.
        case failed(Failure)
    }

    /// A block to be solved.
    private struct Task: Hashable {
        let halfStep: HalfStep
        let block: Int
    }

    /// Blocks that the solver has at a time: one it solves and one to go on with.
    private static let solverDepth = 2
    /// How often to say hello until the coordinator answers.
    private static let knockInterval = Duration.milliseconds(100)
    /// How long to wait for what was asked for before asking again.
    private static let needInterval = Duration.seconds(2)

    private let settings: WorkerSettings
    /// The newest coordinator that this process has worked for.
    private let newest: Envelope
    private var envelope = Envelope.none
    private var job: JobDescription?
    private var mapsStore: Bool?
    private var lastHeard: Duration
    private var isAnswered = false
    private var lastSent: Duration?
    private var lastNeed: Duration?
    /// Messages both ways, hellos and welcomes not counted; see `WorkerLedger`.
    private var sentCount: UInt64 = 0
    private var receivedCount: UInt64 = 0
    private var isOver = false

    private var versions = BySide(user: BlockVersions(count: 0), item: BlockVersions(count: 0))
    private var ratings = WorkerRatings()
    /// Told to solve and not handed to the solver yet.
    private var waiting: Deque<Task> = []
    /// In the solver's hands, in order.
    private var solving: Deque<Task> = []
    /// Factors that came while the solver was using their place.
    private var deferred: [(side: Side, block: Int, version: Int, payload: Payload)] = []
    /// Payloads dealt with since credit was last given.
    private var spentCredit = 0
    /// Words to solve that came to an end: solved, failed, or no longer needed.
    private var doneCount: UInt64 = 0
    private var actions: [Action] = []
    /// Messages that were not acted on.
    public private(set) var dropped: [DropReason: Int] = [:]

    /// - Parameter newest: the envelope of the last membership; an older epoch of that job is not joined.
    public init(settings: WorkerSettings, newest: Envelope = .none, now: Duration) {
        self.settings = settings
        self.newest = newest
        lastHeard = now
    }

    /// The envelope of what this worker sends.
    public var presentEnvelope: Envelope { envelope }
    /// When the coordinator was last heard, or when this machine was made.
    public var lastHeardFromCoordinator: Duration { lastHeard }

    /// Blocks that wait to be solved or are being solved, and factors that wait to be installed.
    package var backlog: (tasks: Int, factors: Int) { (waiting.count + solving.count, deferred.count) }

    // MARK: Inputs

    /// Lets time pass; called soon after the start, and several times a second.
    public mutating func tick(now: Duration) -> [Action] {
        defer { actions = [] }
        if isOver { return [] }
        if now - lastHeard > settings.silenceTimeout {
            rejoin("the coordinator was not heard of for \(settings.silenceTimeout)")
            return actions
        }
        // Until there is an answer, what is said may be lost.
        let interval = isAnswered ? settings.heartbeatInterval : Self.knockInterval
        if lastSent == nil || now - lastSent! >= interval {
            say(job == nil ? .hello(hello) : .heartbeat(progress: doneCount, sent: sentCount), now)
        }
        handOver(now)
        return actions
    }

    private var hello: WorkerMessage.Hello {
        WorkerMessage.Hello(
            name: settings.name, threads: settings.threads, kernelLevels: settings.kernelLevels, credit: Limits.credit,
            memoryLimit: settings.memoryLimit)
    }

    /// Takes in that the connection is up: what was said before is lost.
    public mutating func connected(now: Duration) -> [Action] {
        defer { actions = [] }
        if isOver || isAnswered { return [] }
        say(.hello(hello), now)
        return actions
    }

    /// Takes in a message.
    public mutating func receive(_ parcel: Parcel<CoordinatorMessage>, now: Duration) -> [Action] {
        defer { actions = [] }
        if isOver { return [] }
        let isIntroduction: Bool =
            switch parcel.message {
            case .welcome, .refused: true
            case .heartbeat, .finish: job == nil
            default: false
            }
        // A coordinator that others have taken over from may live on; it is as if it were silent.
        let isOutdated = parcel.envelope.job == newest.job && parcel.envelope.epoch < newest.epoch
        guard !isOutdated, isIntroduction || (job != nil && parcel.envelope == envelope) else {
            drop(.foreign)
            return actions
        }
        lastHeard = now
        isAnswered = true
        if case .welcome = parcel.message {} else { receivedCount &+= 1 }
        switch parcel.message {
        // Nobody who keeps to the protocol sends these before this worker is ready.
        case .ratings where mapsStore == nil, .factors where mapsStore == nil, .solve where mapsStore == nil,
            .release where mapsStore == nil:
            drop(.malformed)
        default: handle(parcel, now)
        }
        return actions
    }

    /// Takes in that a message cannot be read. If it was bulk, the coordinator counts it as under way for ever
    /// unless its credit is given back.
    public mutating func receiveMalformed(_ error: WireError, hadPayload: Bool, now: Duration) -> [Action] {
        defer { actions = [] }
        if isOver { return [] }
        drop(.malformed)
        receivedCount &+= 1
        if error.isOtherVersion {
            end(.refused(reason: error.what))
        } else if hadPayload {
            // What was in it is asked for when it is needed.
            if job != nil { giveCredit(now) }
        } else {
            // It may have been the word to solve a block, for which nobody would ask.
            rejoin("a message of the coordinator cannot be read: \(error.what)")
        }
        return actions
    }

    /// Takes in that the job's memory is ready.
    /// - Parameter cached: blocks whose ratings are on disk.
    public mutating func prepared(
        mapsStore: Bool, cached: BySide<[Int]> = BySide(user: [], item: []), now: Duration
    ) -> [Action] {
        defer { actions = [] }
        if isOver { return [] }
        self.mapsStore = mapsStore
        // Before the coordinator gives out blocks.
        for side in Side.allCases where !cached[side].isEmpty {
            ratings.noteCached(side, cached[side])
            say(.cached(side, blocks: cached[side]), now)
        }
        say(.ready(mapsStore: mapsStore), now)
        return actions
    }

    /// Takes in that a block's ratings are on disk now.
    public mutating func ratingsSaved(_ side: Side, block: Int, now: Duration) -> [Action] {
        defer { actions = [] }
        if isOver { return [] }
        ratings.noteCached(side, [block])
        say(.cached(side, blocks: [block]), now)
        return actions
    }

    /// Takes in a block's ratings from disk.
    /// - Parameter payload: nil when what is there is not what was saved.
    public mutating func ratingsLoaded(_ side: Side, block: Int, _ payload: Payload?, now: Duration) -> [Action] {
        defer { actions = [] }
        if isOver { return [] }
        if let payload = ratings.endLoading(side, block, payload), !take(payload, side, block) {
            ratings.forgetCached(side, block)
        }
        handOver(now)
        return actions
    }

    /// Takes in a result of the solver.
    /// - Parameter seconds: for how long it was busy with it.
    public mutating func solved(
        _ halfStep: HalfStep, block: Int, factors: Payload, sums: BlockSums, seconds: Double, now: Duration
    ) -> [Action] {
        defer { actions = [] }
        if isOver { return [] }
        endSolving(halfStep, block)
        // Deferred factors first: if this very block is among them, someone else was faster, with the same bytes.
        installDeferred(now)
        if !halfStep.isExtrapolated, versions[halfStep.side][block] < halfStep.solvedVersion {
            versions[halfStep.side].set(block, to: halfStep.solvedVersion)
            actions.append(.installFactors(halfStep.side, block: block, factors))
        }
        let solved = WorkerMessage.Solved(halfStep: halfStep, block: block, sums: sums, seconds: seconds)
        say(.solved(solved), with: factors, now)
        handOver(now)
        return actions
    }

    /// Takes in that the solver found a block that cannot be solved.
    public mutating func failed(_ failure: WorkerMessage.BlockFailure, now: Duration) -> [Action] {
        defer { actions = [] }
        if isOver { return [] }
        endSolving(failure.halfStep, failure.block)
        say(.failed(failure), now)
        installDeferred(now)
        return actions
    }

    /// Leaves the job.
    public mutating func interrupt(reason: String, now: Duration) -> [Action] {
        defer { actions = [] }
        if isOver { return [] }
        isOver = true
        if job != nil { say(.goodbye(reason: reason), now) }
        actions.append(.end(.interrupted))
        return actions
    }

    // MARK: Messages

    private mutating func handle(_ parcel: Parcel<CoordinatorMessage>, _ now: Duration) {
        switch parcel.message {
        case .heartbeat(let sent):
            if job != nil, sent &+ 1 != receivedCount { rejoin("a message of the coordinator was lost") }
        case .welcome(let job, let sent): join(job, parcel.envelope, sent, now)
        case .refused(.unfit, let reason): end(.refused(reason: reason))
        case .refused(.rejoin, let reason): rejoin(reason)
        case .finish(let finish, let reason):
            say(.goodbye(reason: "the job is over"), now)
            end(.finished(finish, reason: reason))
        case .ratings(let chunk): take(chunk, parcel.payload, now)
        case .factors(let side, let block, let version): take(side, block, version, parcel.payload, now)
        case .solve(let halfStep, let block):
            guard let job, block < job.plan[halfStep.side].count else {
                doneCount += 1
                return drop(.malformed)
            }
            let task = Task(halfStep: halfStep, block: block)
            if waiting.contains(task) || solving.contains(task) {
                doneCount += 1
            } else {
                waiting.append(task)
                fetch(halfStep.side, block)
            }
            handOver(now)
        case .release(let side, let blocks):
            ratings.release(side, blocks)
            actions.append(.releaseRatings(side, blocks: blocks))
        }
    }

    private mutating func join(_ job: JobDescription, _ envelope: Envelope, _ sent: UInt64, _ now: Duration) {
        guard self.job == nil else { return drop(.stale) }
        self.job = job
        receivedCount = sent
        self.envelope = envelope
        versions = job.plan.map { BlockVersions(count: $0.count) }
        if let limit = settings.memoryLimit {
            // The coordinator, which knows the ratings too, has the last word; this is for one that does not care.
            let need = job.memoryNeed(threads: settings.threads)
            if let defect = need.defect(ofLimit: limit) { return fail(defect, now) }
            ratings.room = limit.bytes - need.total
        }
        actions.append(.prepare(job))
    }

    /// Leaves, because of memory that cannot be had.
    private mutating func fail(_ what: String, _ now: Duration) {
        say(.goodbye(reason: what), now)
        end(.failed(Failure(.system, "cannot take part in the job: \(what)")))
    }

    private mutating func rejoin(_ reason: String) {
        isOver = true
        actions.append(.rejoin(reason: reason))
    }

    private mutating func end(_ ending: Ending) {
        isOver = true
        actions.append(.end(ending))
    }

    private mutating func say(_ message: WorkerMessage, with payload: Payload? = nil, _ now: Duration) {
        lastSent = now
        if job != nil { sentCount &+= 1 }
        actions.append(.send(message, payload))
    }

    private mutating func drop(_ reason: DropReason) { dropped[reason, default: 0] += 1 }

    /// Counts a payload as dealt with, and gives credit for several at a time.
    private mutating func giveCredit(_ now: Duration) {
        spentCredit += 1
        guard spentCredit >= Limits.credit / 2 else { return }
        say(.credit(spentCredit), now)
        spentCredit = 0
    }

    // MARK: Ratings

    private mutating func take(_ chunk: CoordinatorMessage.RatingsChunk, _ payload: Payload?, _ now: Duration) {
        defer { giveCredit(now) }
        guard let job, let payload, chunk.block < job.plan[chunk.side].count else { return drop(.malformed) }
        switch ratings.take(chunk, payload) {
        case .incomplete: return
        case .stale: drop(.stale)
        case .malformed: drop(.malformed)
        case .noRoom(let what): fail(what, now)
        case .whole(let payload):
            if take(payload, chunk.side, chunk.block), settings.cachesRatings {
                actions.append(.saveRatings(chunk.side, block: chunk.block, payload))
            }
            handOver(now)
        }
    }

    /// Checks and installs the ratings of a block.
    /// - Returns: whether they are sound.
    private mutating func take(_ payload: Payload, _ side: Side, _ block: Int) -> Bool {
        guard let job else { return false }
        do {
            let sound = try RatingsBlock(
                payload, rowCount: job.plan[side].rows(block).count, columnCount: job.plan[side.other].rowCount)
            ratings.hold(side, block, byteCount: payload.bytes.count)
            actions.append(.installRatings(side, block: block, sound))
            return true
        } catch {
            drop(.malformed)
            return false
        }
    }

    /// Has the ratings of a block fetched from disk, if they are there and not here.
    private mutating func fetch(_ side: Side, _ block: Int) {
        if ratings.beginLoading(side, block) { actions.append(.loadRatings(side, block: block)) }
    }

    // MARK: Factors

    private mutating func take(_ side: Side, _ block: Int, _ version: Int, _ payload: Payload?, _ now: Duration) {
        guard let job, let payload, block < job.plan[side].count,
            payload.bytes.count == job.factorByteCount(side, block), payload.isFinite
        else {
            drop(.malformed)
            return giveCredit(now)
        }
        if isInUse(side, block) {
            deferred.append((side, block, version, payload))
        } else {
            install(side, block, version, payload, now)
            handOver(now)
        }
    }

    /// Whether the solver may be reading or writing the factors of this block.
    private func isInUse(_ side: Side, _ block: Int) -> Bool {
        solving.contains { $0.halfStep.side != side || $0.block == block }
    }

    private mutating func install(_ side: Side, _ block: Int, _ version: Int, _ payload: Payload, _ now: Duration) {
        if version > versions[side][block] {
            versions[side].set(block, to: version)
            actions.append(.installFactors(side, block: block, payload))
        } else {
            drop(.stale)
        }
        giveCredit(now)
    }

    private mutating func installDeferred(_ now: Duration) {
        let waiting = deferred
        deferred = []
        for factors in waiting {
            if isInUse(factors.side, factors.block) {
                deferred.append(factors)
            } else {
                install(factors.side, factors.block, factors.version, factors.payload, now)
            }
        }
    }

    // MARK: Solving

    private mutating func endSolving(_ halfStep: HalfStep, _ block: Int) {
        precondition(solving.first == Task(halfStep: halfStep, block: block), "the solver works in order")
        solving.removeFirst()
        doneCount += 1
    }

    /// Hands blocks to the solver as long as it has room and nothing is lacking.
    private mutating func handOver(_ now: Duration) {
        guard mapsStore != nil else { return }
        while solving.count < Self.solverDepth, let task = waiting.first {
            let (solved, fixed) = (task.halfStep.side, task.halfStep.side.other)
            if versions[solved][task.block] >= task.halfStep.solvedVersion {
                // Solved elsewhere, and its factors are here already.
                waiting.removeFirst()
                doneCount += 1
                continue
            }
            if versions[fixed].newest > task.halfStep.fixedVersion {
                // The job has moved on, and what this would read is gone.
                waiting.removeFirst()
                doneCount += 1
                continue
            }
            // The solver may still be busy with blocks of an older half-step, whose place these factors took.
            guard solving.allSatisfy({ $0.halfStep == task.halfStep }) else { return }
            // Released since it was fetched, it may still be on disk.
            fetch(solved, task.block)
            if ratings.isLoading(solved, task.block) { return }
            let needs = needs(of: task, solved, fixed)
            guard needs.isEmpty else {
                if lastNeed == nil || now - lastNeed! >= Self.needInterval {
                    lastNeed = now
                    for need in needs { say(.need(need), now) }
                }
                return
            }
            waiting.removeFirst()
            solving.append(task)
            actions.append(.solve(task.halfStep, block: task.block))
        }
    }

    private func needs(of task: Task, _ solved: Side, _ fixed: Side) -> [WorkerMessage.Need] {
        var needs: [WorkerMessage.Need] = []
        if mapsStore == false, !ratings.contains(solved, task.block) {
            needs.append(.ratings(solved, block: task.block))
        }
        if versions[solved][task.block] < task.halfStep.priorVersion {
            needs.append(.factors(solved, block: task.block))
        }
        needs += versions[fixed].blocks(before: task.halfStep.fixedVersion).map { .factors(fixed, block: $0) }
        return needs
    }
}
