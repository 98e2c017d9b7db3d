// Why: workers fall silent, wedge and slow down. What is done about it: their blocks go to others, and one that kills
// whoever solves it ends the job by its name. `FaultDetector` and `Stragglers` judge, this acts.

import Failures
import Ratings

extension Coordinator {
    mutating func hear(_ id: WorkerID, _ now: Duration) {
        guard workers[id]!.life.hear(now: now) else { return }
        actions.append(.report(.workerRecovered(name: workers[id]!.hello.name)))
        // What nobody has begun meanwhile stays with it.
        solving?.pool.withdraw(workers[id]!.assigned)
        supply(id, now)
    }

    mutating func judge(_ id: WorkerID, _ now: Duration) {
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
    mutating func giveBack(_ blocks: [Int]) {
        let active = workers.values.filter { !$0.life.isSuspected }
        solving!.pool.giveBack(blocks.filter { block in !active.contains { $0.assigned.contains(block) } })
    }

    /// Gives blocks with which their workers are overdue to idle workers too.
    mutating func copyOverdueBlocks(_ now: Duration) {
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
    mutating func failOver(_ block: Int, _ now: Duration) {
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
}
