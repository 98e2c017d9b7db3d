// Why: the coordinator's decisions, and nothing else. It has no sockets, no clock and no files: messages, the time
// and failures to send are arguments; what is to be done comes back as actions, which a shell carries out.
//
//     gathering --(enough workers)--> solving half-step 0, 1, 2, ... --(converged, or sweeps done)--> closing --> ended
//
// A half-step is a set of blocks; each is solved by some worker, and the first good result of it counts. A result is
// an immutable payload that becomes the block's factors and goes out to the other workers at once. When all blocks
// are solved, their sums are added in block order and the next half-step begins. Since a block's result does not
// depend on who solved it, a lost worker costs time and nothing else: its blocks go back into the pool.
//
// Once the outcome is known, the workers are told to finish and say goodbye, for which they have a short while.

import Failures
import LeastSquares
import Ratings
import Training

/// The coordinator of one job, as a state machine.
public struct Coordinator {
    public enum Action: Sendable {
        case send(WorkerID, CoordinatorMessage, Payload?)
        case report(JobEvent)
        /// The job as it is between two half-steps, to be kept on disk or not.
        case checkpoint(Checkpoint)
        /// This hello is for the job that follows.
        case postpone(Parcel<WorkerMessage>, from: WorkerID)
        /// The job is over; nothing follows.
        case end(JobOutcome)
    }

    /// A half-step on its way.
    private struct Solving {
        let halfStep: HalfStep
        let began: Duration
        var pool: BlockPool
        /// The sums of the solved blocks.
        var sums: [BlockSums?]
        var unsolvedCount: Int
        /// For the users of the sample, the best of the items that are solved; nil when the half-step is not judged so.
        var rankings: SampleRankings?
        var solvedRowCount = 0
        /// The blocks over which workers were lost.
        var losses = BlockLosses()
    }

    public let envelope: Envelope
    /// A worker that still says hello so long after it was welcomed has not heard it.
    private static let welcomeInterval = Duration.seconds(3)
    /// How long the workers have to say goodbye at the end.
    private static let closingTime = Duration.seconds(2)

    private let configuration: JobConfiguration
    private let settings: CoordinatorSettings
    private let data: JobData
    private let ratingsNeed: RatingsNeed
    /// By whose rankings the sweeps are judged; nil when the loss is explicit or nothing is held out.
    private let sample: RankingSample?
    private var job: JobDescription

    /// The present half-step; nil before the first.
    private var solving: Solving?
    /// How the job ended, and until when the workers may say goodbye.
    private var closing: (outcome: JobOutcome, message: CoordinatorMessage, deadline: Duration)?
    private var hasEnded = false
    private var workers: [WorkerID: WorkerLedger] = [:]
    /// Since when there have been too few workers: none, or before the job begins fewer than it needs.
    private var deserted: Duration?
    private var refusals = Refusals()
    private var factors: JobFactors
    /// Who solved each block last.
    private var homes: BySide<[WorkerID?]>
    /// Who solved any.
    private var roll = WorkerRoll()
    /// How long blocks take.
    private var stragglers = BySide(user: Stragglers(), item: Stragglers())
    private var schedule: Schedule
    private var earlyStopping: EarlyStopping?
    /// Where the job goes on that a checkpoint was taken of.
    private var resumed: Checkpoint.Record?
    private var seconds = BySide(user: 0.0, item: 0.0)
    private var sweeps: [SweepRecord] = []
    private var actions: [Action] = []

    /// Bytes that the shell sent and received since the last sweep ended.
    private var bytesSent = 0
    private var bytesReceived = 0
    /// Messages that were not acted on.
    public private(set) var dropped: [DropReason: Int] = [:]

