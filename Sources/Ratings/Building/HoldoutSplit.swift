// Why: which ratings are held out must not depend on the order of the input, on the number of threads or on how rows
// are numbered. So a pair is held out by a hash of the seed and its two ids:
//
//     mix(mix(mix(seed) ^ XXH64(user id)) ^ XXH64(item id)) < fraction 2^64
//
// with the ids as text and SplitMix64's finalizer as mix; or because a file names it.

import ArrayFiles
import Failures
import Synchronization

/// Decides by pair of user and item numbers.
protocol PairPredicate: Sendable {
    func contains(user: UInt32, item: UInt32) -> Bool
}

/// A number for each pair of a user and an item that depends on a seed and their ids alone.
package struct PairHashes: Sendable {
    private let users: [UInt64]
    private let items: [UInt64]

    package init(seed: UInt64, users: IDMap, items: IDMap) {
        let start = IDIndex.hash(Int64(bitPattern: seed))
        self.users = Self.hashes(users).map { IDIndex.hash(Int64(bitPattern: start ^ $0)) }
        self.items = Self.hashes(items)
    }

    package func hash(user: Int, item: Int) -> UInt64 { IDIndex.hash(Int64(bitPattern: users[user] ^ items[item])) }

    private static func hashes(_ ids: IDMap) -> [UInt64] {
        (0..<ids.count).map { row in
            var id = ids.id(of: row)
            return id.withUTF8 { Checksum.of(UnsafeRawBufferPointer($0)) }
        }
    }
}

/// The pairs that a fraction and a seed choose.
struct HashedPairs: PairPredicate {
    private let hashes: PairHashes
    private let threshold: UInt64

    /// - Throws: a ``Failure`` of kind `usage` unless `fraction` is above 0 and below 1.
    init(fraction: Double, seed: UInt64, users: IDMap, items: IDMap) throws(Failure) {
        try Self.check(fraction)
        hashes = PairHashes(seed: seed, users: users, items: items)
        threshold = UInt64(fraction * 0x1p64)
    }

    /// - Throws: a ``Failure`` of kind `usage` unless `fraction` is above 0 and below 1.
    static func check(_ fraction: Double) throws(Failure) {
        guard fraction > 0, fraction < 1 else {
            throw Failure(.usage, "the fraction to hold out is \(fraction)", remedy: "give one above 0 and below 1")
        }
    }

    /// What to say when none of `count` ratings is held out.
    static func nothingHeldOut(fraction: Double, of count: Int) -> Failure {
        Failure(
            .badData, "a holdout of \(fraction) of \(count) ratings is empty",
            remedy: "give a larger fraction, another seed, or more ratings")
    }

    func contains(user: UInt32, item: UInt32) -> Bool {
        hashes.hash(user: Int(user), item: Int(item)) < threshold
    }
}

/// A set of pairs: an open-addressed table, at most half full.
struct PairSet: PairPredicate {
    private var table: [UInt64]
    private static let vacant = UInt64.max

    init(_ runs: [RatingRun]) {
        let count = runs.reduce(0) { $0 + $1.count }
        var size = 16
        while size < 2 * count { size *= 2 }
        table = Array(repeating: Self.vacant, count: size)
        for run in runs {
            for index in 0..<run.count {
                let pair = run.pair(at: index)
                table[slot(of: pair)] = pair
            }
        }
    }

    func contains(user: UInt32, item: UInt32) -> Bool {
        let pair = UInt64(user) << 32 | UInt64(item)
        return table[slot(of: pair)] == pair
    }

    private func slot(of pair: UInt64) -> Int {
        let mask = table.count - 1
        var slot = Int(truncatingIfNeeded: IDIndex.hash(Int64(bitPattern: pair))) & mask
        while table[slot] != Self.vacant, table[slot] != pair { slot = (slot + 1) & mask }
        return slot
    }
}

extension RatingRun {
    /// The ratings outside of `pairs` and those inside, each in order.
    func split<Pairs: PairPredicate>(by pairs: Pairs) throws(Failure) -> (outside: RatingRun, inside: RatingRun) {
        var isInside = [Bool](repeating: false, count: count)
        var insideCount = 0
        for index in 0..<count where pairs.contains(user: users.pointer[index], item: items.pointer[index]) {
            isInside[index] = true
            insideCount += 1
        }
        if insideCount == 0 { return (self, RatingRun()) }
        let (outside, inside) = (try RatingRun(count: count - insideCount), try RatingRun(count: insideCount))
        var (outsidePlace, insidePlace) = (0, 0)
        for index in 0..<count {
            if isInside[index] {
                inside.set(insidePlace, from: self, index)
                insidePlace += 1
            } else {
                outside.set(outsidePlace, from: self, index)
                outsidePlace += 1
            }
        }
        return (outside, inside)
    }

    private func set(_ place: Int, from run: RatingRun, _ index: Int) {
        users.pointer[place] = run.users.pointer[index]
        items.pointer[place] = run.items.pointer[index]
        values.pointer[place] = run.values.pointer[index]
    }

    /// Splits every run of `runs`, in parallel, and frees it; `runs` are empty then.
    static func split<Pairs: PairPredicate>(
        _ runs: inout [RatingRun], by pairs: Pairs
    ) throws(Failure) -> (outside: [RatingRun], inside: [RatingRun]) {
        let count = runs.count
        let waiting = Mutex<[RatingRun?]>(runs)
        runs = []
        let parts = try concurrently(count) { index throws(Failure) in
            try waiting.withLock { runs in runs[index].take()! }.split(by: pairs)
        }
        return (parts.map(\.outside), parts.map(\.inside))
    }
}
