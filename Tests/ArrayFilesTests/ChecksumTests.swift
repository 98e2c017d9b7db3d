// Why: the checksums on disk must be XXH64 as published, today and in every later version.

import ArrayFiles
import TestKit
import Testing

@Suite struct ChecksumTests {
    @Test(arguments: [
        ("", 0xEF46_DB37_51D8_E999 as UInt64), ("a", 0xD24E_C4F1_A98C_6E5B), ("abc", 0x44BC_2CF5_AD77_0999),
    ])
    func publishedVectors(_ text: String, _ expected: UInt64) {
        #expect(Array(text.utf8).withUnsafeBytes(Checksum.of) == expected)
    }

    /// XXH64 as its specification describes it, on a list of bytes, without any cleverness.
    private func reference(_ bytes: [UInt8]) -> UInt64 {
        let primes: [UInt64] = [
            0, 0x9E37_79B1_85EB_CA87, 0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9, 0x85EB_CA77_C2B2_AE63,
            0x27D4_EB2F_1656_67C5,
        ]
        func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 { value << bits | value >> (64 - bits) }
        func word(_ place: Int, _ size: Int) -> UInt64 {
            (0..<size).reduce(0) { $0 | UInt64(bytes[place + $1]) << UInt64(8 * $1) }
        }
        func round(_ lane: UInt64, _ word: UInt64) -> UInt64 { rotate(lane &+ word &* primes[2], 31) &* primes[1] }
        var place = 0
        var hash = primes[5]
        if bytes.count >= 32 {
            var lanes = [primes[1] &+ primes[2], primes[2], 0, 0 &- primes[1]]
            while bytes.count - place >= 32 {
                for lane in 0..<4 { lanes[lane] = round(lanes[lane], word(place + 8 * lane, 8)) }
                place += 32
            }
            hash = rotate(lanes[0], 1) &+ rotate(lanes[1], 7) &+ rotate(lanes[2], 12) &+ rotate(lanes[3], 18)
            for lane in lanes { hash = (hash ^ round(0, lane)) &* primes[1] &+ primes[4] }
        }
        hash &+= UInt64(bytes.count)
        while bytes.count - place >= 8 {
            hash = rotate(hash ^ round(0, word(place, 8)), 27) &* primes[1] &+ primes[4]
            place += 8
        }
        if bytes.count - place >= 4 {
            hash = rotate(hash ^ word(place, 4) &* primes[1], 23) &* primes[2] &+ primes[3]
            place += 4
        }
        for byte in bytes[place...] { hash = rotate(hash ^ UInt64(byte) &* primes[5], 11) &* primes[1] }
        hash = (hash ^ hash >> 33) &* primes[2]
        hash = (hash ^ hash >> 29) &* primes[3]
        return hash ^ hash >> 32
    }

    @Test func everyLengthAgreesWithTheSpecification() {
        let seed: UInt64 = 1
        var generator = SeededGenerator(seed: seed)
        let bytes = (0..<300).map { _ in UInt8.random(in: 0...255, using: &generator) }
        for length in 0...bytes.count {
            let prefix = Array(bytes[..<length])
            #expect(prefix.withUnsafeBytes(Checksum.of) == reference(prefix), "\(length) bytes, seed \(seed)")
        }
    }

    @Test func cutsBetweenUpdatesDoNotMatter() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededGenerator(seed: seed)
        let bytes = (0..<1000).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let whole = bytes.withUnsafeBytes(Checksum.of)
        for _ in 0..<300 {
            var checksum = Checksum()
            var place = 0
            while place < bytes.count {
                let next = min(bytes.count, place + Int.random(in: 0...70, using: &generator))
                bytes[place..<next].withUnsafeBytes { checksum.update($0) }
                place = next
            }
            #expect(checksum.value == whole, "seed \(seed)")
            #expect(checksum.value == whole, "asking changes nothing")
        }
    }

    @Test func textHasSixteenDigits() {
        #expect(Checksum.text(0) == "0000000000000000")
        #expect(Checksum.text(0xEF46_DB37_51D8_E999) == "ef46db3751d8e999")
        #expect(Checksum.text(0xABC) == "0000000000000abc")
    }
}
