// Why: what was once found stays found, and the targets that a fuzzer is given do read what is right.

import Foundation
import FuzzTargets
import TestKit
import Testing

@Suite struct FuzzTests {
    @Test(arguments: FuzzTarget.allCases) func seedsAreAccepted(target: FuzzTarget) throws {
        let scratch = try TemporaryFolder()
        for (index, seed) in try target.seeds(scratch: scratch.path).enumerated() {
            #expect(target.run(seed, scratch: scratch.path), "seed \(index)")
        }
    }

    /// Inputs that a fuzzer found, and those that a person thought of, one a file; see deploy/fuzz.sh.
    @Test(arguments: FuzzTarget.allCases) func hostileInputsAreRefused(target: FuzzTarget) throws {
        let scratch = try TemporaryFolder()
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let folder = tests.appendingPathComponent("Hostile/\(target)")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        #expect(files.count >= 5, "there are none in \(folder.path)")
        for file in files {
            #expect(!target.run(Array(try Data(contentsOf: file)), scratch: scratch.path), "\(file.lastPathComponent)")
        }
    }

    /// A fuzzer for machines without one: seeds with bytes changed, cut out, doubled.
    @Test(arguments: FuzzTarget.allCases) func changedSeedsDoNotTrap(target: FuzzTarget) throws {
        let scratch = try TemporaryFolder()
        var generator = SeededGenerator(seed: 4)
        let seeds = try target.seeds(scratch: scratch.path)
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
            target.run(bytes, scratch: scratch.path)
        }
    }
}
