// Why: the shell around the coordinator's state machine. It owns the router socket and the clock, carries out the
// machine's actions and tells it what came of them. One thread does all of it, be it for one job or for one after
// another.

import ArrayFiles
import Cluster
import DequeModule
import Failures
import Foundation
import LeastSquares
import Ratings
import Training
import ZeroMQ

/// A coordinator that listens, and runs a job, or several.
public final class CoordinatorRuntime {
    public struct Options: Sendable {
        public var listen: Endpoint
        /// Who may connect; nil for whoever can.
        public var keys: CoordinatorKeys?
        /// Whether to listen where strangers can connect although there are no keys.
        public var isInsecure: Bool
        public var settings: CoordinatorSettings
        /// Where it is to fail, for tests.
        public var failpoints: Failpoints

        public init(
            listen: Endpoint, keys: CoordinatorKeys? = nil, isInsecure: Bool = false, settings: CoordinatorSettings,
            failpoints: Failpoints = .none
        ) {
            self.listen = listen
            self.keys = keys
            self.isInsecure = isInsecure
            self.settings = settings
            self.failpoints = failpoints
        }
    }

    /// Where a job's checkpoints are, and what to do with them.
    public struct Checkpoints: Sendable {
        public var folder: CheckpointFolder
        /// Half-steps from one to the next, 1 or more.
        public var every: Int

        public init(folder: CheckpointFolder, every: Int) {
            self.folder = folder
            self.every = every
        }
    }

    /// A finished job.
    public struct Completion: Sendable {
        public var outcome: JobOutcome
        public var kernelLevel: KernelLevel
        public var solver: SolverConfiguration
        /// Who took part.
        public var workers: [WorkerRecord]
        /// Messages that were not acted on.
        public var dropped: [DropReason: Int]
    }

    /// Where it listens, with the port that a `*` became.
    public let endpoint: String
    private let socket: Socket
    private let lock: EndpointLock?
    private let doorkeeper: Doorkeeper
    private var admissions: Admissions?
    private var settings: CoordinatorSettings
    private var lobby = Lobby()
    private let failpoints: Failpoints
    private var clock = AwakeClock()

    private static let tickInterval = Duration.milliseconds(200)
    /// How long those who came for another job have to hear that there is none.
    private static let dismissalTime = Duration.seconds(1)
    /// Messages taken in before the timers are looked at again.
    private static let batch = 256

    /// Begins to listen.
    /// - Throws: a ``Failure`` that names the address and the remedy: `unavailable` when it is in use, `usage` when
    ///   strangers could connect, `software` when one has come in.
    public init(_ options: Options, context: Context) throws(Failure) {
        try options.listen.requireSafeToListen(hasKeys: options.keys != nil, isInsecure: options.isInsecure)
        if case .ipc(let path) = options.listen.transport {
            lock = try EndpointLock(ipcPath: path)
        } else {
            lock = nil
        }
        DescriptorLimit.raise()
        socket = try Socket(.router, in: context)
        socket.setMandatoryRouting()
        socket.setMaximumMessageByteCount(Limits.frameByteCount)
        socket.setConnectionTimeouts()
        socket.setReceiveQueueLimit(messages: 64)
        // So long are the last words waited for that tell the workers to finish.
        socket.setLinger(milliseconds: 2000)
        settings = options.settings
        failpoints = options.failpoints
        admissions = options.keys.map { Admissions($0.workers) }
        // Before anyone can connect.
        doorkeeper = try Doorkeeper(at: socket, list: options.keys?.workers, context: context)
        do throws(Failure) {
            if let keys = options.keys { try socket.serveCurve(keys.own) }
            endpoint = try socket.bind(options.listen.forBinding)
            if let keys = options.keys {
                try doorkeeper.requireDenial(at: endpoint, server: keys.own.publicKey, context: context)
            }
        } catch {
            doorkeeper.close(socket)
            throw error
        }
    }

    deinit { doorkeeper.close(socket) }

    private var now: Duration { clock.read() }

