// Why: a user rates distinct items, the popular ones more likely: a draw without replacement, one item after the other
// with probability proportional to weight. Drawing again whatever was drawn before is fast until most of the weight is
// gone. A user who has rated that much is drawn by keys instead, in one step over all items: the n smallest of E / w,
// where E is exponentially distributed and w the weight (Efraimidis and Spirakis 2006), have the same distribution.

import Glibc

/// Draws the items of one user after the other.
struct ItemDraw {
    private let weights: [Double]
    private let table: AliasTable
    /// A bit for each item that has been drawn; all clear between users.
    private var drawn: [UInt64]
    private var list: [UInt32] = []

    /// More draws than this for each item wanted are not tried.
    private static let drawsPerItem = 8

    init(weights: [Double], table: AliasTable) {
        self.weights = weights
        self.table = table
        drawn = Array(repeating: 0, count: (weights.count + 63) / 64)
    }

    /// Writes `count` distinct items to `output`, ascending, with `given` among them.
    mutating func draw(
        _ count: Int, with given: Range<Int>, _ stream: inout RandomStream, to output: UnsafeMutablePointer<UInt32>
    ) {
        list.removeAll(keepingCapacity: true)
        for item in given { take(item) }
        // Beyond a quarter of the items, few draws are new.
        if count <= weights.count / 4 {
            for _ in 0..<Self.drawsPerItem * count {
                if list.count == count { break }
                take(table.draw(stream.bits()))
            }
        }
        if list.count < count {
            clear()
            for item in given { take(item) }
            takeByKeys(count - given.count, &stream)
        }
        if drawn.count < 4 * count {
            writeByBits(output)
        } else {
            clear()
            list.sort()
            output.initialize(from: list, count: count)
        }
    }

    @inline(__always)
    private mutating func take(_ item: Int) {
        let bit: UInt64 = 1 << UInt64(item & 63)
        if drawn[item >> 6] & bit != 0 { return }
        drawn[item >> 6] |= bit
        list.append(UInt32(item))
    }

    private mutating func takeByKeys(_ count: Int, _ stream: inout RandomStream) {
        var keys: [(key: Double, item: Int)] = []
        keys.reserveCapacity(weights.count)
        for item in weights.indices where drawn[item >> 6] >> UInt64(item & 63) & 1 == 0 {
            keys.append((-log(1 - stream.uniform()) / weights[item], item))
        }
        keys.sort { $0.key != $1.key ? $0.key < $1.key : $0.item < $1.item }
        for (_, item) in keys.prefix(count) { take(item) }
    }

    private mutating func clear() {
        for item in list { drawn[Int(item >> 6)] = 0 }
        list.removeAll(keepingCapacity: true)
    }

    /// Writes the items in the order of their bits, and clears these.
    private mutating func writeByBits(_ output: UnsafeMutablePointer<UInt32>) {
        var place = 0
        for word in drawn.indices where drawn[word] != 0 {
            var bits = drawn[word]
            drawn[word] = 0
            while bits != 0 {
                output[place] = UInt32(word << 6 | bits.trailingZeroBitCount)
                place += 1
                bits &= bits - 1
            }
        }
    }
}
