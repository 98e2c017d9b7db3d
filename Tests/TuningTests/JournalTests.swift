// Why: a search goes on only with what is its own, and touches nothing else.

import ArrayFiles
import Failures
import Foundation
import TestKit
import Testing
import Training
import Tuning

@Suite struct JournalTests {
    private func search(rank: Int = 8, seed: UInt64 = 1) -> SearchDescription {
        SearchDescription(
            storeFingerprint: "f", configurations: [JobConfiguration(rank: rank)], folds: 3, foldsTried: 3, seed: seed,
            metric: "rmse")
    }

    @Test func keepsTrials() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/search"
            let trial = Trial(
                candidate: 0, fold: 2, value: 0.9, sweeps: 5, keptSweep: 3, kernels: "avx2", seconds: 0.25)
            let failed = Trial(candidate: 0, fold: 1, failure: "singular", seconds: 0.5)
            do {
                let journal = try Journal(path: path, of: search(), resumes: false)
                try journal.keep(trial)
                try journal.keep(failed)
            }
            let again = try Journal(path: path, of: search(), resumes: true)
            #expect(again.trial(0, fold: 2) == trial && again.trial(0, fold: 1) == failed)
            #expect(again.trial(0, fold: 0) == nil)
            // What is damaged is tried again.
            let file = path + "/trial-00000-2.json"
            var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
            bytes[bytes.count - 5] ^= 1
            try bytes.write(to: URL(fileURLWithPath: file))
            #expect(again.trial(0, fold: 2) == nil)
        }
    }

    /// What two searches would do to each other that begin in the same folder at once.
    @Test func nothingIsWrittenWhereAnotherIsAtWork() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/search"
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
            let other = try FileLock(path: path + "/lock", taken: Failure(.software, "it was free"))
            let failure = #expect(throws: Failure.self) { try Journal(path: path, of: search(), resumes: false) }
            #expect(failure?.kind == .tryAgain)
            #expect(try FileManager.default.contentsOfDirectory(atPath: path) == ["lock"])
            withExtendedLifetime(other) {}
        }
    }

    /// A checksum proves nothing of who wrote a file.
    @Test func passesOverWhatNoSearchHasWritten() throws {
        try withTemporaryFolder { folder in
            let journal = try Journal(path: folder + "/search", of: search(), resumes: false)
            for trial in [
                Trial(candidate: 0, fold: 0), Trial(candidate: 0, fold: 0, value: 1, failure: "singular"),
                Trial(candidate: 0, fold: 0, value: 1, sweeps: .max, keptSweep: .max),
                Trial(candidate: 0, fold: 0, value: 1, sweeps: 3, keptSweep: 0),
                Trial(candidate: 0, fold: 0, value: 1, seconds: -1),
            ] {
                try journal.keep(trial)
                #expect(journal.trial(0, fold: 0) == nil)
            }
        }
    }

    @Test func refusesWhatIsAnothers() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/search"
            _ = try Journal(path: path, of: search(), resumes: false)
            #expect(throws: Failure.self) { try Journal(path: path, of: search(), resumes: false) }
            let rank = #expect(throws: Failure.self) { try Journal(path: path, of: search(rank: 9), resumes: true) }
            #expect(rank?.what.contains("the candidates") == true)
            let seed = #expect(throws: Failure.self) { try Journal(path: path, of: search(seed: 2), resumes: true) }
            #expect(seed?.what.contains("--tuning-seed") == true)
            try FileManager.default.createDirectory(atPath: folder + "/other", withIntermediateDirectories: false)
            try Data([1]).write(to: URL(fileURLWithPath: folder + "/other/mine"))
            let foreign = #expect(throws: Failure.self) {
                try Journal(path: folder + "/other", of: search(), resumes: true)
            }
            #expect(foreign?.kind == .cannotCreate)
        }
    }
}
