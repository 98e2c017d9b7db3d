// Why: rows are numbered by falling count of training ratings: the factors that the other side reads most then lie
// together. Equal counts go by ascending id, so that the numbering depends on the ratings alone.

import ArrayFiles
import Failures

/// The rows of one side: from the numbers of an ``IDTable`` to rows, and back.
struct Numbering: Sendable {
    /// The row of each number.
    let rows: [UInt32]
    /// The number of each row.
    let numbers: [UInt32]

    var count: Int { rows.count }

    /// - Parameters:
    ///   - counts: training ratings of each number.
    ///   - ids: the id of each number.
    init(counts: UnsafeBufferPointer<Int>, ids: IDMap) {
        var numbers = (0..<UInt32(counts.count)).map { $0 }
        switch ids.storage {
        case .integers(let ids):
            // Keys beside each other sort faster than keys looked up.
            var keys = numbers.map { (count: counts[Int($0)], id: ids[Int($0)], number: $0) }
            keys.sort { $0.count != $1.count ? $0.count > $1.count : $0.id < $1.id }
            numbers = keys.map(\.number)
        case .strings:
            numbers.sort { one, other in
                let (count, otherCount) = (counts[Int(one)], counts[Int(other)])
                if count != otherCount { return count > otherCount }
                return ids.bytes(of: Int(one)).lexicographicallyPrecedes(ids.bytes(of: Int(other)))
            }
        }
        var rows = [UInt32](repeating: 0, count: counts.count)
        for (row, number) in numbers.enumerated() { rows[Int(number)] = UInt32(row) }
        self.rows = rows
        self.numbers = numbers
    }
}

extension Numbering {
    /// Rows numbered as they are.
    init(identity count: Int) {
        numbers = (0..<UInt32(count)).map { $0 }
        rows = numbers
    }
}

extension IDMap {
    /// The ids of `numbers`, in their order.
    func selecting(_ numbers: [UInt32]) throws(Failure) -> IDMap {
        switch storage {
        case .integers(let ids):
            return IDMap(integers: numbers.map { ids[Int($0)] })
        case .strings(let text, _):
            let copy = try ElementBuffer<UInt8>(count: text.count)
            var starts: [Int64] = [0]
            starts.reserveCapacity(numbers.count + 1)
            var place = 0
            for number in numbers {
                let id = bytes(of: Int(number))
                (copy.pointer + place).initialize(from: id.baseAddress!, count: id.count)
                copy.pointer[place + id.count] = UInt8(ascii: "\n")
                place += id.count + 1
                starts.append(Int64(place))
            }
            precondition(place == text.count, "every number is selected once")
            return IDMap(.strings(text: copy.view, starts: ArrayView(starts)))
        }
    }
}
