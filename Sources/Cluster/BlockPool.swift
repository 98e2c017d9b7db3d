// Why: who gets which block next. Blocks stay with the worker that solved them last, for it holds their ratings,
// and a fast worker ends up with more of them because it takes from the others when its own are done. Nothing of
// this changes a result, only how soon it comes.

import DequeModule

/// The blocks of a half-step that nobody works on.
struct BlockPool {
    /// Blocks waiting for the worker that solved them last.
    private var owned: [WorkerID: Deque<Int>] = [:]
    /// Blocks that belong to no connected worker.
    private var free: Deque<Int> = []

    init() {}

    /// All the blocks of a half-step.
    /// - Parameter homes: for each block the worker that solved it last, if it is still connected.
    init(homes: some Sequence<WorkerID?>) {
        for (block, home) in homes.enumerated() {
            if let home { owned[home, default: []].append(block) } else { free.append(block) }
        }
    }

    /// Takes the block that `worker` should solve next: one of its own, else a free one, else the last one of
    /// whoever has the most left.
    mutating func take(for worker: WorkerID) -> Int? {
        if let block = owned[worker]?.popFirst() { return block }
        if let block = free.popFirst() { return block }
        // Ties by id, so that equal pools give equal blocks.
        let longest = owned.filter { !$0.value.isEmpty }
            .max { ($0.value.count, $0.key) < ($1.value.count, $1.key) }
        guard let longest else { return nil }
        return owned[longest.key]!.popLast()
    }

    /// Gives back blocks that were taken and not solved; they go first.
    mutating func giveBack(_ blocks: some Collection<Int>) {
        for block in blocks.reversed() { free.prepend(block) }
    }

    /// Takes out those of `blocks` that are in the pool.
    mutating func withdraw(_ blocks: [Int]) {
        guard !blocks.isEmpty else { return }
        free.removeAll(where: blocks.contains)
        for worker in owned.keys { owned[worker]!.removeAll(where: blocks.contains) }
    }

    /// Gives those of `blocks` that belong to nobody to `worker`, which has their ratings.
    mutating func claim(_ blocks: Set<Int>, for worker: WorkerID) {
        owned[worker, default: []].append(contentsOf: free.filter(blocks.contains))
        free.removeAll(where: blocks.contains)
    }

    /// Frees the blocks of a worker that is gone.
    mutating func release(_ worker: WorkerID) {
        if let blocks = owned.removeValue(forKey: worker) { free.append(contentsOf: blocks) }
    }
}

/// The routing id of a worker's socket: fresh and random at each start.
public struct WorkerID: Sendable, Hashable, Comparable {
    public let bytes: [UInt8]

    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    public static func < (left: WorkerID, right: WorkerID) -> Bool { left.bytes.lexicographicallyPrecedes(right.bytes) }
}
