// Why: a half-step is over when its slowest worker is. Idle workers take from the others' queues, but what they take at
// the end of every half-step has to be sent to them then, and is on its way while nobody solves. So where a worker's
// queue is predicted to take clearly longer than another's, by what solvers took for their blocks so far, blocks change
// their home before the half-step begins, and stay there. All blocks are of about equal cost.
//
// Nothing of this changes a result, only how soon it comes.

/// Who is to solve which blocks of a half-step.
package struct BlockDeal {
    /// A block moves if the queue that it leaves would still be longer than the one that it joins, by this part of it:
    /// measured times vary by as much, and ratings of a block that moves may have to be sent.
    private static let margin = 0.1

    /// For each block its worker; nil where anyone may take it.
    package private(set) var homes: [WorkerID?]

    /// - Parameters:
    ///   - homes: for each block the worker that solved it last, if it is still connected.
    ///   - secondsPerBlock: for each worker that can solve now what its solver took for a block of this side; nil where
    ///     that is not known.
    package init(homes: [WorkerID?], secondsPerBlock: [WorkerID: Double?]) {
        self.homes = homes
        let speeds = secondsPerBlock.compactMapValues { $0 }.filter { $0.value > 0 }
        // In the order of ids, so that equal speeds give equal deals.
        let workers = speeds.keys.sorted()
        guard !workers.isEmpty else { return }
        var queues: [WorkerID: [Int]] = [:]
        for (block, home) in homes.enumerated() { if let home { queues[home, default: []].append(block) } }
        func seconds(_ worker: WorkerID, with more: Int = 0) -> Double {
            Double((queues[worker]?.count ?? 0) + more) * speeds[worker]!
        }
        /// The worker that is through first, one block more included.
        func soonest() -> WorkerID { workers.min { seconds($0, with: 1) < seconds($1, with: 1) }! }
        func give(_ block: Int, to worker: WorkerID) {
            queues[worker, default: []].append(block)
            self.homes[block] = worker
        }

        // Where someone's speed is not known, whoever asks first is given what belongs to nobody.
        if workers.count == secondsPerBlock.count {
            for block in homes.indices where homes[block] == nil { give(block, to: soonest()) }
        }
        // Every move makes the longest queue shorter, and no other as long.
        for _ in homes.indices {
            let (longest, other) = (workers.max { seconds($0) < seconds($1) }!, soonest())
            guard longest != other, seconds(longest) * (1 - Self.margin) > seconds(other, with: 1),
                let block = queues[longest]?.popLast()
            else { return }
            give(block, to: other)
        }
    }
}
