// Why: a user may have rated an item twice. What that means only the person who imports can say, so the default is
// an error, and the other answers are asked for by name.

import Failures

/// What to do with several ratings of one item by one user.
public enum DuplicatePolicy: String, Sendable, Hashable, Codable, CaseIterable {
    /// Refuse them.
    case error
    /// Keep the last in the order of the input.
    case last
    /// Keep their mean.
    case mean
    /// Keep their sum.
    case sum
}

/// Pairs that occur more than once, where that is an error; numbers are those of the builder's ids.
struct RepeatedPairs: Sendable {
    var isHoldout: Bool
    var pairs: [(user: UInt32, item: UInt32)]
    /// The most pairs that are listed.
    static let limit = 100_000

    /// Finds the first rating of `runs` that repeats one of the pairs; nil when none does.
    func first(in runs: [RatingRun]) -> (run: Int, index: Int)? {
        var seen = Dictionary(pairs.map { (UInt64($0.user) << 32 | UInt64($0.item), false) }) { first, _ in first }
        for (number, run) in runs.enumerated() {
            for index in 0..<run.count {
                let pair = run.pair(at: index)
                guard let wasSeen = seen[pair] else { continue }
                if wasSeen { return (number, index) }
                seen[pair] = true
            }
        }
        return nil
    }

    /// What to say of a pair whose second rating is at `place`.
    func failure(user: String, item: String, at place: String) -> Failure {
        Failure(
            .badData, "user \(user) has rated item \(item) before", at: place,
            remedy: "remove one of the two, or choose what to do with --duplicates last, mean or sum")
    }
}

extension SortedRows {
    /// Up to `limit` pairs that occur more than once, in the order of the rows.
    /// - Precondition: columns ascend within each row, equal ones beside each other.
    func repeatedPairs(limit: Int, threads: Int) throws(Failure) -> [(row: Int, column: Int)] {
        let lanes = max(1, min(threads, count / 1_000_000))
        let found = try concurrently(lanes) { lane in
            var pairs: [(row: Int, column: Int)] = []
            for row in stretch(lane, of: lanes) {
                for index in range(of: row).dropFirst() where columns.pointer[index] == columns.pointer[index - 1] {
                    guard pairs.count < limit else { return pairs }
                    pairs.append((row, Int(columns.pointer[index])))
                }
            }
            return pairs
        }
        return Array(found.joined().prefix(limit))
    }

    /// Each pair once, its value as `policy` says, numbered as before ``Numbering``.
    ///
    /// Means and sums are taken in double over ascending values: the order of the input does not matter.
    func resolved(
        _ policy: DuplicatePolicy, denominator: Int, numbering: [Side: Numbering], rowSide: Side
    ) throws(Failure) -> RatingRun {
        let run = try RatingRun(count: count)
        let (rowNumbers, columnNumbers) = (numbering[rowSide]!.numbers, numbering[rowSide.other]!.numbers)
        let (rows, columns) = (run.numbers(of: rowSide).pointer, run.numbers(of: rowSide.other).pointer)
        var kept = 0
        for row in 0..<rowCount {
            let end = range(of: row).upperBound
            var start = range(of: row).lowerBound
            while start < end {
                let column = self.columns.pointer[start]
                var next = start + 1
                while next < end, self.columns.pointer[next] == column { next += 1 }
                let group = (start..<next).map { values.pointer[$0].decode(denominator: Float(denominator)) }
                rows[kept] = rowNumbers[row]
                columns[kept] = columnNumbers[Int(column)]
                run.values.pointer[kept] = policy.value(of: group)
                kept += 1
                start = next
            }
        }
        return try run.slice(0..<kept)
    }
}

extension DuplicatePolicy {
    /// One value for several, given in the order of the input; it may overflow to infinity.
    func value(of group: [Float]) -> Float {
        if group.count == 1 { return group[0] }
        let sum = group.sorted().reduce(0) { $0 + Double($1) }
        switch self {
        case .error, .last: return group[group.count - 1]
        case .mean: return Float(sum / Double(group.count))
        case .sum: return Float(sum)
        }
    }
}
