// Why: what a fuzzer once found stays found, and the targets that it is given do read what is right.

import Foundation
import FuzzTargets
import TestKit
import Testing

@Suite struct FuzzTests {
    @Test(arguments: FuzzTarget.allCases) func seedsReachBehindTheFirstChecks(target: FuzzTarget) throws {
        let folder = try TemporaryFolder()
        let accepted = target.seeds.filter { target.run($0, scratch: folder("scratch")) }
        // A description is long, and only nearly right here.
        #expect(target == .json || !accepted.isEmpty)
    }

    /// One file an input; see deploy/fuzz.sh.
    @Test(arguments: FuzzTarget.allCases) func whatWasFoundIsMended(target: FuzzTarget) throws {
        let scratch = try TemporaryFolder()
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Found/\(target)")
        for file in (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? [] {
            target.run(Array(try Data(contentsOf: file)), scratch: scratch("scratch"))
        }
    }

    /// A fuzzer for machines without one: seeds with bytes changed, cut out, doubled.
    @Test(arguments: FuzzTarget.allCases) func changedSeedsDoNotTrap(target: FuzzTarget) throws {
        let scratch = try TemporaryFolder()
        var generator = SeededGenerator(seed: 4)
        let seeds = target.seeds
        for _ in 0..<500 {
            var bytes = seeds.randomElement(using: &generator)!
            for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0...3, using: &generator) {
                case 0: bytes[place] = .random(in: 0...255, using: &generator)
                case 1: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &generator)
                case 2: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...9, using: &generator)))
                default: bytes.insert(contentsOf: bytes[place...].prefix(9), at: place)
                }
            }
            target.run(bytes, scratch: scratch("scratch"))
        }
    }
}
