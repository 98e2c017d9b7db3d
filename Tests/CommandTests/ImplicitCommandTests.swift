// Why: implicit feedback from the command line to the model on disk, by real programs.

import Foundation
import TestKit
import Testing

@Suite(.serialized) struct ImplicitCommandTests {
    private static let job = [
        "--rank", "24", "--loss", "implicit", "--confidence", "linear:2", "--unseen-confidence", "0.5",
        "--regularization", "0.1", "--regularization-scaling", "power:0.5", "--sweeps", "3", "--tolerance", "0",
    ]

    @Test func modelsHaveTheSameBytesAndSayHowTheyCameAbout() async throws {
        let folder = try TemporaryFolder()
        try SyntheticRatings.writeStore(to: folder("store"), users: 300, items: 200, ratings: 6000, seed: 71)
        var models: [[Data]] = []
        for (workers, threads) in [(1, 1), (1, 2), (2, 1), (3, 2)] {
            let model = folder("model-\(workers)-\(threads)")
            let output = try await Program.mf.run(
                [
                    "train", "--ratings", folder("store"), "--model", model, "--workers", "\(workers)", "--threads",
                    "\(threads)", "--json",
                ] + Self.job)
            #expect(output.status == 0, "\(output.standardError)")
            #expect(!output.standardOutput.contains("rmse") && output.standardOutput.contains("objective"))
            models.append(
                try ["user_factors.npy", "item_factors.npy", "model.json"].map {
                    try Data(contentsOf: URL(fileURLWithPath: model + "/" + $0))
                })
        }
        for model in models.dropFirst() { #expect(model == models[0]) }
        let description = String(decoding: models[0][2], as: UTF8.self)
        for text in ["linear:2.0", "unseen_confidence", "power:0.5"] { #expect(description.contains(text)) }
        let history = try String(contentsOfFile: folder("model-1-1") + "/training.json", encoding: .utf8)
        #expect(!history.contains("rmse") && history.contains("objective"))
        let inspected = try await Program.mf.run(["inspect", folder("model-1-1")])
        #expect(inspected.status == 0 && inspected.standardOutput.contains("implicit, confidence linear:2.0"))
    }

    @Test(arguments: [
        ["--loss", "implicit", "--confidence", "linear:-3"], ["--loss", "implicit", "--confidence", "lin"],
        ["--loss", "implicit", "--unseen-confidence", "-1"], ["--confidence", "value"], ["--unseen-confidence", "0"],
        ["--loss", "implicit", "--patience", "2"], ["--loss", "implicit", "--center"],
        ["--regularization-scaling", "power:3"],
        ["--loss", "implicit", "--confidence", "value", "--unseen-confidence", "1"], ["--loss", "hinge"],
    ])
    func optionsThatCannotBeAreUsageErrors(options: [String]) async throws {
        let folder = try TemporaryFolder()
        // The least rating is 0.5, half a star: as a confidence it is below that of unseen pairs.
        try SyntheticRatings.writeStore(to: folder("store"), users: 60, items: 40, ratings: 900, seed: 72)
        let output = try await Program.mf.run(
            ["train", "--ratings", folder("store"), "--model", folder("model"), "--sweeps", "1"] + options)
        #expect(output.status == 64, "\(output.standardError)")
        #expect(output.standardError.contains(options.first { $0 != "--loss" && $0 != "implicit" }!))
        #expect(!FileManager.default.fileExists(atPath: folder("model")))
    }
}
