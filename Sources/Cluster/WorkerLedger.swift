// Why: what the coordinator knows of one worker: what it may be sent, what it has been sent, what it works on.
//
// Payloads cost credit, which the worker gives. Messages to one worker arrive in the order they were sent, so what
// has been sent before a `solve` is there when the worker reads it.

import DequeModule
import Ratings
import Training

/// The coordinator's books on one worker.
struct WorkerLedger {
    enum Standing: Sendable, Hashable {
        /// Said hello before the job began.
        case waiting
        /// Was sent the job, and is taking it in.
        case welcomed
        /// Can be given blocks.
        case ready(mapsStore: Bool)
    }

    let id: WorkerID
    let hello: WorkerMessage.Hello
    var standing: Standing = .waiting
    var credit: Int
    /// Whether it is alive.
    var life: FaultDetector
    var lastSent: Duration
    var lastWelcomed: Duration
    /// Messages both ways, hellos and welcomes not counted. A heartbeat carries the sender's count, so that either side
    /// notices when something was lost in a broken connection that libzmq has mended in silence.
    var sentCount: UInt64 = 0
    var receivedCount: UInt64 = 0
    var time = WorkerTime()
    var account: WorkerAccount

    /// Blocks of the present half-step that it is to solve, in the order it was given them.
    private(set) var assigned: [Int] = []
    /// How many of `assigned`, from the front, it has been told to solve.
    private(set) var toldCount = 0
    /// Since when it has been at the first of `assigned`.
    private(set) var frontSince: Duration?
    /// Blocks whose present factors it lacks, in the order they came.
    private var lacking: BySide<BlockQueue> = BySide(user: BlockQueue(), item: BlockQueue())
    /// Until it has the factors of both sides as they were when it joined, it is not told to solve.
    private var isCatchingUp = true
    /// Blocks whose ratings it has been sent.
    private var held = HeldRatings()
    /// Blocks whose ratings it can fetch from its disk.
    private var cached: BySide<Set<Int>> = BySide(user: [], item: [])
    /// Bytes that it has for ratings; nil when it has set no limit.
    var ratingsRoom: Int?
    /// The block whose ratings are on their way, and how far they are.
    private var transfer: (side: Side, block: Int, payload: Payload, offset: Int)?

    init(id: WorkerID, hello: WorkerMessage.Hello, now: Duration) {
        self.id = id
        self.hello = hello
        account = WorkerAccount(name: hello.name)
        credit = hello.credit
        life = FaultDetector(now: now)
        lastSent = now
        lastWelcomed = now
    }

    var isReady: Bool { if case .ready = standing { true } else { false } }
    private var mapsStore: Bool { standing == .ready(mapsStore: true) }

    mutating func notePeakMemory(_ byteCount: Int) { account.peakMemory = byteCount > 0 ? byteCount : nil }

    // MARK: Blocks

    mutating func assign(_ block: Int, _ now: Duration) {
        if assigned.isEmpty { frontSince = now }
        assigned.append(block)
    }

    /// Strikes out a block that is solved, by this worker or by another.
    mutating func strike(_ block: Int, _ now: Duration) {
        guard let index = assigned.firstIndex(of: block) else { return }
        assigned.remove(at: index)
        if index == 0 { frontSince = assigned.isEmpty ? nil : now }
        if index < toldCount { toldCount -= 1 }
    }

    /// How many blocks are in its line: those of this half-step, and older ones that it is not through with.
    var lineCount: Int { assigned.count + max(0, Int(clamping: life.owed) - toldCount) }

    /// Takes back the blocks that it has not been told to solve.
    mutating func takeBackUntold() -> [Int] {
        let untold = Array(assigned[toldCount...])
        assigned.removeLast(untold.count)
        if assigned.isEmpty { frontSince = nil }
        return untold
    }

    /// The block that it is solving, when that is certain: it owes nothing but what it was told of this half-step.
    var certainFront: Int? { toldCount > 0 && life.owed == toldCount ? assigned[0] : nil }

    /// Whether it can begin a block without being sent its ratings.
    func hasRatings(_ side: Side, _ block: Int) -> Bool {
        mapsStore || held.contains(side, block) || cached[side].contains(block)
    }

    // MARK: Factors

    /// Notes that block `block` of `side` has new factors that this worker does not have.
    mutating func lack(_ side: Side, _ block: Int) { lacking[side].append(block) }

    // MARK: Ratings

    /// Notes that it has the ratings of these blocks on disk.
    mutating func noteCached(_ side: Side, _ blocks: [Int]) { cached[side].formUnion(blocks) }

    /// Forgets that a block's ratings were sent, because they did not arrive well, and that it was to be solved.
    mutating func resendRatings(_ side: Side, _ block: Int, during halfStep: HalfStep?) {
        held.remove(side) { $0 == block }
        cached[side].remove(block)
        guard side == halfStep?.side else { return }
        guard let index = assigned.firstIndex(of: block), index < toldCount else { return }
        assigned.remove(at: index)
        toldCount -= 1
        assigned.insert(block, at: toldCount)
    }

