// Why: when a block may go to the solver, and what is asked for where something is lacking.

import Ratings
import Training

extension Worker {
    mutating func endSolving(_ halfStep: HalfStep, _ block: Int) {
        precondition(solving.first == Task(halfStep: halfStep, block: block), "the solver works in order")
        solving.removeFirst()
        doneCount += 1
    }

    /// Hands blocks to the solver as long as it has room and nothing is lacking.
    mutating func handOver(_ now: Duration) {
        guard mapsStore != nil else { return }
        while solving.count < Self.solverDepth, let task = waiting.first {
            let (solved, fixed) = (task.halfStep.side, task.halfStep.side.other)
            if versions[solved][task.block] >= task.halfStep.solvedVersion {
                // Solved elsewhere, and its factors are here already.
                waiting.removeFirst()
                doneCount += 1
                continue
            }
            if versions[fixed].newest > task.halfStep.fixedVersion {
                // The job has moved on, and what this would read is gone.
                waiting.removeFirst()
                doneCount += 1
                continue
            }
            // The solver may still be busy with blocks of an older half-step, whose place these factors took.
            guard solving.allSatisfy({ $0.halfStep == task.halfStep }) else { return }
            // Released since it was fetched, it may still be on disk.
            fetch(solved, task.block)
            if ratings.isLoading(solved, task.block) { return }
            let needs = needs(of: task, solved, fixed)
            guard needs.isEmpty else {
                if lastNeed == nil || now - lastNeed! >= Self.needInterval {
                    lastNeed = now
                    for need in needs { say(.need(need), now) }
                }
                return
            }
            waiting.removeFirst()
            solving.append(task)
            actions.append(.solve(task.halfStep, block: task.block))
        }
    }

    func needs(of task: Task, _ solved: Side, _ fixed: Side) -> [WorkerMessage.Need] {
        var needs: [WorkerMessage.Need] = []
        if mapsStore == false, !ratings.contains(solved, task.block) {
            needs.append(.ratings(solved, block: task.block))
        }
        if versions[solved][task.block] < task.halfStep.priorVersion {
            needs.append(.factors(solved, block: task.block))
        }
        needs += versions[fixed].blocks(before: task.halfStep.fixedVersion).map { .factors(fixed, block: $0) }
        return needs
    }
}
