// Why: with `--patience` the model on disk must be the sweep that was best on the held-out ratings, and a person must
// see which that is.

import Foundation
import TestKit
import Testing

@Suite struct EarlyStoppingCommandTests {
    private func json(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    private func generate(_ folder: borrowing TemporaryFolder, holdout: String) async throws {
        let run = try await Program.mf.run([
            "generate", "--users", "300", "--items", "120", "--ratings", "6000", "--holdout", holdout, "--output",
            folder("store"),
        ])
        #expect(run.status == 0, "\(run.standardError)")
    }

    @Test func theSweepThatIsBestOnTheHoldoutIsKept() async throws {
        let folder = try TemporaryFolder()
        try await generate(folder, holdout: "0.1")
        // With so little regularization each sweep past the first few fits the noise.
        let trained = try await Program.mf.run([
            "train", "--ratings", folder("store"), "--model", folder("model"), "--rank", "16", "--regularization",
            "0.02",
            "--sweeps", "30", "--tolerance", "0", "--patience", "2", "--json",
        ])
        #expect(trained.status == 0, "\(trained.standardError)")
        let report = try json(trained.standardOutput)
        let kept = try #require(report["kept_sweep"] as? Int)
        #expect(report["sweeps"] as? Int == kept + 2)
        let history = try json(String(contentsOfFile: folder("model/training.json"), encoding: .utf8))
        let errors = try #require(history["sweeps"] as? [[String: Any]]).map { $0["validation_rmse"] as! Double }
        #expect(errors.count == kept + 2)
        #expect(errors[kept - 1] == errors.min())
        #expect(report["validation_rmse"] as? Double == errors[kept - 1])
        let evaluated = try await Program.mf.run([
            "evaluate", "--model", folder("model"), "--ratings", folder("store"), "--json",
        ])
        let error = try #require(try json(evaluated.standardOutput)["rmse"] as? Double)
        #expect(abs(error - errors[kept - 1]) < 1e-6)
        let inspected = try await Program.mf.run(["inspect", folder("model"), "--json"])
        let description = try json(inspected.standardOutput)["description"] as? [String: Any]
        #expect(description?["kept_sweep"] as? Int == kept)
    }

    @Test func withoutAHoldoutPatienceIsRefused() async throws {
        let folder = try TemporaryFolder()
        try await generate(folder, holdout: "0")
        let run = try await Program.mf.run([
            "train", "--ratings", folder("store"), "--model", folder("model"), "--patience", "2",
        ])
        #expect(run.status == 64)
        #expect(run.standardError.contains("--patience") && run.standardError.contains("--holdout"))
        #expect(!FileManager.default.fileExists(atPath: folder("model")))
    }
}