    /// - Parameters:
    ///   - mean: of the training ratings.
    ///   - checkpoint: where to go on; its configuration, fingerprint and plan are those of this job.
    ///   - now: any monotonic time; all later times are of the same clock.
    public init(
        configuration: JobConfiguration, settings: CoordinatorSettings, data: JobData, mean: Double,
        storePath: String, storeFingerprint: String, envelope: Envelope, resuming checkpoint: Checkpoint? = nil,
        now: Duration
    ) {
        self.envelope = envelope
        self.configuration = configuration
        self.settings = settings
        self.data = data
        ratingsNeed = RatingsNeed(data)
        sample = configuration.implicit == nil ? nil : data.rankingSample(seed: configuration.seed)
        let solver = configuration.solverConfiguration(mean: mean)
        job = JobDescription(
            solver: solver, kernelLevel: .portable, seed: configuration.seed, plan: data.plan, storePath: storePath,
            storeFingerprint: storeFingerprint, rankedUsers: sample?.users ?? [])
        factors = JobFactors(job.initialFactors, data: data, solver: solver)
        homes = data.plan.map { Array(repeating: nil, count: $0.count) }
        schedule = Schedule(configuration)
        earlyStopping = configuration.patience.map { EarlyStopping(patience: $0) }
        deserted = now
        guard let checkpoint else { return }
        let record = checkpoint.record
        precondition(
            record.configuration == configuration && record.storeFingerprint == storeFingerprint
                && record.plan == data.plan, "the checkpoint is of another job")
        resumed = record
        job.kernelLevel = record.kernelLevel
        factors = JobFactors(checkpoint, data: data, solver: solver)
        (schedule, earlyStopping) = (record.schedule, record.earlyStopping)
        (sweeps, seconds) = (record.sweeps, record.seconds)
        roll = WorkerRoll(record.workers ?? [])
    }

    /// The kernel level of the job, once it has begun.
    public var kernelLevel: KernelLevel { job.kernelLevel }
    public var solver: SolverConfiguration { job.solver }
    /// The workers that have taken part, by name; those before a checkpoint too.
    public var workerRecords: [WorkerRecord] { roll.all }

    // MARK: Inputs

    /// Takes in a message.
    public mutating func receive(_ parcel: Parcel<WorkerMessage>, from id: WorkerID, now: Duration) -> [Action] {
        defer { actions = [] }
        if hasEnded { return [] }
        if let closing {
            switch parcel.message {
            case .goodbye(_, let peakMemory):
                workers[id]?.notePeakMemory(peakMemory)
                close(id)
            // It came too late to take part.
            case .hello:
                if settings.hasSuccessor {
                    actions.append(.postpone(parcel, from: id))
                } else {
                    send(closing.message, to: id, now)
                }
            default: break
            }
            return actions
        }
        if case .hello(let hello) = parcel.message {
            greet(hello, id, now)
        } else if workers[id] == nil {
            drop(.unknownWorker)
            send(.refused(.rejoin, reason: "this worker is not known, or was taken for dead"), to: id, now)
        } else if parcel.envelope != envelope {
            drop(.foreign)
        } else {
            hear(id, now)
            workers[id]!.receivedCount &+= 1
            handle(parcel, id, now)
        }
        return actions
    }

    /// Takes in that a message cannot be read.
    public mutating func receiveMalformed(_ error: WireError, from id: WorkerID, now: Duration) -> [Action] {
        defer { actions = [] }
        if hasEnded { return [] }
        drop(.malformed)
        if closing != nil { return [] }
        if dropped[.malformed] == 1 {
            actions.append(.report(.warning("dropped a message that cannot be read: \(error.what)")))
        }
        if workers[id] != nil {
            // It may have been a result, for which nobody would ask again.
            remove(id, reason: "sent a message that cannot be read: \(error.what)", now)
        } else if error.isOtherVersion {
            send(.refused(.unfit, reason: error.what), to: id, now)
        }
        return actions
    }

    /// Takes in that a message could not be sent, because the worker is gone or does not read.
    public mutating func sendFailed(to id: WorkerID, reason: String, now: Duration) -> [Action] {
        defer { actions = [] }
        if hasEnded { return [] }
        if closing != nil { close(id) } else { remove(id, reason: reason, now, by: .connection) }
        return actions
    }

    /// Takes in that who speaks as `id` may not take part (any more).
    public mutating func expel(_ id: WorkerID, reason: String, now: Duration) -> [Action] {
        defer { actions = [] }
        if hasEnded { return [] }
        send(.refused(.unfit, reason: reason), to: id, now)
        guard workers[id] != nil else {
            // It may wait for the next job, and would wait for ever.
            drop(.unknownWorker)
            return actions
        }
        if closing != nil { close(id) } else { remove(id, reason: reason, now) }
        return actions
    }

    /// Whether there is a worker `id`.
    public func knows(_ id: WorkerID) -> Bool { workers[id] != nil }

