// Why: what goes wrong in a simulated cluster, and how each fault begins and ends; `SimulatedFaults` says when.

import Cluster
import DequeModule
import Foundation
import Training

extension SimulatedCluster {
    mutating func inflict(_ kind: SimulatedFaults.Kind) {
        trace("\(kind)")
        switch kind {
        case .join: return join(name: "worker \(nextSerial)")
        case .freezeCoordinator(let duration):
            guard !coordinatorIsFrozen else { return }
            coordinatorIsFrozen = true
            coordinatorLag += max(.zero, duration - Self.longestClockStep)
            return events.schedule(.coordinatorThaw, at: now + duration)
        case .crashCoordinator(let down): return crashCoordinator(downFor: down)
        default: break
        }
        let candidates = members.indices.filter { index in
            !members[index].isOver && scenario.faults?.victim.map { members[index].serial == $0 + 1 } ?? true
        }
        guard let index = candidates.randomElement(using: &generator) else { return }
        let (serial, generation) = (members[index].serial, members[index].link.generation)
        switch kind {
        case .join, .freezeCoordinator, .crashCoordinator: break
        case .crash(let isSilent, let restartAfter): crash(index, isSilent: isSilent, restartAfter: restartAfter)
        case .freeze(let duration):
            guard !members[index].isFrozen else { return }
            members[index].isFrozen = true
            events.schedule(.thaw(serial, frozen: duration), at: now + duration)
            if duration > SimulatedLink.timeout {
                events.schedule(
                    .silence(serial, generation: generation, mendedAfter: duration - SimulatedLink.timeout),
                    at: now + SimulatedLink.timeout)
            }
        case .wedge: members[index].isWedged = true
        case .slowDown(let factor): members[index].slowness *= factor
        case .cut(let mendedAfter): breakDown(index, mendedAfter: mendedAfter)
        case .partition(let duration, let toWorker, let toCoordinator):
            if toWorker { members[index].link.toWorker.isBlocked = true }
            if toCoordinator { members[index].link.toCoordinator.isBlocked = true }
            if duration > SimulatedLink.timeout {
                events.schedule(
                    .silence(serial, generation: generation, mendedAfter: duration - SimulatedLink.timeout),
                    at: now + SimulatedLink.timeout)
            } else {
                events.schedule(.heal(serial, generation: generation), at: now + duration)
            }
        case .leave:
            try? perform(members[index].machine.interrupt(reason: "a signal", now: now(of: index)), by: serial)
        }
    }

    mutating func crash(_ index: Int, isSilent: Bool, restartAfter: Duration?) {
        let member = members.remove(at: index)
        result.crashed += 1
        result.lost += member.link.toCoordinator.letters.count
        if isSilent { ghosts[member.id] = now + SimulatedLink.timeout }
        if let restartAfter { events.schedule(.join(name: "worker \(nextSerial) again"), at: now + restartAfter) }
    }

    /// Another coordinator takes the place of the one there is, from one of its last checkpoints: the newest may not
    /// have been written yet, or not be whole. All connections break; some of what was under way reaches the new one.
    mutating func crashCoordinator(downFor down: Duration) {
        result.coordinatorCrashed += 1
        checkpoints.removeLast(min(Int.random(in: 0...2, using: &generator), max(checkpoints.count - 1, 0)))
        var checkpoint: Checkpoint?
        result.objectives = checkpoints.last?.objectives ?? []
        if let last = checkpoints.last?.checkpoint {
            // By way of its form on disk.
            do {
                let record = try JSONDecoder().decode(Checkpoint.Record.self, from: JSONEncoder().encode(last.record))
                checkpoint = Checkpoint(record: record, factors: last.factors)
                if let defect = record.defect(for: scenario.configuration) {
                    violation = "a checkpoint is refused: \(defect)"
                }
            } catch {
                violation = "a checkpoint cannot be written and read: \(error)"
            }
        }
        for index in members.indices { breakDown(index, mendedAfter: down) }
        ghosts = [:]
        epoch += 1
        coordinator = Self.coordinator(scenario, epoch: epoch, resuming: checkpoint, now: coordinatorNow)
    }

    mutating func breakDown(_ index: Int, mendedAfter: Duration) {
        let link = members[index].link
        // What had arrived before is read all the same.
        let read =
            link.isUp && !link.toCoordinator.isBlocked
            ? Int.random(in: 0...link.toCoordinator.letters.count, using: &generator) : 0
        result.lost += link.toWorker.letters.count + link.toCoordinator.letters.count - read
        members[index].link.breakDown()
        members[index].link.toCoordinator.letters = Deque(link.toCoordinator.letters.prefix(read))
        let (serial, generation) = (members[index].serial, members[index].link.generation)
        for _ in 0..<read { events.schedule(.arrival(serial, toWorker: false, generation: generation), at: now) }
        events.schedule(.mend(serial, generation: generation), at: now + mendedAfter)
    }

    mutating func isDrawn(oneIn count: Int?) -> Bool {
        guard let count, scenario.faults == nil || now < faultsEnd else { return false }
        return Int.random(in: 0..<count, using: &generator) == 0
    }
}