    /// Runs a job to its end. With successors, they run on the kernels of the first that was finished, and begin with
    /// one worker.
    /// - Parameters:
    ///   - checkpoints: where to go on, if any are there, and where new ones go.
    ///   - stop: ends the job when it is asked to.
    ///   - observe: told of every event, on this thread.
    public func run(
        _ configuration: JobConfiguration, store: RatingStore, checkpoints: Checkpoints? = nil, stop: StopRequest,
        observe: (JobEvent) -> Void
    ) throws(Failure) -> Completion {
        let resumed = try checkpoints.flatMap { checkpoints throws(Failure) in
            var warnings: [String] = []
            // On this thread, for whoever is told may have files open; and before what is thrown.
            defer { for warning in warnings { observe(.warning(warning)) } }
            // Strangers can connect already.
            return try withOwnDescriptors { () throws(Failure) in
                try checkpoints.folder.newest(
                    for: configuration, storeFingerprint: store.fingerprint,
                    rowCounts: BySide(user: store.ratings.userCount, item: store.ratings.itemCount)
                ) { warnings.append($0) }
            }
        }
        let record = resumed?.checkpoint.record
        if let level = settings.kernelLevel, let record, level != record.kernelLevel {
            throw Failure(
                .usage, "the checkpoint is of a job with \(record.kernelLevel.rawValue) kernels", at: "--kernels",
                remedy: "leave the option out")
        }
        let data =
            record.map { JobData(ratings: store.ratings, holdout: store.holdout, plan: $0.plan) }
            ?? JobData(ratings: store.ratings, holdout: store.holdout, rank: configuration.width)
        guard max(data.plan.user.count, data.plan.item.count) <= Limits.blockCount else {
            throw Failure(
                .badData, "the job has more than \(Limits.blockCount) blocks of users or items", remedy: "lower --rank")
        }
        var writer: CheckpointWriter?
        if let checkpoints {
            // Before it answers anyone.
            let envelope = try withOwnDescriptors { () throws(Failure) in
                try checkpoints.folder.beginEpoch(after: resumed?.envelope)
            }
            writer = CheckpointWriter(
                checkpoints.folder, envelope: envelope, every: checkpoints.every, waker: stop.waker,
                failpoints: failpoints)
        }
        defer { _ = writer?.finish() }
        if let record { observe(.resumed(record.next, sweeps: record.sweeps)) }
        var machine = Coordinator(
            configuration: configuration, settings: settings, data: data, mean: store.description.mean,
            storePath: store.path.map { URL(fileURLWithPath: $0).standardizedFileURL.path } ?? "",
            storeFingerprint: store.fingerprint,
            envelope: writer?.envelope ?? Envelope(job: .random(in: 1 ... .max), epoch: 1),
            resuming: resumed?.checkpoint, now: now)
        var pending: Deque<Coordinator.Action> = []
        for (id, hello) in lobby.leave() { pending.append(contentsOf: machine.receive(hello, from: id, now: now)) }
        var lastTick = Duration.zero
        while true {
            for _ in 0..<Self.batch {
                guard let frames = try socket.receive(maximumFrames: 3) else { break }
                pending.append(contentsOf: take(frames, &machine))
                if let outcome = try carryOut(&pending, &machine, writer, observe) {
                    return completion(outcome, store, writer, machine, observe)
                }
            }
            if let reason = stop.requested { pending.append(contentsOf: machine.stop(reason: reason, now: now)) }
            if let failure = writer?.failure {
                pending.append(contentsOf: machine.abandon(failure, now: now))
            }
            if now - lastTick >= Self.tickInterval {
                lastTick = now
                if let change = store.change() { pending.append(contentsOf: machine.abandon(change, now: now)) }
                for report in doorkeeper.takeReports() { observe(.warning(report)) }
                pending.append(contentsOf: expelRevoked(&machine))
                pending.append(contentsOf: machine.tick(now: now))
            }
            if let outcome = try carryOut(&pending, &machine, writer, observe) {
                return completion(outcome, store, writer, machine, observe)
            }
            try socket.wait(milliseconds: 200, or: stop.waker)
        }
    }

    private func completion(
        _ outcome: JobOutcome, _ store: RatingStore, _ writer: CheckpointWriter?, _ machine: Coordinator,
        _ observe: (JobEvent) -> Void
    ) -> Completion {
        var outcome = outcome
        // What was made of ratings that may have changed is no model.
        if case .done = outcome, let change = store.change() { outcome = .failed(change) }
        // Before the model is written, which may fail too.
        if let failure = writer?.finish() {
            switch outcome {
            case .done: observe(.warning("\(failure)"))
            case .stopped(let reason):
                outcome = .failed(
                    Failure(
                        failure.kind, "stopped by \(reason); \(failure.what)", at: failure.place, remedy: failure.remedy
                    ))
            case .failed: break
            }
        }
        if settings.hasSuccessor {
            // A session goes on with whoever is left, as a job does.
            settings.minWorkers = 1
            if case .done = outcome { settings.kernelLevel = machine.kernelLevel }
        }
        return Completion(
            outcome: outcome, kernelLevel: machine.kernelLevel, solver: machine.solver, workers: machine.workerRecords,
            dropped: machine.dropped)
    }

    /// Takes in the frames of a message: routing id, header, and payload for bulk.
    private func take(_ frames: [Message], _ machine: inout Coordinator) -> [Coordinator.Action] {
        let id = WorkerID(Array(frames[0].bytes))
        guard let name = admittedName(frames, id) else {
            return machine.expel(id, reason: Admissions.reason, now: now)
        }
        machine.countReceived(frames.dropFirst().reduce(0) { $0 + $1.bytes.count }, from: id)
        do throws(WireError) {
            return machine.receive(try Self.parcel(frames, name), from: id, now: now)
        } catch {
            return machine.receiveMalformed(error, from: id, now: now)
        }
    }

    /// - Returns: the name of the sender's key, which is empty without keys; nil when it may not speak.
    private func admittedName(_ frames: [Message], _ id: WorkerID) -> String? {
        guard admissions != nil else { return "" }
        // Of the body, for libzmq may have lost it at the routing id.
        return admissions!.name(of: id, with: frames.last!.peerKey)
    }

