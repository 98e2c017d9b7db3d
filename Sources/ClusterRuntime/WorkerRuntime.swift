// Why: the shell around the worker's state machine. One thread owns the dealer socket and the machine; another
// solves. When the machine asks to rejoin, the socket is closed and a new one opened under a new routing id, so that
// nothing that was queued for the old coordinator reaches the next.

import ArrayFiles
import Cluster
import DequeModule
import Failures
import Foundation
import LeastSquares
import Logging
import Ratings
import Training
import ZeroMQ

/// A worker process's whole life.
public final class WorkerRuntime {
    public struct Options: Sendable {
        public var coordinator: Endpoint
        /// With which it proves who it is, and the coordinator that it is the right one; nil for neither.
        public var keys: WorkerKeys?
        public var threads: Int
        /// Without a word from the coordinator for so long, the worker gives up.
        public var coordinatorTimeout: Duration
        /// Without a word for so long, it joins the coordinator anew.
        public var silenceTimeout: Duration
        /// For people: host and process.
        public var name: String
        /// The kernels that it may use, of those that this machine has.
        public var kernelLevels: [KernelLevel]
        /// The process that started this one, when this one is to end with it.
        public var parent: Int32?
        /// Whether to map the coordinator's store when it can be opened here.
        public var mayMapStore: Bool
        /// The most memory that it may take, mapped files aside; nil for no limit.
        public var memoryLimit: ByteSize?
        /// Where to keep the ratings that it is sent, for when it is started again.
        public var cache: RatingsCache?
        /// Where it is to fail, for tests.
        public var failpoints: Failpoints

        public init(
            coordinator: Endpoint, keys: WorkerKeys? = nil, threads: Int, coordinatorTimeout: Duration,
            silenceTimeout: Duration = .seconds(30),
            name: String, kernelLevels: [KernelLevel] = KernelLevel.available, parent: Int32? = nil,
            mayMapStore: Bool = true, memoryLimit: ByteSize? = nil, cache: RatingsCache? = nil,
            failpoints: Failpoints = .none
        ) {
            self.coordinator = coordinator
            self.keys = keys
            self.threads = threads
            self.coordinatorTimeout = coordinatorTimeout
            self.silenceTimeout = silenceTimeout
            self.name = name
            self.kernelLevels = kernelLevels
            self.parent = parent
            self.mayMapStore = mayMapStore
            self.memoryLimit = memoryLimit
            self.cache = cache
            self.failpoints = failpoints
        }
    }

    private let options: Options
    private let context: Context
    private let stop: StopRequest
    private let logger: Logger
    private let cacheQueue: CacheQueue?
    private var door: CoordinatorDoor
    private let lookup: HostLookup
    private var clock = AwakeClock()

    private static let tickInterval = Duration.milliseconds(100)
    private static let batch = 256

    public init(_ options: Options, context: Context, stop: StopRequest, logger: Logger) {
        self.options = options
        self.context = context
        self.stop = stop
        self.logger = logger
        door = CoordinatorDoor(hasKeys: options.keys != nil)
        lookup = HostLookup(options.coordinator) { [logger] in logger.warning("\($0)") }
        cacheQueue = options.cache.map { CacheQueue($0, hasMemoryLimit: options.memoryLimit != nil, logger: logger) }
    }

    private var now: Duration { clock.read() }

    /// Joins the coordinator, works until the job ends and no other follows, and returns how it ended.
    /// - Throws: a ``Failure`` of kind `unavailable` when the coordinator is not heard of for too long.
    public func run() throws(Failure) -> Worker.Ending {
        var lastHeard = now
        var newest = Envelope.none
        defer { cacheQueue?.finish() }
        while true {
            let session = try Session(options: options, context: context, waker: stop.waker)
            defer { session.solver.close() }
            var machine = Worker(settings: session.settings, newest: newest, now: now)
            let ending = try converse(session, &machine, &lastHeard)
            if machine.presentEnvelope != .none { newest = machine.presentEnvelope }
            for (reason, count) in machine.dropped {
                // What others were faster with comes second as a matter of course.
                logger.log(
                    level: reason == .stale ? .debug : .notice, "messages not acted on: \(count) \(reason.rawValue)")
            }
            switch ending {
            case .finished(.next, let reason): logger.info("waiting for the next job: \(reason)")
            case let ending?: return ending
            case nil: break
            }
        }
    }

