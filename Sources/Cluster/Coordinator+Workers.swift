// Why: who takes part in a job, and what each worker is sent: how it comes in, what it says beside results, and how it
// is put out.

import Failures
import LeastSquares
import Ratings
import Training

extension Coordinator {
    mutating func greet(_ hello: WorkerMessage.Hello, _ id: WorkerID, _ now: Duration) {
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
            if settings.hasSuccessor { postpone(hello, id, defect, now) } else { refuse(hello, id, defect, now) }
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

    /// Leaves a worker that this job does not fit to the next one, which may be smaller.
    private mutating func postpone(_ hello: WorkerMessage.Hello, _ id: WorkerID, _ defect: String, _ now: Duration) {
        if unfit[hello.name] == nil, unfit.count < Limits.workerCount {
            (unfit[hello.name], lastUnfit) = (defect, now)
            refusals.note(hello.name, defect)
        }
        actions.append(.postpone(Parcel(.hello(hello), payload: nil, envelope: .none), from: id))
    }

    /// Begins a job with those of the first workers that it fits, and gives up one that fits none, where the next may.
    mutating func beginWithWhoFits(_ now: Duration) {
        guard settings.hasSuccessor, solving == nil, let lastUnfit, now - lastUnfit >= Self.gatheringTime,
            workers.count + unfit.count >= settings.minWorkers
        else { return }
        guard workers.isEmpty else {
            deserted = nil
            return beginJob(now)
        }
        let (name, defect) = unfit.min { $0.key < $1.key }!
        let failure = Failure(
            .badData, "no worker has room for this job; \(name): \(defect)",
            remedy: "raise --memory-limit, start workers with more memory, or lower --rank")
        end(.failed(failure), .failed, failure.what, now)
    }

    mutating func welcome(_ id: WorkerID, _ now: Duration) {
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
    enum Loss {
        case connection
        case wedge
    }

    mutating func remove(_ id: WorkerID, reason: String, _ now: Duration, by loss: Loss? = nil) {
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

    mutating func send(
        _ message: CoordinatorMessage, _ payload: Payload? = nil, to id: WorkerID, _ now: Duration
    ) {
        workers[id]?.lastSent = now
        workers[id]?.sentCount &+= 1
        actions.append(.send(id, message, payload))
    }

    mutating func drop(_ reason: DropReason) { dropped[reason, default: 0] += 1 }

    // MARK: What a worker is sent and says

    mutating func handle(_ parcel: Parcel<WorkerMessage>, _ id: WorkerID, _ now: Duration) {
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
    func memoryNeed(_ hello: WorkerMessage.Hello) -> MemoryNeed {
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
            guard block < data.plan[side].count, factors.present[side][block].payload != nil else {
                return drop(.malformed)
            }
            workers[id]!.lack(side, block)
        }
        supply(id, now)
    }

    /// Gives `id` blocks, and sends it all that it may be sent now.
    mutating func supply(_ id: WorkerID, _ now: Duration) {
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

    mutating func sendAll(_ id: WorkerID, _ halfStep: HalfStep, _ now: Duration) {
        while let (message, payload) = workers[id]!.next(halfStep, factors: factors.present, data: data) {
            if case .solve = message { workers[id]!.life.tell(now: now) }
            send(message, payload, to: id, now)
        }
    }
}
