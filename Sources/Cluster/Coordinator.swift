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
    struct Solving {
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
    static let welcomeInterval = Duration.seconds(3)
    /// So long those are waited for whom a job may fit that does not fit another.
    static let gatheringTime = Duration.seconds(2)
    /// How long the workers have to say goodbye at the end.
    static let closingTime = Duration.seconds(2)

    let configuration: JobConfiguration
    let settings: CoordinatorSettings
    let data: JobData
    let ratingsNeed: RatingsNeed
    /// By whose rankings the sweeps are judged; nil when the loss is explicit or nothing is held out.
    let sample: RankingSample?
    var job: JobDescription

    /// The present half-step; nil before the first.
    var solving: Solving?
    /// How the job ended, and until when the workers may say goodbye.
    var closing: (outcome: JobOutcome, message: CoordinatorMessage, deadline: Duration)?
    var hasEnded = false
    var workers: [WorkerID: WorkerLedger] = [:]
    /// Since when there have been too few workers: none, or before the job begins fewer than it needs.
    var deserted: Duration?
    var refusals = Refusals()
    /// Why the job does not fit workers that were left to the next, by their names.
    var unfit: [String: String] = [:]
    /// When the last of them came for the first time.
    var lastUnfit: Duration?
    var factors: JobFactors
    /// Who solved each block last.
    var homes: BySide<[WorkerID?]>
    /// Who solved any.
    var roll = WorkerRoll()
    /// How long blocks take.
    var stragglers = BySide(user: Stragglers(), item: Stragglers())
    var schedule: Schedule
    var earlyStopping: EarlyStopping?
    /// Where the job goes on that a checkpoint was taken of.
    var resumed: Checkpoint.Record?
    var seconds = BySide(user: 0.0, item: 0.0)
    var sweeps: [SweepRecord] = []
    var actions: [Action] = []

    /// Bytes that the shell sent and received since the last sweep ended.
    var bytesSent = 0
    var bytesReceived = 0
    /// Messages that were not acted on.
    public internal(set) var dropped: [DropReason: Int] = [:]

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
        beginWithWhoFits(now)
        if closing != nil { return actions }
        // One that is taking in the job is given the time for it; one that proves unfit, or dies of it, puts nothing
        // off.
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
}