    /// Lets time pass.
    public mutating func tick(now: Duration) -> [Action] {
        defer { actions = [] }
        if hasEnded { return [] }
        if let closing {
            if now >= closing.deadline { end() }
            return actions
        }
        for id in workers.keys.sorted() {
            guard closing == nil, workers[id] != nil else { continue }
            judge(id, now)
            if closing == nil, let ledger = workers[id], now - ledger.lastSent >= settings.heartbeatInterval {
                send(.heartbeat(sent: ledger.sentCount), to: id, now)
            }
        }
        if closing != nil { return actions }
        copyOverdueBlocks(now)
        // One that is taking in the job is given the time for it; one that proves unfit, or dies of it, puts nothing off.
        let isPreparing = workers.values.contains { $0.standing == .welcomed }
        if let deserted, now - deserted > settings.workerTimeout, !isPreparing {
            let needed = solving == nil ? settings.minWorkers : 1
            let failure = refusals.tooFew(workers.count, of: needed, for: settings.workerTimeout)
            end(.failed(failure), .failed, "too few workers", now)
        }
        return actions
    }

    /// Ends the job before its time.
    public mutating func stop(reason: String, now: Duration) -> [Action] {
        defer { actions = [] }
        if hasEnded || closing != nil { return [] }
        end(.stopped(reason: reason), .stopped, reason, now)
        return actions
    }

    /// Ends the job because of something that makes its result worthless.
    public mutating func abandon(_ failure: Failure, now: Duration) -> [Action] {
        defer { actions = [] }
        if hasEnded || closing != nil { return [] }
        end(.failed(failure), .failed, failure.description, now)
        return actions
    }

    // MARK: Bytes

    /// Books what the shell has sent to a worker; what travels is the shell's to know.
    public mutating func countSent(_ byteCount: Int, to id: WorkerID) {
        bytesSent += byteCount
        workers[id]?.account.bytesReceived += byteCount
    }

    /// Books what the shell has received from a worker.
    public mutating func countReceived(_ byteCount: Int, from id: WorkerID) {
        bytesReceived += byteCount
        workers[id]?.account.bytesSent += byteCount
    }

    // MARK: Workers

    private mutating func greet(_ hello: WorkerMessage.Hello, _ id: WorkerID, _ now: Duration) {
        if workers[id] != nil {
            // Said again before the answer came.
            hear(id, now)
            if solving == nil {
                send(.heartbeat(sent: 0), to: id, now)
            } else if workers[id]!.standing == .welcomed, now - workers[id]!.lastWelcomed > Self.welcomeInterval {
                welcome(id, now)
            }
            return
        }
        guard workers.count < Limits.workerCount else {
            refuse(hello, id, "there are \(Limits.workerCount) workers already", now)
            return
        }
        if let limit = hello.memoryLimit, let defect = memoryNeed(hello).defect(ofLimit: limit, ratings: leastRatings) {
            refuse(hello, id, defect, now)
            return
        }
        workers[id] = WorkerLedger(id: id, hello: hello, now: now)
        solving?.losses.forgive(hello.name)
        if solving != nil {
            welcome(id, now)
        } else if workers.count >= settings.minWorkers {
            deserted = nil
            beginJob(now)
        } else {
            send(.heartbeat(sent: 0), to: id, now)
            actions.append(
                .report(.workerWaits(name: hello.name, workers: workers.count, needed: settings.minWorkers)))
        }
    }

    private mutating func welcome(_ id: WorkerID, _ now: Duration) {
        let hello = workers[id]!.hello
        guard hello.kernelLevels.contains(job.kernelLevel.rawValue) else {
            workers[id] = nil
            if workers.isEmpty { deserted = deserted ?? now }
            refuse(
                hello, id,
                """
                the job runs with \(job.kernelLevel.rawValue) kernels, which this worker lacks: where hosts differ, \
                start the coordinator with --kernels and a level that all have
                """, now)
            return
        }
        workers[id]!.standing = .welcomed
        workers[id]!.lastWelcomed = now
        workers[id]!.life.beginPreparing(now: now)
        actions.append(.send(id, .welcome(job, sent: workers[id]!.sentCount), nil))
    }

    private mutating func refuse(_ hello: WorkerMessage.Hello, _ id: WorkerID, _ reason: String, _ now: Duration) {
        send(.refused(.unfit, reason: reason), to: id, now)
        actions.append(.report(.workerRefused(name: hello.name, reason: reason, workers: workers.count)))
        refusals.note(hello.name, reason)
    }

