// Why: implicit feedback from the command line to the model on disk, by real programs.

import Foundation
import TestKit
import Testing

@Suite(.serialized) struct ImplicitCommandTests {
    private static let job = [
        "--rank", "24", "--loss", "implicit", "--confidence", "linear:2", "--unseen-confidence", "0.5",
        "--regularization", "0.1", "--regularization-scaling", "power:0.5", "--sweeps", "3", "--tolerance", "0",
    ]
    /// With so little regularization later sweeps fit the noise.
    private static let overfitting = [
        "--rank", "24", "--loss", "implicit", "--regularization", "0.0001", "--regularization-scaling", "none",
        "--sweeps", "40", "--tolerance", "0", "--patience", "2", "--json",
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
            #expect(!output.standardOutput.contains("rmse") && output.standardOutput.contains("validation_ndcg"))
            models.append(
                try ["user_factors.npy", "item_factors.npy", "model.json"].map {
                    try Data(contentsOf: URL(fileURLWithPath: model + "/" + $0))
                })
        }
        for model in models.dropFirst() { #expect(model == models[0]) }
        let description = String(decoding: models[0][2], as: UTF8.self)
        for text in ["linear:2.0", "unseen_confidence", "power:0.5"] { #expect(description.contains(text)) }
        let history = try String(contentsOfFile: folder("model-1-1") + "/training.json", encoding: .utf8)
        #expect(!history.contains("rmse") && history.contains("validation_recall"))
        let inspected = try await Program.mf.run(["inspect", folder("model-1-1")])
        #expect(inspected.status == 0 && inspected.standardOutput.contains("implicit, confidence linear:2.0"))
    }

    private func json(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    @Test func theSweepThatRanksHeldOutItemsBestIsKept() async throws {
        let folder = try TemporaryFolder()
        try SyntheticRatings.writeStore(to: folder("store"), users: 300, items: 200, ratings: 6000, seed: 73)
        let train = ["train", "--ratings", folder("store")] + Self.overfitting
        var models: [Data] = []
        for workers in ["1", "2"] {
            let model = folder("model-" + workers)
            let trained = try await Program.mf.run(train + ["--model", model, "--workers", workers])
            #expect(trained.status == 0, "\(trained.standardError)")
            let report = try json(trained.standardOutput)
            let kept = try #require(report["kept_sweep"] as? Int)
            #expect(report["sweeps"] as? Int == kept + 2 && kept + 2 < 40)
            let history = try json(String(contentsOfFile: model + "/training.json", encoding: .utf8))
            let sweeps = try #require(history["sweeps"] as? [[String: Any]])
            let gains = sweeps.map { $0["validation_ndcg"] as! Double }
            #expect(gains.firstIndex(of: gains.max()!) == kept - 1)
            let recall = try #require(sweeps[kept - 1]["validation_recall"] as? Double)
            #expect(report["validation_ndcg"] as? Double == gains[kept - 1])
            #expect(report["validation_recall"] as? Double == recall)
            // Fewer than a thousand users, so all of them are in the sample.
            let evaluated = try await Program.mf.run([
                "evaluate", "--model", model, "--ratings", folder("store"), "--metrics", "recall@20,ndcg@20", "--json",
            ])
            let metrics = try json(evaluated.standardOutput)
            #expect(abs(try #require(metrics["ndcg@20"] as? Double) - gains[kept - 1]) < 1e-9)
            #expect(abs(try #require(metrics["recall@20"] as? Double) - recall) < 1e-9)
            let inspected = try await Program.mf.run(["inspect", model])
            #expect(inspected.standardOutput.contains("NDCG@20") && !inspected.standardOutput.contains("RMSE"))
            models.append(try Data(contentsOf: URL(fileURLWithPath: model + "/item_factors.npy")))
        }
        #expect(models[0] == models[1])
    }

    /// Killed after the sweep that is kept, and started again.
    @Test func theSweepThatIsKeptSurvivesAKill() async throws {
        let folder = try TemporaryFolder()
        try SyntheticRatings.writeStore(to: folder("store"), users: 300, items: 200, ratings: 6000, seed: 73)
        let train = ["train", "--ratings", folder("store")] + Self.overfitting
        let whole = try await Program.mf.run(train + ["--model", folder("whole")])
        let kept = try #require(try json(whole.standardOutput)["kept_sweep"] as? Int)
        let options = train + ["--model", folder("model"), "--checkpoint", folder("checkpoints"), "--resume"]
        // The users of the sweep after it: the opening half-step, then two a sweep. Each half-step is held up, or so
        // short a job would be over before its checkpoints are on disk.
        let failpoints = "coordinator.halfstep:*=delay,coordinator.halfstep:\(2 * kept + 2)=exit"
        let killed = try await Program.mf.run(options, environment: ["MF_FAILPOINTS": failpoints])
        #expect(killed.status == 70, "\(killed.standardError)")
        let resumed = try await Program.mf.run(options)
        #expect(resumed.status == 0 && resumed.standardError.contains("going on from"), "\(resumed.standardError)")
        #expect(try json(resumed.standardOutput)["kept_sweep"] as? Int == kept)
        for file in ["user_factors.npy", "item_factors.npy"] {
            let (one, other) = (folder("whole") + "/" + file, folder("model") + "/" + file)
            #expect(try Data(contentsOf: URL(fileURLWithPath: one)) == Data(contentsOf: URL(fileURLWithPath: other)))
        }
    }

    @Test func withoutAHoldoutPatienceIsRefused() async throws {
        let folder = try TemporaryFolder()
        let ratings = folder("ratings.csv")
        try "a,x,1\na,y,2\nb,x,1\n".write(toFile: ratings, atomically: true, encoding: .utf8)
        let output = try await Program.mf.run([
            "train", "--ratings", ratings, "--model", folder("model"), "--loss", "implicit", "--patience", "2",
        ])
        #expect(output.status == 64)
        #expect(output.standardError.contains("--patience") && output.standardError.contains("--holdout"))
        #expect(!FileManager.default.fileExists(atPath: folder("model")))
    }

    @Test(arguments: [
        ["--loss", "implicit", "--confidence", "linear:-3"], ["--loss", "implicit", "--confidence", "lin"],
        ["--loss", "implicit", "--unseen-confidence", "-1"], ["--confidence", "value"], ["--unseen-confidence", "0"],
        ["--loss", "implicit", "--center"],
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
