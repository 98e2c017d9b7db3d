// Why: from an id to its row without a dictionary of strings: an open-addressed table of row numbers, made at the
// first look-up, that compares ids where they lie in the map.

import ArrayFiles
import Synchronization

/// The index of one ``IDMap``, built when first needed.
final class IDIndex: Sendable {
    /// The table is empty until built; then its size is a power of two and at least twice the rows.
    private let table = Mutex<[UInt32]>([])
    private static let vacant = UInt32.max

    /// The row of an integer id.
    func row(of id: Int64, in map: IDMap) -> Int? {
        guard case .integers(let ids) = map.storage else { return nil }
        return find(Self.hash(id), in: map) { ids[$0] == id }
    }

    /// The row of a string id.
    func row(of id: UnsafeBufferPointer<UInt8>, in map: IDMap) -> Int? {
        find(Self.hash(id), in: map) { map.bytes(of: $0).elementsEqual(id) }
    }

    private func find(_ hash: UInt64, in map: IDMap, _ isMatch: (Int) -> Bool) -> Int? {
        if map.count == 0 { return nil }
        let table = table.withLock { table in
            if table.isEmpty { table = Self.build(map) }
            return table
        }
        let mask = table.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while table[slot] != Self.vacant {
            let row = Int(table[slot])
            if isMatch(row) { return row }
            slot = (slot + 1) & mask
        }
        return nil
    }

    private static func build(_ map: IDMap) -> [UInt32] {
        var size = 2
        while size < 2 * map.count { size *= 2 }
        var table = [UInt32](repeating: vacant, count: size)
        for row in 0..<map.count {
            let hash =
                switch map.storage {
                case .integers(let ids): hash(ids[row])
                case .strings: hash(map.bytes(of: row))
                }
            var slot = Int(truncatingIfNeeded: hash) & (size - 1)
            while table[slot] != vacant { slot = (slot + 1) & (size - 1) }
            table[slot] = UInt32(row)
        }
        return table
    }

    static func hash(_ id: Int64) -> UInt64 { SplitMix64.mix(UInt64(bitPattern: id) &+ SplitMix64.increment) }

    static func hash(_ id: UnsafeBufferPointer<UInt8>) -> UInt64 { Checksum.of(UnsafeRawBufferPointer(id)) }
}