    /// What a removed worker was lost by, where the block that it was solving may be to blame.
    private enum Loss {
        case connection
        case wedge
    }

    private mutating func remove(_ id: WorkerID, reason: String, _ now: Duration, by loss: Loss? = nil) {
        guard let ledger = workers.removeValue(forKey: id) else { return }
        if workers.isEmpty { deserted = deserted ?? now }
        actions.append(.report(.workerLeft(name: ledger.hello.name, reason: reason, workers: workers.count)))
        actions.append(.report(.membershipEnded(ledger.account)))
        guard solving != nil else { return }
        // One that joined anew before this was noticed has lost a connection only.
        let isBack = loss == .connection && workers.values.contains { $0.hello.name == ledger.hello.name }
        if let loss, !isBack, let block = ledger.certainFront,
            solving!.losses.note(block, name: loss == .wedge ? nil : ledger.hello.name)
        {
            return failOver(block, now)
        }
        // A suspected worker's blocks have been given back.
        if !ledger.life.isSuspected { giveBack(ledger.assigned) }
        solving!.pool.release(id)
        homes = homes.map { $0.map { $0 == id ? nil : $0 } }
        for other in workers.keys.sorted() { supply(other, now) }
    }

    private mutating func send(
        _ message: CoordinatorMessage, _ payload: Payload? = nil, to id: WorkerID, _ now: Duration
    ) {
        workers[id]?.lastSent = now
        workers[id]?.sentCount &+= 1
        actions.append(.send(id, message, payload))
    }

    private mutating func drop(_ reason: DropReason) { dropped[reason, default: 0] += 1 }

    // MARK: Messages

    private mutating func handle(_ parcel: Parcel<WorkerMessage>, _ id: WorkerID, _ now: Duration) {
        switch parcel.message {
        case .hello: break
        case .heartbeat(let progress, let sent):
            workers[id]!.life.report(progress: progress, now: now)
            if sent &+ 1 != workers[id]!.receivedCount { remove(id, reason: "a message of it was lost", now) }
        case .ready(let mapsStore): admit(id, mapsStore, now)
        case .credit(let count):
            workers[id]!.life.progress(now: now)
            workers[id]!.credit = min(workers[id]!.credit + count, Limits.credit)
            supply(id, now)
        case .need(let need): takeBack(need, id, now)
        case .solved(let solved):
            workers[id]!.life.answer(now: now)
            accept(solved, parcel.payload, id, now)
        case .failed(let failure): fail(failure, now)
        case .cached(let side, let blocks): note(blocks, side, cachedBy: id)
        case .goodbye(let reason, let peakMemory):
            workers[id]!.notePeakMemory(peakMemory)
            remove(id, reason: reason, now)
        }
    }

    private mutating func admit(_ id: WorkerID, _ mapsStore: Bool, _ now: Duration) {
        guard workers[id]!.standing == .welcomed else { return drop(.stale) }
        let hello = workers[id]!.hello
        if !mapsStore, let limit = hello.memoryLimit, !giveRoom(id, hello, limit, now) { return }
        workers[id]!.standing = .ready(mapsStore: mapsStore)
        deserted = nil
        workers[id]!.time.readySince = now
        workers[id]!.life.endPreparing()
        for side in Side.allCases {
            for (block, factors) in factors.present[side].enumerated() where factors.payload != nil {
                workers[id]!.lack(side, block)
            }
        }
        actions.append(
            .report(
                .workerJoined(
                    name: hello.name, threads: hello.threads, mapsStore: mapsStore,
                    workers: workers.values.count(where: \.isReady))))
        supply(id, now)
    }

    /// What a worker needs beside ratings.
    private func memoryNeed(_ hello: WorkerMessage.Hello) -> MemoryNeed {
        MemoryNeed(
            rowCounts: data.plan.map(\.rowCount), solver: job.solver, threads: hello.threads,
            longestRow: ratingsNeed.longestRow, rankedUserCount: job.rankedUsers.count)
    }

    /// What a worker that has to be sent its ratings needs for them at the least.
    private var leastRatings: Int { ratingsNeed.least(blocksInFlight: settings.blocksInFlight) }