    /// Runs one state machine to its end.
    /// - Returns: nil when the machine wants to rejoin.
    private func converse(
        _ session: Session, _ machine: inout Worker, _ lastHeard: inout Duration
    ) throws(Failure) -> Worker.Ending? {
        let joined = machine.lastHeardFromCoordinator
        var lastTick: Duration?
        var pending: Deque<Worker.Action> = []
        while true {
            for _ in 0..<Self.batch {
                guard let frames = try session.socket.receive(maximumFrames: 2) else { break }
                pending.append(contentsOf: take(frames, &machine))
                if let end = try carryOut(&pending, &machine, session) { return end.ending }
            }
            if machine.lastHeardFromCoordinator > joined { lastHeard = machine.lastHeardFromCoordinator }
            guard now - lastHeard <= options.coordinatorTimeout else {
                throw door.silence(of: options.coordinator, for: options.coordinatorTimeout, host: lookup.defect)
            }
            while let event = try session.monitor.next() {
                if event == .succeeded {
                    lookup.dismiss()
                    pending.append(contentsOf: machine.connected(now: now))
                }
                if let text = door.take(event, now: now) { logger.warning("\(options.coordinator): \(text)") }
            }
            // libzmq has given up on this socket.
            if door.isShut(now: now) { return nil }
            if let parent = options.parent, getppid() != parent { stop.stop(reason: "the end of its parent process") }
            for result in session.solver.takeResults() {
                pending.append(contentsOf: try take(result, &machine, session))
            }
            if let reason = stop.requested { pending.append(contentsOf: machine.interrupt(reason: reason, now: now)) }
            if lastTick == nil || now - lastTick! >= Self.tickInterval {
                lastTick = now
                pending.append(contentsOf: machine.tick(now: now))
            }
            if let end = try carryOut(&pending, &machine, session) { return end.ending }
            try ZeroMQ.wait(for: session.socket, session.monitor, milliseconds: 100, or: stop.waker)
        }
    }

    private func take(_ frames: [Message], _ machine: inout Worker) -> [Worker.Action] {
        do throws(WireError) {
            let payload = frames.count > 1 ? Payload(frames[1].bytes, owner: frames[1]) : nil
            let parcel = try Parcel<CoordinatorMessage>(header: frames[0].bytes, payload: payload)
            if case .ratings = parcel.message { options.failpoints.hit("worker.ratings") }
            return machine.receive(parcel, now: now)
        } catch {
            logger.warning("dropped a message: \(error.what)")
            return machine.receiveMalformed(error, hadPayload: frames.count > 1, now: now)
        }
    }

    private func take(
        _ result: SolverThread.Result, _ machine: inout Worker, _ session: Session
    ) throws(Failure) -> [Worker.Action] {
        switch result {
        case .prepared(let memory, let store, let cached):
            (session.memory, session.store) = (memory, store)
            logger.info("took in the job", metadata: ["ratings": store != nil ? "mapped" : "from the coordinator"])
            if cached.user.count + cached.item.count > 0 {
                logger.info(
                    "the cache has the ratings of \(cached.user.count) user and \(cached.item.count) item blocks")
            }
            return machine.prepared(mapsStore: store != nil, cached: cached, now: now)
        case .saved(let side, let block): return machine.ratingsSaved(side, block: block, now: now)
        case .loaded(let side, let block, let payload):
            return machine.ratingsLoaded(side, block: block, payload, now: now)
        case .unfit(let failure):
            // The coordinator hears why before this process ends.
            var farewell = Deque(machine.interrupt(reason: failure.description, now: now))
            _ = try carryOut(&farewell, &machine, session)
            throw failure
        case .solved(let halfStep, let block, let solution, let seconds):
            return machine.solved(halfStep, block: block, solution, seconds: seconds, now: now)
        case .failed(let halfStep, let block, let failure):
            return machine.failed(
                WorkerMessage.BlockFailure(
                    halfStep: halfStep, block: block, what: failure.what, place: failure.place,
                    remedy: failure.remedy), now: now)
        }
    }

    private enum End {
        case ended(Worker.Ending)
        case rejoin

        var ending: Worker.Ending? { if case .ended(let ending) = self { ending } else { nil } }
    }

    private func carryOut(
        _ pending: inout Deque<Worker.Action>, _ machine: inout Worker, _ session: Session
    ) throws(Failure) -> End? {
        while let action = pending.popFirst() {
            switch action {
            case .send(let said, let payload):
                let message = Self.withPeakMemory(said)
                let parcel = Parcel(message, payload: payload, envelope: machine.presentEnvelope)
                var frames: [Frame] = [.copied(parcel.header)]
                if let payload { frames.append(.shared(payload.bytes, owner: payload)) }
                // Without a connection the message is lost; the counts in heartbeats, or silence, then make both sides
                // begin anew.
                if case .solved = message { options.failpoints.hit("worker.send") }
                _ = try session.socket.send(frames)
                if case .solved = message { options.failpoints.hit("worker.sent") }
            case .prepare(let job):
                options.failpoints.hit("worker.welcomed")
                prepare(job, session)
            case .installRatings(let side, let block, let ratings):
                session.memory!.installRatings(side, block: block, ratings)
            case .saveRatings(let side, let block, let payload):
                let (job, solver) = (session.memory!.job, session.solver)
                cacheQueue?.save(job, side, block, payload) { solver.report(.saved(side, block: block)) }
            case .loadRatings(let side, let block):
                let (job, solver) = (session.memory!.job, session.solver)
                cacheQueue?.load(job, side, block) { solver.report(.loaded(side, block: block, $0)) }
            case .releaseRatings(let side, let blocks): session.memory!.releaseRatings(side, blocks: blocks)
            case .installFactors(let side, let block, let payload):
                session.memory!.installFactors(side, block: block, payload)
            case .solve(let halfStep, let block):
                let (memory, store, failpoints) = (session.memory!, session.store, options.failpoints)
                let task = memory.task(halfStep, block: block)
                session.solver.submit {
                    // Before, because what was cut off must not be touched; after, because what was changed meanwhile
                    // must not count.
                    if let change = store?.change() { return .unfit(change) }
                    do throws(Failure) {
                        let start = ContinuousClock.now
                        failpoints.hit("worker.solve", "\(halfStep.side).\(block)")
                        let solution = try memory.solve(task)
                        let seconds = start.duration(to: .now) / .seconds(1)
                        if let change = store?.change() { return .unfit(change) }
                        return .solved(halfStep, block: block, solution, seconds: seconds)
                    } catch {
                        if let change = store?.change() { return .unfit(change) }
                        return .failed(halfStep, block: block, error)
                    }
                }
            case .rejoin(let reason):
                logger.notice("joining the coordinator anew: \(reason)")
                return .rejoin
            case .end(let ending): return .ended(ending)
            }
        }
        return nil
    }

