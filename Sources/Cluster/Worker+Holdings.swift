// Why: what a worker holds of ratings and factors, and when what arrives may be put where it belongs.

import Failures
import Ratings
import Training

extension Worker {
    // MARK: Ratings

    mutating func take(_ chunk: CoordinatorMessage.RatingsChunk, _ payload: Payload?, _ now: Duration) {
        defer { giveCredit(now) }
        guard let job, let payload, chunk.block < job.plan[chunk.side].count else { return drop(.malformed) }
        switch ratings.take(chunk, payload) {
        case .incomplete: return
        case .stale: drop(.stale)
        case .malformed: drop(.malformed)
        case .noRoom(let what): fail(what, now)
        case .whole(let payload):
            if take(payload, chunk.side, chunk.block), settings.cachesRatings {
                actions.append(.saveRatings(chunk.side, block: chunk.block, payload))
            }
            handOver(now)
        }
    }

    /// Checks and installs the ratings of a block.
    /// - Returns: whether they are sound.
    mutating func take(_ payload: Payload, _ side: Side, _ block: Int) -> Bool {
        guard let job else { return false }
        do {
            let sound = try RatingsBlock(
                payload, rowCount: job.plan[side].rows(block).count, columnCount: job.plan[side.other].rowCount)
            ratings.hold(side, block, byteCount: payload.bytes.count)
            actions.append(.installRatings(side, block: block, sound))
            return true
        } catch {
            drop(.malformed)
            return false
        }
    }

    /// Has the ratings of a block fetched from disk, if they are there and not here.
    mutating func fetch(_ side: Side, _ block: Int) {
        if ratings.beginLoading(side, block) { actions.append(.loadRatings(side, block: block)) }
    }

    // MARK: Factors

    mutating func take(_ side: Side, _ block: Int, _ version: Int, _ payload: Payload?, _ now: Duration) {
        guard let job, let payload, block < job.plan[side].count,
            payload.bytes.count == job.factorByteCount(side, block), payload.isFinite
        else {
            drop(.malformed)
            return giveCredit(now)
        }
        if isInUse(side, block) {
            deferred.append((side, block, version, payload))
        } else {
            install(side, block, version, payload, now)
            handOver(now)
        }
    }

    /// Whether the solver may be reading or writing the factors of this block.
    func isInUse(_ side: Side, _ block: Int) -> Bool {
        solving.contains { $0.halfStep.side != side || $0.block == block }
    }

    mutating func install(_ side: Side, _ block: Int, _ version: Int, _ payload: Payload, _ now: Duration) {
        if version > versions[side][block] {
            versions[side].set(block, to: version)
            actions.append(.installFactors(side, block: block, payload))
        } else {
            drop(.stale)
        }
        giveCredit(now)
    }

    mutating func installDeferred(_ now: Duration) {
        let waiting = deferred
        deferred = []
        for factors in waiting {
            if isInUse(factors.side, factors.block) {
                deferred.append(factors)
            } else {
                install(factors.side, factors.block, factors.version, factors.payload, now)
            }
        }
    }
}