    /// Notes how many ratings a worker that has to be sent them can hold.
    /// - Returns: false when these are too few, and the worker was refused.
    private mutating func giveRoom(
        _ id: WorkerID, _ hello: WorkerMessage.Hello, _ limit: ByteSize, _ now: Duration
    ) -> Bool {
        let need = memoryNeed(hello)
        if let defect = need.defect(ofLimit: limit, ratings: leastRatings, mapsStore: false) {
            workers[id] = nil
            if workers.isEmpty { deserted = deserted ?? now }
            refuse(hello, id, defect, now)
            return false
        }
        let room = limit.bytes - need.total
        workers[id]!.ratingsRoom = room
        let share = ratingsNeed.share(workers: max(workers.count, settings.minWorkers))
        if room < share {
            actions.append(
                .report(.workerIsShortOfMemory(name: hello.name, room: ByteSize(room), share: ByteSize(share))))
        }
        return true
    }

    private mutating func note(_ blocks: [Int], _ side: Side, cachedBy id: WorkerID) {
        guard blocks.allSatisfy({ $0 < data.plan[side].count }) else { return drop(.malformed) }
        workers[id]!.noteCached(side, blocks)
        // A worker that brings ratings along is the best home for blocks that have none.
        guard workers[id]!.standing == .welcomed else { return }
        for block in blocks where homes[side][block] == nil { homes[side][block] = id }
        if solving?.halfStep.side == side { solving!.pool.claim(Set(blocks), for: id) }
    }

    private mutating func takeBack(_ need: WorkerMessage.Need, _ id: WorkerID, _ now: Duration) {
        switch need {
        case .ratings(let side, let block):
            guard block < data.plan[side].count else { return drop(.malformed) }
            workers[id]!.resendRatings(side, block, during: solving?.halfStep)
        case .factors(let side, let block):
            guard block < data.plan[side].count, factors.present[side][block].payload != nil else { return drop(.malformed) }
            workers[id]!.lack(side, block)
        }
        supply(id, now)
    }

    /// Gives `id` blocks, and sends it all that it may be sent now.
    private mutating func supply(_ id: WorkerID, _ now: Duration) {
        guard let halfStep = solving?.halfStep, workers[id]?.isReady == true, !workers[id]!.life.isSuspected else {
            return
        }
        sendAll(id, halfStep, now)
        // A worker that has factors to take in first would keep others from blocks that it cannot begin.
        guard workers[id]!.hasFactors(for: halfStep) else { return }
        while workers[id]!.lineCount < settings.blocksInFlight, let block = solving!.pool.take(for: id) {
            // Solved by one who was given up on it.
            if solving!.sums[block] == nil { workers[id]!.assign(block, now) }
        }
        sendAll(id, halfStep, now)
    }

    private mutating func sendAll(_ id: WorkerID, _ halfStep: HalfStep, _ now: Duration) {
        while let (message, payload) = workers[id]!.next(halfStep, factors: factors.present, data: data) {
            if case .solve = message { workers[id]!.life.tell(now: now) }
            send(message, payload, to: id, now)
        }
    }

    // MARK: Faults

    private mutating func hear(_ id: WorkerID, _ now: Duration) {
        guard workers[id]!.life.hear(now: now) else { return }
        actions.append(.report(.workerRecovered(name: workers[id]!.hello.name)))
        // What nobody has begun meanwhile stays with it.
        solving?.pool.withdraw(workers[id]!.assigned)
        supply(id, now)
    }

    private mutating func judge(_ id: WorkerID, _ now: Duration) {
        let wasSuspected = workers[id]!.life.isSuspected
        switch workers[id]!.life.judge(settings.faultTimeouts, now: now) {
        case .alive: break
        case .suspected: if !wasSuspected { suspect(id, now) }
        case .dead: remove(id, reason: "not heard of for \(settings.silenceTimeout)", now, by: .connection)
        case .wedged:
            let reason =
                workers[id]!.isReady
                ? "it has blocks to solve and did not get on for \(settings.progressTimeout)"
                : "it did not take in the job in \(settings.faultTimeouts.preparation)"
            remove(id, reason: reason, now, by: .wedge)
        }
    }