    /// A goodbye tells what this process took, which the machine cannot know.
    private static func withPeakMemory(_ message: WorkerMessage) -> WorkerMessage {
        guard case .goodbye(let reason, _) = message else { return message }
        return .goodbye(reason: reason, peakMemory: peakResidentByteCount() ?? 0)
    }

    private func prepare(_ job: JobDescription, _ session: Session) {
        let (threads, mayMapStore, cache, logger) = (options.threads, options.mayMapStore, options.cache, logger)
        session.solver.submit {
            do throws(Failure) {
                try AddressSpace.require(job.memoryNeed(threads: threads), threads: threads)
                let store = mayMapStore ? Self.mapStore(of: job, logger) : nil
                let data = store.map { JobData(ratings: $0.ratings, holdout: $0.holdout, plan: job.plan) }
                let cached = store == nil ? cache?.blocks(of: job) : nil
                return .prepared(
                    try WorkerMemory(job: job, threads: threads, data: data), store: store,
                    cached: cached ?? BySide(user: [], item: []))
            } catch {
                return .unfit(error)
            }
        }
    }

    /// The job's store, when one with its fingerprint can be opened here.
    private static func mapStore(of job: JobDescription, _ logger: Logger) -> RatingStore? {
        guard !job.storePath.isEmpty else { return nil }
        do throws(Failure) {
            let store = try RatingStore.open(job.storePath)
            if store.fingerprint == job.storeFingerprint, store.ratings.userCount == job.plan.user.rowCount,
                store.ratings.itemCount == job.plan.item.rowCount
            {
                return store
            }
            logger.warning(
                """
                \(job.storePath): this store is not the one of the job, or was replaced since the job began (its \
                fingerprint is \(store.fingerprint) and not \(job.storeFingerprint)); the coordinator sends its \
                ratings instead
                """)
        } catch  where error.kind == .noInput {
            // As on any other host.
            logger.info("the store cannot be opened here, so the coordinator sends its ratings: \(error)")
        } catch {
            logger.warning("the coordinator sends its ratings, for the store here cannot be used: \(error)")
        }
        return nil
    }
}

/// One membership of a worker: its socket, its name on the wire, its solver and its memory.
private final class Session {
    let socket: Socket
    let monitor: SocketMonitor
    let solver: SolverThread
    let settings: WorkerSettings
    var memory: WorkerMemory?
    /// The store, when it is mapped.
    var store: RatingStore?

    init(options: WorkerRuntime.Options, context: Context, waker: Waker) throws(Failure) {
        socket = try Socket(.dealer, in: context)
        // Fresh and random: two sockets of one routing id would lose each other's messages.
        var random = SystemRandomNumberGenerator()
        socket.setRoutingID((0..<16).map { _ in UInt8.random(in: 1...255, using: &random) })
        socket.setReconnecting()
        socket.setConnectionTimeouts()
        socket.setMaximumMessageByteCount(Limits.frameByteCount)
        socket.setLinger(milliseconds: 500)
        if let keys = options.keys { try socket.useCurve(keys.own, server: keys.coordinator) }
        monitor = try SocketMonitor(of: socket, in: context)
        do throws(Failure) {
            try socket.connect(options.coordinator.description)
        } catch {
            socket.stopMonitoring()
            throw error
        }
        solver = SolverThread(waker: waker)
        settings = WorkerSettings(
            name: options.name, threads: options.threads, kernelLevels: options.kernelLevels.map(\.rawValue),
            memoryLimit: options.memoryLimit, cachesRatings: options.cache != nil,
            silenceTimeout: options.silenceTimeout)
    }

    // Before the monitor's own socket goes.
    deinit { socket.stopMonitoring() }
}
