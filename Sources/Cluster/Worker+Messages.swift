// Why: what a worker does about each message, and what it says of itself.

import Failures

extension Worker {
    mutating func handle(_ parcel: Parcel<CoordinatorMessage>, _ now: Duration) {
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

    mutating func join(_ job: JobDescription, _ envelope: Envelope, _ sent: UInt64, _ now: Duration) {
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
    mutating func fail(_ what: String, _ now: Duration) {
        say(.goodbye(reason: what), now)
        end(.failed(Failure(.system, "cannot take part in the job: \(what)")))
    }

    mutating func rejoin(_ reason: String) {
        isOver = true
        actions.append(.rejoin(reason: reason))
    }

    mutating func end(_ ending: Ending) {
        isOver = true
        actions.append(.end(ending))
    }

    mutating func say(_ message: WorkerMessage, with payload: Payload? = nil, _ now: Duration) {
        lastSent = now
        if job != nil { sentCount &+= 1 }
        actions.append(.send(message, payload))
    }

    mutating func drop(_ reason: DropReason) { dropped[reason, default: 0] += 1 }

    /// Counts a payload as dealt with, and gives credit for several at a time.
    mutating func giveCredit(_ now: Duration) {
        spentCredit += 1
        guard spentCredit >= Limits.credit / 2 else { return }
        say(.credit(spentCredit), now)
        spentCredit = 0
    }
}