    private mutating func suspect(_ id: WorkerID, _ now: Duration) {
        let ledger = workers[id]!
        guard solving != nil, ledger.isReady else { return }
        actions.append(
            .report(.workerSuspected(name: ledger.hello.name, silence: settings.suspicionTimeout)))
        _ = workers[id]!.takeBackUntold()
        giveBack(ledger.assigned)
        for other in workers.keys.sorted() { supply(other, now) }
    }

    /// Gives blocks back to the pool that nobody else works on.
    private mutating func giveBack(_ blocks: [Int]) {
        let active = workers.values.filter { !$0.life.isSuspected }
        solving!.pool.giveBack(blocks.filter { block in !active.contains { $0.assigned.contains(block) } })
    }

    /// Gives blocks with which their workers are overdue to idle workers too.
    private mutating func copyOverdueBlocks(_ now: Duration) {
        guard let halfStep = solving?.halfStep else { return }
        let active = workers.keys.sorted().filter { workers[$0]!.isReady && !workers[$0]!.life.isSuspected }
        let idle = active.filter { id in
            workers[id]!.assigned.isEmpty && workers[id]!.lineCount < settings.blocksInFlight
                && workers[id]!.hasFactors(for: halfStep)
        }
        guard !idle.isEmpty else { return }
        var holders: [Int: [WorkerID]] = [:]
        for id in active { for block in workers[id]!.assigned { holders[block, default: []].append(id) } }
        var candidates = active.flatMap { id in
            workers[id]!.assigned.filter { holders[$0]!.count == 1 }
                .map { Stragglers.Candidate(block: $0, since: workers[id]!.frontSince ?? now) }
        }
        for id in idle {
            let chosen = stragglers[halfStep.side].choose(candidates, now: now) {
                workers[id]!.hasRatings(halfStep.side, $0)
            }
            guard let chosen else { continue }
            candidates.removeAll { $0.block == chosen.block }
            workers[id]!.assign(chosen.block, now)
            actions.append(
                .report(
                    .blockCopied(
                        halfStep.side, block: chosen.block, from: workers[holders[chosen.block]![0]]!.hello.name,
                        to: workers[id]!.hello.name)))
            sendAll(id, halfStep, now)
        }
    }

    /// Fails the job because of a block over which too many workers were lost.
    private mutating func failOver(_ block: Int, _ now: Duration) {
        let side = solving!.halfStep.side
        let rows = data.plan[side].rows(block)
        let what = "\(BlockLosses.limit) workers were lost, one after the other, while they solved the same block"
        end(
            .failed(
                Failure(
                    .software, what, at: "\(side) block \(block), rows \(rows.lowerBound) to \(rows.upperBound - 1)",
                    remedy: "see what the workers and the system's log say of their end; if it was memory, "
                        + "lower --threads or --rank")),
            .failed, what, now)
    }

    // MARK: Half-steps

    private mutating func beginJob(_ now: Duration) {
        // The best level that all have. Every worker has the portable one, unless it was told to use another only.
        let offers = workers.values.map { Set($0.hello.kernelLevels) }
        let common = KernelLevel.allCases.filter { level in offers.allSatisfy { $0.contains(level.rawValue) } }
        guard let level = resumed?.kernelLevel ?? settings.kernelLevel ?? common.max() else {
            let failure = Failure(
                .unavailable, "the workers have no kernel level in common", remedy: "start them without --kernels")
            return end(.failed(failure), .failed, failure.what, now)
        }
        job.kernelLevel = level
        if let need = workers.values.map({ memoryNeed($0.hello) }).max(by: { $0.total < $1.total }) {
            let share = ByteSize(ratingsNeed.share(workers: workers.count))
            actions.append(.report(.jobBegan(need: need, ratings: share, workers: workers.count)))
        }
        begin(resumed?.next ?? schedule.begin(), now)
        for id in workers.keys.sorted() { welcome(id, now) }
    }

    private mutating func begin(_ halfStep: HalfStep, _ now: Duration) {
        let plan = data.plan[halfStep.side]
        solving = Solving(
            halfStep: halfStep, began: now, pool: BlockPool(homes: deal(halfStep.side).homes),
            sums: Array(repeating: nil, count: plan.count), unsolvedCount: plan.count,
            rankings: halfStep.endsSweep ? sample.map { SampleRankings(userCount: $0.users.count) } : nil)
        actions.append(.report(.halfStepBegan(halfStep, rows: plan.rowCount)))
        for id in workers.keys.sorted() {
            workers[id]!.beginHalfStep()
            if let release = workers[id]!.releaseMoved(halfStep.side, homes: homes[halfStep.side]) {
                send(release, to: id, now)
            }
            supply(id, now)
        }
    }

