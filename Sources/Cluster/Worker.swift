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
//
// This file has its state and what it takes in; `+Messages`, `+Holdings` and `+Solving` have what it makes of that.

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
    struct Task: Hashable {
        let halfStep: HalfStep
        let block: Int
    }

    /// Blocks that the solver has at a time: one it solves and one to go on with.
    static let solverDepth = 2
    /// How often to say hello until the coordinator answers.
    private static let knockInterval = Duration.milliseconds(100)
    /// How long to wait for what was asked for before asking again.
    static let needInterval = Duration.seconds(2)

    let settings: WorkerSettings
    /// The newest coordinator that this process has worked for.
    let newest: Envelope
    var envelope = Envelope.none
    var job: JobDescription?
    var mapsStore: Bool?
    var lastHeard: Duration
    var isAnswered = false
    var lastSent: Duration?
    var lastNeed: Duration?
    /// Messages both ways, hellos and welcomes not counted; see `WorkerLedger`.
    var sentCount: UInt64 = 0
    var receivedCount: UInt64 = 0
    var isOver = false

    var versions = BySide(user: BlockVersions(count: 0), item: BlockVersions(count: 0))
    var ratings = WorkerRatings()
    /// Told to solve and not handed to the solver yet.
    var waiting: Deque<Task> = []
    /// In the solver's hands, in order.
    var solving: Deque<Task> = []
    /// Factors that came while the solver was using their place.
    var deferred: [(side: Side, block: Int, version: Int, payload: Payload)] = []
    /// Payloads dealt with since credit was last given.
    var spentCredit = 0
    /// Words to solve that came to an end: solved, failed, or no longer needed.
    var doneCount: UInt64 = 0
    var actions: [Action] = []
    /// Messages that were not acted on.
    public internal(set) var dropped: [DropReason: Int] = [:]

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

    var hello: WorkerMessage.Hello {
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
        _ halfStep: HalfStep, block: Int, _ solution: WorkerMemory.Solution, seconds: Double, now: Duration
    ) -> [Action] {
        defer { actions = [] }
        if isOver { return [] }
        endSolving(halfStep, block)
        // Deferred factors first: if this very block is among them, someone else was faster, with the same bytes.
        installDeferred(now)
        if !halfStep.isExtrapolated, versions[halfStep.side][block] < halfStep.solvedVersion {
            versions[halfStep.side].set(block, to: halfStep.solvedVersion)
            actions.append(.installFactors(halfStep.side, block: block, solution.factors))
        }
        let solved = WorkerMessage.Solved(
            halfStep: halfStep, block: block, sums: solution.sums, seconds: seconds, lists: solution.lists)
        say(.solved(solved), with: solution.factors, now)
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
}