    private static func parcel(_ frames: [Message], _ name: String) throws(WireError) -> Parcel<WorkerMessage> {
        guard frames.count >= 2 else { throw WireError("the message has no header") }
        let payload = frames.count > 2 ? Payload(frames[2].bytes, owner: frames[2]) : nil
        var parcel = try Parcel<WorkerMessage>(header: frames[1].bytes, payload: payload)
        if !name.isEmpty { parcel.message = parcel.message.signed(name) }
        return parcel
    }

    /// Puts out those whose keys were taken off the list.
    private func expelRevoked(_ machine: inout Coordinator) -> [Coordinator.Action] {
        let revoked = admissions?.takeRevoked() ?? []
        // One that came while a job was ending is not to be in the next.
        for id in revoked { lobby.forget(id) }
        let actions = revoked.flatMap { machine.expel($0, reason: Admissions.reason, now: now) }
        admissions?.forget { machine.knows($0) || lobby.knows($0) }
        return actions
    }

    /// Carries out all actions, and those that follow from them.
    /// - Returns: the outcome, once the job is over.
    private func carryOut(
        _ pending: inout Deque<Coordinator.Action>, _ machine: inout Coordinator, _ writer: CheckpointWriter?,
        _ observe: (JobEvent) -> Void
    ) throws(Failure) -> JobOutcome? {
        while let action = pending.popFirst() {
            switch action {
            case .report(let event):
                if case .halfStepEnded = event { failpoints.hit("coordinator.halfstep") }
                observe(event)
            case .checkpoint(let checkpoint): writer?.take(checkpoint)
            case .postpone(let hello, let id):
                if let answer = lobby.receive(hello, from: id) { _ = try send(answer, to: id) }
            case .end(let outcome): return outcome
            case .send(let id, let message, let payload):
                let header = Parcel(message, payload: payload, envelope: machine.envelope).header
                var frames: [Frame] = [.copied(id.bytes), .copied(header)]
                if let payload { frames.append(.shared(payload.bytes, owner: payload)) }
                switch try socket.send(frames) {
                case .sent: machine.countSent(header.count + (payload?.bytes.count ?? 0), to: id)
                case .unreachable:
                    pending.append(
                        contentsOf: machine.sendFailed(to: id, reason: "its connection is gone", now: now))
                case .wouldBlock:
                    pending.append(
                        contentsOf: machine.sendFailed(to: id, reason: "it does not read its messages", now: now))
                }
            }
        }
        return nil
    }

    // MARK: Between jobs

    /// Waits for the next job, keeping those who come meanwhile.
    /// - Parameters:
    ///   - stop: ends the wait when it is asked to, and wakes it.
    ///   - isOver: whether there is a job, or there will be none.
    ///   - observe: told of strangers, on this thread.
    public func wait(stop: StopRequest, until isOver: () -> Bool, observe: (JobEvent) -> Void) throws(Failure) {
        while stop.requested == nil, !isOver() {
            try receiveInLobby { lobby, parcel, id in lobby.receive(parcel, from: id) }
            for report in doorkeeper.takeReports() { observe(.warning(report)) }
            for id in admissions?.takeRevoked() ?? [] {
                lobby.forget(id)
                _ = try send(.refused(.unfit, reason: Admissions.reason), to: id)
            }
            try socket.wait(milliseconds: 200, or: stop.waker)
        }
    }

    /// Tells those who came for another job that there is none.
    public func dismiss(
        _ finish: CoordinatorMessage.Finish, reason: String, stop: StopRequest
    ) throws(Failure) {
        let message = CoordinatorMessage.finish(finish, reason: reason)
        for (id, _) in lobby.leave() { _ = try send(message, to: id) }
        let deadline = now + Self.dismissalTime
        while now < deadline {
            try receiveInLobby { _, parcel, _ in if case .hello = parcel.message { message } else { nil } }
            try socket.wait(milliseconds: 50, or: stop.waker)
        }
    }

    /// Takes in what has come, and sends the answers.
    private func receiveInLobby(
        _ answer: (inout Lobby, Parcel<WorkerMessage>, WorkerID) -> CoordinatorMessage?
    ) throws(Failure) {
        for _ in 0..<Self.batch {
            guard let frames = try socket.receive(maximumFrames: 3) else { return }
            let id = WorkerID(Array(frames[0].bytes))
            guard let name = admittedName(frames, id) else {
                lobby.forget(id)
                continue
            }
            // What cannot be read is said again to the next job.
            guard let parcel = try? Self.parcel(frames, name), let message = answer(&lobby, parcel, id)
            else { continue }
            if try !send(message, to: id) { lobby.forget(id) }
        }
    }

    /// - Returns: whether it is under way.
    private func send(_ message: CoordinatorMessage, to id: WorkerID) throws(Failure) -> Bool {
        let header = Parcel(message, payload: nil, envelope: .none).header
        if case .sent = try socket.send([.copied(id.bytes), .copied(header)]) { return true }
        return false
    }
}
