// Why: the course of a job: a half-step is begun, results are accepted, and its sums decide what comes next, until
// there is an outcome, of which the workers are told.

import Failures
import LeastSquares
import Ratings
import Training

extension Coordinator {
    mutating func beginJob(_ now: Duration) {
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

    mutating func begin(_ halfStep: HalfStep, _ now: Duration) {
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

    mutating func accept(
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
        // In single precision a fit that gets no further goes up and down by parts in a million, in bfloat16 by more.
        if let last = sweeps.last, record.objective > last.objective * (1 + 1e-4) {
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

    mutating func take(_ step: Schedule.Step, _ now: Duration) {
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

    func checkpoint(before next: HalfStep) -> Checkpoint {
        let factors = factors.checkpoint
        return Checkpoint(
            record: Checkpoint.Record(
                configuration: configuration, storeFingerprint: job.storeFingerprint, kernelLevel: job.kernelLevel,
                plan: data.plan, next: next, schedule: schedule, earlyStopping: earlyStopping, sweeps: sweeps,
                seconds: seconds, penalty: self.factors.penalty, itemResultPenalty: self.factors.checkpointItemPenalty,
                versions: Dictionary(uniqueKeysWithValues: factors.map { ($0.role, $0.version) }), workers: roll.all),
            factors: factors)
    }

    mutating func finish(converged: Bool, _ now: Duration) {
        end(
            .done(
                factors: factors.finished, sweeps: sweeps, converged: converged, keptSweep: earlyStopping?.bestSweep),
            .done, "the model is finished", now)
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

    // MARK: The end

    mutating func fail(_ failure: WorkerMessage.BlockFailure, _ now: Duration) {
        guard failure.halfStep == solving?.halfStep else { return drop(.stale) }
        end(
            .failed(Failure(.badData, failure.what, at: failure.place, remedy: failure.remedy)), .failed,
            failure.what, now)
    }

    mutating func end(
        _ outcome: JobOutcome, _ finish: CoordinatorMessage.Finish, _ reason: String, _ now: Duration
    ) {
        let message = CoordinatorMessage.finish(
            settings.hasSuccessor && finish != .stopped ? .next : finish, reason: reason)
        for id in workers.keys.sorted() { send(message, to: id, now) }
        closing = (outcome, message, now + Self.closingTime)
        if workers.isEmpty { end() }
    }

    /// Takes in that a worker has read that the job is over, or is gone.
    mutating func close(_ id: WorkerID) {
        if let ledger = workers.removeValue(forKey: id) { actions.append(.report(.membershipEnded(ledger.account))) }
        if workers.isEmpty { end() }
    }

    mutating func end() {
        for id in workers.keys.sorted() { actions.append(.report(.membershipEnded(workers[id]!.account))) }
        actions.append(.end(closing!.outcome))
        hasEnded = true
    }
}
