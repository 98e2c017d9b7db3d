// Why: what a model looks like on disk is a promise to NumPy users and to later releases.

import ArrayFiles
import Failures
import Foundation
import Model
import Ratings
import TestKit
import Testing
import Training

@Suite struct ModelFileTests {
    private let fixture = ModelFixture(users: 5, items: 3, rank: 3, seed: 1)

    @Test func readsBackWhatWasWritten() throws {
        try fixture.withModel { model in
            #expect(model.userFactors.shape == [5, 3])
            #expect(model.itemFactors.shape == [3, 3])
            #expect(Array(model.userFactors.elements) == fixture.userFactors)
            #expect(Array(model.itemFactors.elements) == fixture.itemFactors)
            #expect((0..<5).map(model.userIDs.id) == ["1000", "1007", "1014", "1021", "1028"])
            #expect((0..<3).map(model.itemIDs.id) == ["item-0", "item-1", "item-2"])
            #expect(model.sweeps == fixture.sweeps)
            #expect(model.workers == fixture.workers)
            #expect(model.intercept == 3.5)
            #expect(model.description.configuration == fixture.configuration)
            #expect(model.description.kernelLevel == "portable")
            #expect(model.description.storeFingerprint == "00112233")
            #expect(model.description.sweeps == 2)
            #expect(model.description.converged)
        }
    }

    @Test func factorsAreNumPyArraysByteForByte() throws {
        try withTemporaryFolder { folder in
            try fixture.write(to: folder + "/model")
            // NumPy format 1.0: signature, version, length of the text, text up to byte 128, then the elements.
            let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (5, 3), }"
            var expected: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0, 118, 0]
            expected += Array(text.utf8) + [UInt8](repeating: 0x20, count: 117 - text.utf8.count) + [0x0A]
            for factor in fixture.userFactors {
                expected += (0..<4).map { UInt8(truncatingIfNeeded: factor.bitPattern >> (8 * UInt32($0))) }
            }
            #expect(try bytes(of: folder + "/model/user_factors.npy") == expected)
        }
    }

    @Test func theDescriptionHasTheDocumentedKeys() throws {
        try withTemporaryFolder { folder in
            try fixture.write(to: folder + "/model")
            let object = try #require(
                try JSONSerialization.jsonObject(with: Data(bytes(of: folder + "/model/model.json"))) as? [String: Any])
            #expect(
                Set(object.keys) == [
                    "checksum", "checksums", "configuration", "converged", "format", "format_version", "intercept",
                    "item_ids", "items", "kernel_level", "rank", "store_fingerprint", "sweeps", "user_ids", "users",
                ])
            #expect(object["format"] as? String == "swift-mf model")
            #expect(object["format_version"] as? Int == 1)
            #expect((object["configuration"] as? [String: Any])?["regularization_scaling"] as? String == "count")
            #expect(object["user_ids"] as? String == "integers")
            #expect(object["item_ids"] as? String == "strings")
            let checksums = try #require(object["checksums"] as? [String: String])
            #expect(Set(checksums.keys) == ["user_factors.npy", "item_factors.npy", "user_ids.npy", "item_ids.txt"])

            let history = try #require(
                try JSONSerialization.jsonObject(with: Data(bytes(of: folder + "/model/training.json")))
                    as? [String: Any])
            let sweeps = try #require(history["sweeps"] as? [[String: Any]])
            #expect(sweeps.count == 2)
            #expect(sweeps[0]["validation_rmse"] as? Double == 0.95)
            #expect(sweeps[1]["bytes_sent"] as? Int == 3)
            let workers = try #require(history["workers"] as? [[String: Any]])
            #expect(workers.map { $0["name"] as? String } == ["gpu1 (host:7)", "gpu2 (host:8)"])
            #expect(workers.map { $0["threads"] as? Int } == [2, 1])
            #expect(workers.map { $0["blocks"] as? Int } == [41, 23])
        }
    }

    @Test func equalJobsGiveEqualBytesHoweverTheFactorsWereCutWhoeverMadeThemAndHoweverLongItTook() throws {
        try withTemporaryFolder { folder in
            try fixture.write(to: folder + "/a", rowsPerRun: 1)
            var slower = fixture
            slower.sweeps[0].userSeconds = 99
            slower.workers.removeLast()
            try slower.write(to: folder + "/b", rowsPerRun: 4)
            let files = try files(in: folder + "/a")
            #expect(
                files == [
                    "item_factors.npy", "item_ids.txt", "model.json", "training.json", "user_factors.npy",
                    "user_ids.npy",
                ])
            for file in files where file != "training.json" {
                #expect(try bytes(of: folder + "/a/" + file) == bytes(of: folder + "/b/" + file), "\(file)")
            }
        }
    }

    /// What was written before workers were named.
    @Test func aHistoryWithoutWorkersIsRead() throws {
        struct OlderHistory: SealedDocument {
            static let format = TrainingHistory.format
            static let formatVersion = TrainingHistory.formatVersion
            var sweeps: [SweepRecord]
        }
        try withTemporaryFolder { folder in
            try fixture.write(to: folder + "/model")
            try FileManager.default.removeItem(atPath: folder + "/model/training.json")
            try SealedJSON.write(OlderHistory(sweeps: fixture.sweeps), to: folder + "/model/training.json")
            let model = try FactorModel.open(folder + "/model")
            #expect(model.sweeps == fixture.sweeps && model.workers == [])
        }
    }

    @Test func replacesAnOlderModelAndLeavesNothingBeside() throws {
        try withTemporaryFolder { folder in
            try fixture.write(to: folder + "/model")
            let other = ModelFixture(users: 2, items: 2, rank: 1, seed: 2)
            try other.write(to: folder + "/model")
            #expect(try FactorModel.open(folder + "/model").userCount == 2)
            #expect(try files(in: folder) == ["model"])
        }
    }

    @Test func neverReplacesAFolderThatIsNoModel() throws {
        try withTemporaryFolder { folder in
            try FileManager.default.createDirectory(atPath: folder + "/photos", withIntermediateDirectories: false)
            try overwrite(folder + "/photos/cat.jpg", [1])
            let failure = #expect(throws: Failure.self) { try fixture.write(to: folder + "/photos") }
            #expect(failure?.kind == .cannotCreate)
            #expect(try bytes(of: folder + "/photos/cat.jpg") == [1])
        }
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity])
    func refusesToWriteFactorsThatAreNotFinite(value: Float) throws {
        try withTemporaryFolder { folder in
            var broken = fixture
            broken.itemFactors[2 * 3 + 1] = value
            let failure = #expect(throws: Failure.self) { try broken.write(to: folder + "/model") }
            #expect(failure?.kind == .software)
            #expect(failure?.what == "the factors of row 2 are not finite numbers")
            let left = try files(in: folder)
            #expect(left.isEmpty)
        }
    }

    @Test func refusesToWriteAnInterceptThatIsNotFinite() throws {
        try withTemporaryFolder { folder in
            var broken = fixture
            broken.intercept = .nan
            let failure = #expect(throws: Failure.self) { try broken.write(to: folder + "/model") }
            #expect(failure?.kind == .software)
            let left = try files(in: folder)
            #expect(left.isEmpty)
        }
    }
}
