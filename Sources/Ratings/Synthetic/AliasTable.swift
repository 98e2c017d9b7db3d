// Why: an item is drawn for every rating, with probability proportional to its weight; an alias table does it with one
// random number and one look-up, whatever the number of items (Walker 1977, Vose 1991).

/// Draws positions by weight.
struct AliasTable: Sendable {
    private struct Entry: BitwiseCopyable {
        /// Below this the position itself, else the alias; in units of 2^-32.
        var threshold: UInt32
        var alias: UInt32
    }

    private let entries: [Entry]

    /// - Parameter weights: positive and finite, fewer than 2^32.
    init(_ weights: [Double]) {
        let scale = Double(weights.count) / weights.reduce(0, +)
        var shares = weights.map { $0 * scale }
        var small: [Int] = []
        var large: [Int] = []
        for (position, share) in shares.enumerated() {
            if share < 1 { small.append(position) } else { large.append(position) }
        }
        var entries = (0..<weights.count).map { Entry(threshold: .max, alias: UInt32($0)) }
        while let position = small.popLast() {
            // The last shares miss 1 by what rounding has taken; they stand for themselves.
            guard let donor = large.last else { continue }
            entries[position] = Entry(threshold: UInt32(shares[position] * 0x1p32), alias: UInt32(donor))
            shares[donor] -= 1 - shares[position]
            if shares[donor] < 1 { small.append(large.removeLast()) }
        }
        self.entries = entries
    }

    /// The position that a random number stands for.
    @inline(__always)
    func draw(_ bits: UInt64) -> Int {
        let (position, _) = (bits >> 32).multipliedFullWidth(by: UInt64(entries.count) << 32)
        let entry = entries[Int(position)]
        return UInt32(truncatingIfNeeded: bits) < entry.threshold ? Int(position) : Int(entry.alias)
    }
}