    /// Where the blocks of a side are to be solved: at home, unless that is predicted to take longer.
    private func deal(_ side: Side) -> BlockDeal {
        BlockDeal(
            homes: homes[side],
            secondsPerBlock: workers.filter { $0.value.isReady }.mapValues { $0.time.secondsPerBlock[side] })
    }

    private mutating func accept(
        _ solved: WorkerMessage.Solved, _ payload: Payload?, _ id: WorkerID, _ now: Duration
    ) {
        let (halfStep, side, block) = (solved.halfStep, solved.halfStep.side, solved.block)
        guard halfStep == solving?.halfStep, block < data.plan[side].count else { return drop(.stale) }
        guard solving!.sums[block] == nil else {
            // Someone else was faster; this worker has room for another block.
            workers[id]!.strike(block, now)
            supply(id, now)
            return drop(.stale)
        }
        guard let payload, payload.bytes.count == job.factorByteCount(side, block), payload.isFinite,
            isPlausible(solved.sums, side, block), isPossible(solved.lists, block)
        else {
            drop(.malformed)
            remove(id, reason: "sent a result that cannot be right", now)
            return
        }
        solving!.sums[block] = solved.sums
        solving!.rankings?.add(solved.lists)
        workers[id]!.time.solved(side, seconds: solved.seconds, now: now)
        solving!.unsolvedCount -= 1
        solving!.solvedRowCount += data.plan[side].rows(block).count
        factors.take(payload, block: block, of: halfStep)
        homes[side][block] = id
        roll.countBlock(of: workers[id]!.hello)
        if workers[id]!.assigned.first == block, let since = workers[id]!.frontSince {
            stragglers[side].note(now - since)
        }
        actions.append(
            .report(
                .halfStepProgressed(
                    halfStep, rows: solving!.solvedRowCount,
                    fraction: 1 - Double(solving!.unsolvedCount) / Double(data.plan[side].count))))
        for other in workers.keys.sorted() {
            workers[other]!.strike(block, now)
            if halfStep.isExtrapolated || other != id, workers[other]!.isReady { workers[other]!.lack(side, block) }
        }
        if solving!.unsolvedCount == 0 {
            complete(solving!, now)
        } else {
            for other in workers.keys.sorted() { supply(other, now) }
            copyOverdueBlocks(now)
        }
    }

    private mutating func complete(_ solving: Solving, _ now: Duration) {
        let halfStep = solving.halfStep
        let objective = Objective(
            blocks: solving.sums.map { $0! }, side: halfStep.side, fixedPenalty: factors.penalty[halfStep.side.other],
            isImplicit: configuration.implicit != nil)
        factors.complete(halfStep, objective)
        let present = workers.keys.sorted().compactMap { workers[$0]!.isReady ? workers[$0]!.time : nil }
        let time = HalfStepTime(of: present, began: solving.began, ended: now)
        actions.append(.report(.halfStepEnded(halfStep, objective: objective, time: time)))
        let step = schedule.next(after: halfStep, objective: objective.value)
        seconds[halfStep.side] += time.seconds
        guard halfStep.endsSweep else { return take(step, now) }
        let record = SweepRecord(
            sweep: halfStep.sweep, objective: objective.value, trainRMSE: objective.trainRMSE,
            validationRMSE: objective.validationRMSE,
            validationQuality: solving.rankings.flatMap { sample?.quality(of: $0) }, userSeconds: self.seconds.user,
            itemSeconds: self.seconds.item, bytesSent: bytesSent, bytesReceived: bytesReceived, workers: workers.count)
        (bytesSent, bytesReceived, self.seconds) = (0, 0, BySide(user: 0, item: 0))
        if let last = sweeps.last, record.objective > last.objective * (1 + 1e-6) {
            actions.append(.report(.warning("the objective rose in sweep \(record.sweep): raise --regularization")))
        }
        sweeps.append(record)
        actions.append(.report(.sweepEnded(record)))
        guard objective.value.isFinite else {
            let failure = Failure(
                .badData, "the objective is no longer finite after sweep \(halfStep.sweep)",
                remedy: "raise --regularization, or check the values of the ratings")
            return end(.failed(failure), .failed, failure.what, now)
        }
        switch record.validationError.flatMap({ earlyStopping?.take(sweep: record.sweep, error: $0) }) {
        case .best: factors.keep()
        case .stop:
            actions.append(.report(.stoppedEarly(sweep: record.sweep, kept: earlyStopping!.bestSweep ?? 0)))
            return finish(converged: false, now)
        case .worse, nil: break
        }
        take(step, now)
    }

