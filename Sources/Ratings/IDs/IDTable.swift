// Why: while ratings are read, ids become numbers in the order in which they are first seen; each thread has a table
// of its own, and the tables are merged at the end. An id is looked up for every rating, so that:
//
//     integers below 2^22    one load from a directly indexed array
//     other integers         an open-addressed table of (id, number), at most half full
//     strings                an open-addressed table of numbers; the texts lie in one array, a line feed after each

import ArrayFiles

/// Numbers ids 0, 1, 2, ... in the order of their first appearance.
struct IDTable: Sendable {
    let kind: IDMap.Kind
    private(set) var count = 0

    private static let directCount = 1 << 22
    private static let vacant = UInt32.max

    private struct Entry {
        var id: Int64
        var number: UInt32
    }

    private var integers: [Int64] = []
    private var direct: [UInt32] = []
    private var entries: [Entry] = []
    private var entryCount = 0

    private var text: [UInt8] = []
    private var starts: [Int64] = [0]
    private var numbers: [UInt32] = []

    init(_ kind: IDMap.Kind) {
        self.kind = kind
    }

    /// The ids by number.
    var ids: IDMap {
        switch kind {
        case .integers: IDMap(.integers(ArrayView(integers)))
        case .strings: IDMap(.strings(text: ArrayView(text), starts: ArrayView(starts)))
        }
    }

    /// The number of an integer id, a new one when it is new.
    mutating func number(of id: Int64) -> UInt32 {
        if id >= 0, id < Int64(direct.count), case let number = direct[Int(id)], number != Self.vacant { return number }
        if id >= 0, id < Int64(Self.directCount) { return addDirect(Int(id)) }
        if 2 * (entryCount + 1) > entries.count { growEntries() }
        let mask = entries.count - 1
        var slot = Int(truncatingIfNeeded: IDIndex.hash(id)) & mask
        while entries[slot].number != Self.vacant {
            if entries[slot].id == id { return entries[slot].number }
            slot = (slot + 1) & mask
        }
        entries[slot] = Entry(id: id, number: append(id))
        entryCount += 1
        return entries[slot].number
    }

    /// The number of a string id, a new one when it is new.
    mutating func number(of id: UnsafeBufferPointer<UInt8>) -> UInt32 {
        if 2 * (count + 1) > numbers.count { growNumbers() }
        let slot = slot(of: id)
        if numbers[slot] == Self.vacant {
            numbers[slot] = UInt32(count)
            count += 1
            text.append(contentsOf: id)
            text.append(UInt8(ascii: "\n"))
            starts.append(Int64(text.count))
        }
        return numbers[slot]
    }

    /// The number of an id of the table's kind.
    mutating func number(ofText id: String) -> UInt32 {
        var id = id
        return id.withUTF8 { bytes in
            guard kind == .integers else { return number(of: bytes) }
            guard case .integer(let value) = IDText(bytes) else { preconditionFailure("the id is no integer") }
            return number(of: value)
        }
    }

    /// Numbers every id of `other` here.
    /// - Returns: the number here of each number there.
    mutating func merge(_ other: IDTable) -> [UInt32] {
        switch kind {
        case .integers:
            return other.integers.map { number(of: $0) }
        case .strings:
            return other.text.withUnsafeBufferPointer { text in
                (0..<other.count).map { number in
                    let range = Int(other.starts[number])..<Int(other.starts[number + 1]) - 1
                    return self.number(of: UnsafeBufferPointer(rebasing: text[range]))
                }
            }
        }
    }

    private mutating func append(_ id: Int64) -> UInt32 {
        integers.append(id)
        count += 1
        return UInt32(count - 1)
    }

    private mutating func addDirect(_ id: Int) -> UInt32 {
        if id >= direct.count {
            var size = max(1024, direct.count)
            while size <= id { size *= 2 }
            direct.append(contentsOf: repeatElement(Self.vacant, count: size - direct.count))
        }
        direct[id] = append(Int64(id))
        return direct[id]
    }

    private mutating func growEntries() {
        let old = entries
        entries = Array(repeating: Entry(id: 0, number: Self.vacant), count: max(1024, 2 * old.count))
        let mask = entries.count - 1
        for entry in old where entry.number != Self.vacant {
            var slot = Int(truncatingIfNeeded: IDIndex.hash(entry.id)) & mask
            while entries[slot].number != Self.vacant { slot = (slot + 1) & mask }
            entries[slot] = entry
        }
    }

    private mutating func growNumbers() {
        numbers = Array(repeating: Self.vacant, count: max(1024, 2 * numbers.count))
        let mask = numbers.count - 1
        text.withUnsafeBufferPointer { text in
            for number in 0..<count {
                let id = UnsafeBufferPointer(rebasing: text[Int(starts[number])..<Int(starts[number + 1]) - 1])
                var slot = Int(truncatingIfNeeded: IDIndex.hash(id)) & mask
                while numbers[slot] != Self.vacant { slot = (slot + 1) & mask }
                numbers[slot] = UInt32(number)
            }
        }
    }

    /// Where the number of `id` is or belongs.
    private func slot(of id: UnsafeBufferPointer<UInt8>) -> Int {
        let mask = numbers.count - 1
        var slot = Int(truncatingIfNeeded: IDIndex.hash(id)) & mask
        text.withUnsafeBufferPointer { text in
            while numbers[slot] != Self.vacant {
                let number = Int(numbers[slot])
                let range = Int(starts[number])..<Int(starts[number + 1]) - 1
                if range.count == id.count, UnsafeBufferPointer(rebasing: text[range]).elementsEqual(id) { break }
                slot = (slot + 1) & mask
            }
        }
        return slot
    }
}
