// Why: a worker with a memory limit has no room for ratings without end, and one whose blocks have moved to others
// should not keep their ratings. The coordinator keeps the account, so that it never sends what would not fit:
// before a block is sent to a full worker, others are released.
//
// What is released first is what was sent last. The blocks come round in the same order every sweep, so whoever
// released the oldest would release just what is needed next, and everything would be sent again in every sweep.

import Ratings
import Training

/// The blocks whose ratings a worker has, in the order it got them, with their sizes.
struct HeldRatings {
    private struct Entry {
        let side: Side
        let block: Int
        let byteCount: Int
    }

    private var entries: [Entry] = []
    private var members: BySide<Set<Int>> = BySide(user: [], item: [])
    /// Bytes of all of them.
    private(set) var byteCount = 0

    func contains(_ side: Side, _ block: Int) -> Bool { members[side].contains(block) }

    mutating func insert(_ side: Side, _ block: Int, byteCount: Int) {
        guard members[side].insert(block).inserted else { return }
        entries.append(Entry(side: side, block: block, byteCount: byteCount))
        self.byteCount += byteCount
    }

    /// Removes the blocks of `side` for which `condition` holds.
    /// - Returns: these, in ascending order.
    @discardableResult
    mutating func remove(_ side: Side, where condition: (Int) -> Bool) -> [Int] {
        let removed = members[side].filter(condition)
        guard !removed.isEmpty else { return [] }
        members[side].subtract(removed)
        entries.removeAll { entry in
            guard entry.side == side, removed.contains(entry.block) else { return false }
            byteCount -= entry.byteCount
            return true
        }
        return removed.sorted()
    }

    /// Removes blocks of one side until `byteCount` more fit into `room`: those that were sent last, and none that
    /// `isNeeded`. If that is not enough, the next call takes from the other side.
    /// - Returns: nil when they fit already, or nothing more can be removed.
    mutating func makeRoom(
        for byteCount: Int, in room: Int, keeping isNeeded: (Side, Int) -> Bool
    ) -> (side: Side, blocks: [Int])? {
        var excess = self.byteCount + byteCount - room
        guard excess > 0, let last = entries.last(where: { !isNeeded($0.side, $0.block) }) else { return nil }
        var chosen: Set<Int> = []
        for entry in entries.reversed()
        where excess > 0 && entry.side == last.side && !isNeeded(entry.side, entry.block) {
            chosen.insert(entry.block)
            excess -= entry.byteCount
        }
        return (last.side, remove(last.side) { chosen.contains($0) })
    }
}
