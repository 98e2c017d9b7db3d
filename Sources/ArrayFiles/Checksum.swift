// Why: files rot, disks lie and messages are damaged on the way. Every array file and every bulk payload
// carries a checksum, so that damage is an error and never a wrong model.
//
// The function is XXH64 with seed 0, from the published specification of xxHash: 64 bits, several bytes a
// cycle, no tables. It guards against accidents, not against an adversary, who can forge it.

/// A running XXH64 checksum (seed 0).
public struct Checksum: Sendable {
    private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
    private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
    private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5
    private static let stripe = 32

    private var lanes = SIMD4<UInt64>(prime1 &+ prime2, prime2, 0, 0 &- prime1)
    private var length: UInt64 = 0
    /// The bytes of the last, incomplete stripe.
    private var rest: [UInt8] = []

    public init() { rest.reserveCapacity(Self.stripe) }

    /// The checksum of `bytes`.
    public static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var checksum = Checksum()
        checksum.update(bytes)
        return checksum.value
    }

    /// Takes in more bytes; the cuts between calls do not matter.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard var cursor = bytes.baseAddress else { return }
        let end = cursor + bytes.count
        length &+= UInt64(bytes.count)
        if !rest.isEmpty {
            let taken = min(Self.stripe - rest.count, bytes.count)
            rest.append(contentsOf: UnsafeRawBufferPointer(start: cursor, count: taken))
            cursor += taken
            guard rest.count == Self.stripe else { return }
            rest.withUnsafeBytes { absorb($0.baseAddress!, stripes: 1) }
            rest.removeAll(keepingCapacity: true)
        }
        let stripes = (end - cursor) / Self.stripe
        absorb(cursor, stripes: stripes)
        cursor += stripes * Self.stripe
        rest.append(contentsOf: UnsafeRawBufferPointer(start: cursor, count: end - cursor))
    }

    private mutating func absorb(_ bytes: UnsafeRawPointer, stripes: Int) {
        // Four scalar lanes: 64-bit multiplication has no vector form at the baseline instruction set.
        var (a, b, c, d) = (lanes[0], lanes[1], lanes[2], lanes[3])
        var cursor = bytes
        for _ in 0..<stripes {
            a = Self.round(a, cursor.littleEndian64(at: 0))
            b = Self.round(b, cursor.littleEndian64(at: 8))
            c = Self.round(c, cursor.littleEndian64(at: 16))
            d = Self.round(d, cursor.littleEndian64(at: 24))
            cursor += Self.stripe
        }
        lanes = SIMD4(a, b, c, d)
    }

    /// The checksum of all bytes so far.
    public var value: UInt64 {
        var hash: UInt64
        if length >= UInt64(Self.stripe) {
            hash =
                Self.rotate(lanes[0], 1) &+ Self.rotate(lanes[1], 7)
                &+ Self.rotate(lanes[2], 12) &+ Self.rotate(lanes[3], 18)
            for lane in 0..<4 {
                hash = (hash ^ Self.round(0, lanes[lane])) &* Self.prime1 &+ Self.prime4
            }
        } else {
            hash = Self.prime5
        }
        hash &+= length
        rest.withUnsafeBytes { bytes in
            guard var cursor = bytes.baseAddress else { return }
            let end = cursor + bytes.count
            while end - cursor >= 8 {
                hash ^= Self.round(0, cursor.littleEndian64(at: 0))
                hash = Self.rotate(hash, 27) &* Self.prime1 &+ Self.prime4
                cursor += 8
            }
            if end - cursor >= 4 {
                let word = UInt64(UInt32(littleEndian: cursor.loadUnaligned(as: UInt32.self)))
                hash = Self.rotate(hash ^ (word &* Self.prime1), 23) &* Self.prime2 &+ Self.prime3
                cursor += 4
            }
            while cursor < end {
                let byte = UInt64(cursor.load(as: UInt8.self))
                hash = Self.rotate(hash ^ (byte &* Self.prime5), 11) &* Self.prime1
                cursor += 1
            }
        }
        hash = (hash ^ (hash >> 33)) &* Self.prime2
        hash = (hash ^ (hash >> 29)) &* Self.prime3
        return hash ^ (hash >> 32)
    }

    @inline(__always)
    private static func round(_ lane: UInt64, _ word: UInt64) -> UInt64 {
        rotate(lane &+ word &* prime2, 31) &* prime1
    }

    @inline(__always)
    private static func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 {
        (value << bits) | (value >> (64 - bits))
    }
}

extension Checksum {
    /// How a checksum is written in JSON: 16 hexadecimal digits.
    public static func text(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension UnsafeRawPointer {
    @inline(__always)
    fileprivate func littleEndian64(at offset: Int) -> UInt64 {
        UInt64(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
}
