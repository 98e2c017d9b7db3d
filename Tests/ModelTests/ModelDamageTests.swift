// Why: a damaged model must be an error that names the file, and never a wrong prediction.

import ArrayFiles
import Failures
import Foundation
import Model
import TestKit
import Testing

@Suite struct ModelDamageTests {
    private static let files = [
        "item_factors.npy", "item_ids.txt", "model.json", "training.json", "user_factors.npy", "user_ids.npy",
    ]

    private func withModelDirectory(_ body: (String) throws -> Void) throws {
        try withTemporaryFolder { folder in
            try ModelFixture(users: 4, items: 3, rank: 2, seed: 3).write(to: folder + "/model")
            try body(folder + "/model")
        }
    }

    private func failure(opening path: String, _ comment: String = "") -> Failure? {
        #expect(throws: Failure.self, "\(comment)") { try FactorModel.open(path) }
    }

    @Test(arguments: files)
    func aMissingFileIsAnError(file: String) throws {
        try withModelDirectory { path in
            try FileManager.default.removeItem(atPath: path + "/" + file)
            let failure = failure(opening: path)
            #expect(failure?.kind == (file == "model.json" ? .badData : .noInput))
            #expect(failure?.description.contains(file) == true)
            #expect(failure?.remedy != "")
        }
    }

    @Test(arguments: files)
    func everyChangedByteAndEveryCutIsFound(file: String) throws {
        try withModelDirectory { path in
            let whole = try bytes(of: path + "/" + file)
            for place in whole.indices {
                for change in [1 << (place % 8), 0xFF] {
                    var damaged = whole
                    damaged[place] ^= UInt8(change)
                    try overwrite(path + "/" + file, damaged)
                    let failure = failure(opening: path, "byte \(place) ^ \(change)")
                    #expect(failure?.kind == .badData, "byte \(place) ^ \(change)")
                    #expect(failure?.place.hasPrefix(path + "/" + file) == true, "byte \(place) ^ \(change)")
                }
                try overwrite(path + "/" + file, Array(whole.prefix(place)))
                #expect(failure(opening: path, "cut to \(place)")?.kind == .badData)
            }
            try overwrite(path + "/" + file, whole + [0])
            #expect(failure(opening: path, "a byte more")?.kind == .badData)
            try overwrite(path + "/" + file, whole)
            _ = try FactorModel.open(path)
        }
    }

    @Test func aModelOfAnotherVersionIsRefusedByName() throws {
        struct NextModel: SealedDocument {
            static let format = "swift-mf model"
            static let formatVersion = 2
        }
        try withModelDirectory { path in
            try FileManager.default.removeItem(atPath: path + "/model.json")
            try SealedJSON.write(NextModel(), to: path + "/model.json")
            let failure = failure(opening: path)
            #expect(failure?.kind == .badData)
            #expect(failure?.what.contains("version 2") == true)
        }
    }

    @Test(arguments: [Float.nan, .infinity])
    func factorsThatAreNotFiniteAreRefusedEvenWithARightChecksum(value: Float) throws {
        try withModelDirectory { path in
            let model = try FactorModel.open(path)
            var factors = Array(model.userFactors.elements)
            factors[5] = value
            var description = model.description
            try FileManager.default.removeItem(atPath: path + "/user_factors.npy")
            description.checksums["user_factors.npy"] = Checksum.text(
                try ArrayWriter.write(factors, shape: [4, 2], to: path + "/user_factors.npy"))
            try reseal(description, in: path)
            let failure = failure(opening: path)
            #expect(failure?.kind == .badData)
            #expect(failure?.what == "the factors of row 2 are not finite numbers")
        }
    }

    @Test func aDescriptionThatDoesNotFitItsFilesIsRefused() throws {
        let changes: [(inout ModelDescription) -> Void] = [
            { $0.users += 1 }, { $0.users = -4 }, { $0.items = Int.max }, { $0.rank = 4 }, { $0.rank = 0 },
            { $0.configuration.rank = 3 }, { $0.checksums["user_factors.npy"] = nil }, { $0.userIDs = .strings },
        ]
        for (number, change) in changes.enumerated() {
            try withModelDirectory { path in
                var description = try FactorModel.open(path).description
                change(&description)
                try reseal(description, in: path)
                let kind = failure(opening: path, "change \(number)")?.kind
                #expect(kind == .badData || kind == .noInput, "change \(number)")
            }
        }
    }

    /// Whatever the checksum says, options out of their range are refused by name.
    @Test func optionsOutOfTheirRangeAreRefusedByName() throws {
        let changes: [(String, (inout ModelDescription) -> Void)] = [
            ("the rank is 4097", { ($0.rank, $0.configuration.rank) = (4097, 4097) }),
            ("the rank is", { ($0.rank, $0.configuration.rank) = (.max, .max) }),
            ("rank 0", { ($0.rank, $0.configuration.rank) = (0, 0) }),
            ("the regularization is -1.0", { $0.configuration.regularization = -1 }),
            ("the number of sweeps is 0", { $0.configuration.sweeps = 0 }),
            ("the number of sweeps is 9223372036854775807", { $0.configuration.sweeps = .max }),
            ("the number of steps is 9223372036854775807", { $0.configuration.conjugateGradientSteps = .max }),
            ("the tolerance is 1.0", { $0.configuration.tolerance = 1 }),
            ("the patience is -5", { $0.configuration.patience = -5 }),
            ("the regularization of the biases is 1e+300", { $0.configuration.biasRegularization = 1e300 }),
            ("16 sweeps", { $0.sweeps = 16 }), ("-2 sweeps", { $0.sweeps = -2 }),
            ("of which 3 is kept", { $0.keptSweep = 3 }), ("of which 0 is kept", { $0.keptSweep = 0 }),
            ("users", { $0.users = .max }), ("items", { $0.items = -1 }),
            ("has 2 sweeps, not 1", { $0.sweeps = 1 }),
        ]
        for (what, change) in changes {
            try withModelDirectory { path in
                var description = try FactorModel.open(path).description
                change(&description)
                try reseal(description, in: path)
                let failure = failure(opening: path, what)
                #expect(failure?.kind == .badData)
                #expect(failure?.what.contains(what) == true, "\(what): \(failure?.what ?? "")")
            }
        }
    }

    private func reseal(_ description: ModelDescription, in path: String) throws {
        try FileManager.default.removeItem(atPath: path + "/model.json")
        try SealedJSON.write(description, to: path + "/model.json")
    }

    @Test func aFolderThatWasNeverFinishedIsRefused() throws {
        try withModelDirectory { path in
            // What a writer that was killed leaves behind: everything but the marker, which comes last.
            try FileManager.default.removeItem(atPath: path + "/model.json")
            let failure = failure(opening: path)
            #expect(failure?.kind == .badData)
            #expect(failure?.what == "holds no model.json, so it is not a model or was never finished")
        }
    }

    @Test func nothingThereAndAFileThereAreToldApart() throws {
        try withTemporaryFolder { folder in
            #expect(failure(opening: folder + "/nothing")?.kind == .noInput)
            try overwrite(folder + "/file", [1, 2, 3])
            #expect(failure(opening: folder + "/file")?.kind == .badData)
            #expect(failure(opening: folder)?.kind == .badData)
        }
    }
}
