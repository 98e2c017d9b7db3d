// Why: what the shells do in real programs, done by the simulation: the solvers' work, and the actions of both machines.

import Cluster
import DequeModule
import Failures
import LeastSquares
import Ratings
import Training

extension SimulatedCluster {
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

    mutating func finish(_ work: Work, _ serial: Int, _ due: Duration, _ frozen: Duration) throws {
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

    mutating func perform(_ actions: [Coordinator.Action]) {
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
    func trace(_ what: @autoclosure () -> String) {
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

    mutating func perform(_ actions: [Worker.Action], by serial: Int) throws {
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
