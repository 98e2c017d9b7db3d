// Why: which blocks' ratings a worker has, where, and what is on its way: in memory, on disk, or coming in chunks. What
// comes is put together in memory of its final size, which is only taken if the memory limit has room for it.

import Ratings
import Training

/// A worker's books on its ratings, when it does not map the store.
struct WorkerRatings {
    /// Bytes that the memory limit leaves for them.
    var room = Int.max
    /// The blocks that are in memory, and their sizes.
    private var held: BySide<[Int: Int]> = BySide(user: [:], item: [:])
    /// The blocks that are on disk, and those of them that are being fetched from there.
    private var cached: BySide<Set<Int>> = BySide(user: [], item: [])
    private var loading: BySide<Set<Int>> = BySide(user: [], item: [])
    /// The block that is coming in chunks.
    private var partial: (first: CoordinatorMessage.RatingsChunk, assembly: PayloadAssembly)?

    /// What became of a chunk.
    enum Intake {
        case incomplete
        case whole(Payload)
        case stale
        /// It does not follow the one before it: one was lost, and the block will be asked for again.
        case malformed
        /// There is no memory for its block.
        case noRoom(String)
    }

    func contains(_ side: Side, _ block: Int) -> Bool { held[side][block] != nil }

    /// Bytes of what is in memory.
    private var byteCount: Int { held.user.values.reduce(0, +) + held.item.values.reduce(0, +) }

    /// Takes in a chunk of a block that exists.
    mutating func take(_ chunk: CoordinatorMessage.RatingsChunk, _ payload: Payload) -> Intake {
        if contains(chunk.side, chunk.block) { return .stale }
        if chunk.offset == 0 {
            partial = nil
            guard chunk.totalByteCount <= room - byteCount,
                let assembly = PayloadAssembly(byteCount: chunk.totalByteCount)
            else {
                return .noRoom(
                    """
                    there is no room for \(ByteSize(chunk.totalByteCount)) of ratings beside \(ByteSize(byteCount)): \
                    free some memory, raise mf-worker --memory-limit, or start more workers
                    """)
            }
            partial = (chunk, assembly)
        }
        guard let (first, assembly) = partial, first.side == chunk.side, first.block == chunk.block,
            first.totalByteCount == chunk.totalByteCount, assembly.filled == chunk.offset,
            payload.bytes.count <= chunk.totalByteCount - chunk.offset
        else {
            partial = nil
            return .malformed
        }
        partial!.assembly.append(payload)
        guard let assembly = partial?.assembly, assembly.isWhole else { return .incomplete }
        partial = nil
        return .whole(assembly.payload)
    }

    /// Notes that a block is in memory.
    mutating func hold(_ side: Side, _ block: Int, byteCount: Int) { held[side][block] = byteCount }

    /// Notes that blocks are given up; they may still be on disk.
    mutating func release(_ side: Side, _ blocks: [Int]) {
        for block in blocks {
            held[side][block] = nil
            loading[side].remove(block)
        }
    }

    // MARK: Disk

    mutating func noteCached(_ side: Side, _ blocks: some Sequence<Int>) { cached[side].formUnion(blocks) }

    func isLoading(_ side: Side, _ block: Int) -> Bool { loading[side].contains(block) }

    /// Whether a block has to be fetched from disk now; it is then noted as being fetched.
    mutating func beginLoading(_ side: Side, _ block: Int) -> Bool {
        cached[side].contains(block) && !contains(side, block) && loading[side].insert(block).inserted
    }

    /// Takes in what was fetched; without a payload, what is on disk is of no use.
    /// - Returns: what is to be taken in, if it is still wanted.
    mutating func endLoading(_ side: Side, _ block: Int, _ payload: Payload?) -> Payload? {
        guard loading[side].remove(block) != nil, !contains(side, block) else { return nil }
        if let payload, payload.bytes.count <= room - byteCount { return payload }
        cached[side].remove(block)
        return nil
    }

    /// Notes that what was fetched cannot be read.
    mutating func forgetCached(_ side: Side, _ block: Int) { cached[side].remove(block) }
}