    // MARK: What to send next

    /// Whether it has been sent the factors that it needs to solve any block.
    func hasFactors(for halfStep: HalfStep) -> Bool {
        lacking[halfStep.side.other].isEmpty && (!isCatchingUp || lacking[halfStep.side].isEmpty)
    }

    /// The next message for this worker, or nil when it has all it needs now, or no credit.
    ///
    /// In order: what the assigned blocks wait for (fixed factors, then ratings), the word to solve them, and then
    /// what the next half-step will read.
    mutating func next(
        _ halfStep: HalfStep, factors: BySide<[FactorBlock]>, data: JobData
    ) -> (CoordinatorMessage, Payload?)? {
        guard isReady else { return nil }
        let (solved, fixed) = (halfStep.side, halfStep.side.other)
        if !lacking[fixed].isEmpty { return credit > 0 ? nextFactors(fixed, factors) : nil }
        if isCatchingUp, !lacking[solved].isEmpty { return credit > 0 ? nextFactors(solved, factors) : nil }
        isCatchingUp = false
        if toldCount < assigned.count {
            let block = assigned[toldCount]
            if !mapsStore, cached[solved].contains(block), !held.contains(solved, block) {
                // It will be fetched when the word to solve it comes.
                let byteCount = data.encodedByteCount(solved, block)
                if let released = makeRoom(for: byteCount, solved) { return released }
                held.insert(solved, block, byteCount: byteCount)
            }
            if mapsStore || held.contains(solved, block) {
                toldCount += 1
                return (.solve(halfStep, block: block), nil)
            }
            if credit > 0 { return nextRatings(solved, block, data) }
            return nil
        }
        if credit > 0, !lacking[solved].isEmpty { return nextFactors(solved, factors) }
        return nil
    }

    private mutating func nextFactors(_ side: Side, _ factors: BySide<[FactorBlock]>) -> (CoordinatorMessage, Payload?)
    {
        let block = lacking[side].removeFirst()
        guard case .solved(let version, let payload) = factors[side][block] else {
            preconditionFailure("initial factors are not sent: every worker makes them itself")
        }
        credit -= 1
        return (.factors(side, block: block, version: version), payload)
    }

    private mutating func nextRatings(_ side: Side, _ block: Int, _ data: JobData) -> (CoordinatorMessage, Payload?) {
        if transfer == nil || transfer!.side != side || transfer!.block != block {
            if let released = makeRoom(for: data.encodedByteCount(side, block), side) { return released }
            // A transfer that is broken off, because its block went to another worker, begins anew if need be.
            transfer = (side, block, data.block(side, block).encoded(), 0)
        }
        let (_, _, payload, offset) = transfer!
        let end = min(offset + Limits.ratingsChunkByteCount, payload.bytes.count)
        if end == payload.bytes.count {
            held.insert(side, block, byteCount: payload.bytes.count)
            transfer = nil
        } else {
            transfer!.offset = end
        }
        credit -= 1
        let chunk = CoordinatorMessage.RatingsChunk(
            side: side, block: block, totalByteCount: payload.bytes.count, offset: offset)
        return (.ratings(chunk), payload.slice(offset..<end))
    }

    /// Releases ratings until `byteCount` more fit, but not those of the blocks that it is to solve.
    private mutating func makeRoom(for byteCount: Int, _ solved: Side) -> (CoordinatorMessage, Payload?)? {
        guard let ratingsRoom else { return nil }
        let assigned = assigned
        let released = held.makeRoom(for: byteCount, in: ratingsRoom) { $0 == solved && assigned.contains($1) }
        return released.map { (.release($0.side, blocks: $0.blocks), nil) }
    }

    /// Releases the ratings of blocks that others solved last.
    mutating func releaseMoved(_ side: Side, homes: [WorkerID?]) -> CoordinatorMessage? {
        let moved = held.remove(side) { homes[$0] != nil && homes[$0] != id }
        return moved.isEmpty ? nil : .release(side, blocks: moved)
    }

    /// A new half-step: nothing is assigned.
    mutating func beginHalfStep() {
        time.beginHalfStep()
        assigned = []
        toldCount = 0
        frontSince = nil
    }
}

/// Blocks in the order they came, each once.
private struct BlockQueue {
    private var blocks: Deque<Int> = []
    private var members: Set<Int> = []

    var isEmpty: Bool { blocks.isEmpty }

    mutating func append(_ block: Int) { if members.insert(block).inserted { blocks.append(block) } }

    mutating func removeFirst() -> Int {
        let block = blocks.removeFirst()
        members.remove(block)
        return block
    }
}