    private mutating func take(_ step: Schedule.Step, _ now: Duration) {
        switch step {
        case .solve(let halfStep):
            actions.append(.checkpoint(checkpoint(before: halfStep)))
            begin(halfStep, now)
        case .withdrawExtrapolation(let version, let halfStep):
            actions.append(.report(.extrapolationWithdrawn(sweep: halfStep.sweep)))
            factors.withdrawExtrapolation(version: version)
            for block in 0..<data.plan.item.count {
                for id in workers.keys where workers[id]!.isReady { workers[id]!.lack(.item, block) }
            }
            actions.append(.checkpoint(checkpoint(before: halfStep)))
            begin(halfStep, now)
        case .end(let converged): finish(converged: converged, now)
        }
    }

    private func checkpoint(before next: HalfStep) -> Checkpoint {
        let factors = factors.checkpoint
        return Checkpoint(
            record: Checkpoint.Record(
                configuration: configuration, storeFingerprint: job.storeFingerprint, kernelLevel: job.kernelLevel,
                plan: data.plan, next: next, schedule: schedule, earlyStopping: earlyStopping, sweeps: sweeps,
                seconds: seconds, penalty: self.factors.penalty, itemResultPenalty: self.factors.checkpointItemPenalty,
                versions: Dictionary(uniqueKeysWithValues: factors.map { ($0.role, $0.version) }), workers: roll.all),
            factors: factors)
    }

    private mutating func finish(converged: Bool, _ now: Duration) {
        end(
            .done(
                factors: factors.finished, sweeps: sweeps, converged: converged, keptSweep: earlyStopping?.bestSweep),
            .done, "the model is finished", now)
    }

    // MARK: The end

    private mutating func fail(_ failure: WorkerMessage.BlockFailure, _ now: Duration) {
        guard failure.halfStep == solving?.halfStep else { return drop(.stale) }
        end(
            .failed(Failure(.badData, failure.what, at: failure.place, remedy: failure.remedy)), .failed,
            failure.what, now)
    }

    private mutating func end(
        _ outcome: JobOutcome, _ finish: CoordinatorMessage.Finish, _ reason: String, _ now: Duration
    ) {
        let message = CoordinatorMessage.finish(
            settings.hasSuccessor && finish != .stopped ? .next : finish, reason: reason)
        for id in workers.keys.sorted() { send(message, to: id, now) }
        closing = (outcome, message, now + Self.closingTime)
        if workers.isEmpty { end() }
    }

    /// Takes in that a worker has read that the job is over, or is gone.
    private mutating func close(_ id: WorkerID) {
        if let ledger = workers.removeValue(forKey: id) { actions.append(.report(.membershipEnded(ledger.account))) }
        if workers.isEmpty { end() }
    }

    private mutating func end() {
        for id in workers.keys.sorted() { actions.append(.report(.membershipEnded(workers[id]!.account))) }
        actions.append(.end(closing!.outcome))
        hasEnded = true
    }

    /// Whether these can be lists of items of `block`, which the present half-step asks for.
    private func isPossible(_ lists: [RankedList], _ block: Int) -> Bool {
        guard solving?.rankings != nil else { return lists.isEmpty }
        let rows = data.plan.item.rows(block)
        return lists.allSatisfy { list in
            list.place < job.rankedUsers.count && list.items.allSatisfy { rows.contains($0.item) }
        }
    }

    /// Whether a right worker may have sent these.
    private func isPlausible(_ sums: BlockSums, _ side: Side, _ block: Int) -> Bool {
        let expected = data.counts(side, block)
        return sums.squaredError >= 0 && sums.penalty >= 0 && sums.holdoutSquaredError >= 0
            && (sums.squaredError + sums.penalty + sums.holdoutSquaredError).isFinite
            && sums.ratingCount == expected.ratings && sums.holdoutCount == expected.holdout
    }
}
