// Why: `mf evaluate`, `mf recommend` and `mf inspect` as a person meets them: what they print, and how they fail.

import Foundation
import Model
import Ratings
import TestKit
import Testing
import Training

@Suite struct ModelCommandTests {
    /// A model of users 10 and 20 and films 1 to 4, rank 1, whose predictions are 3 + u v.
    private func folderWithModel() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try [Float(1), -1].withUnsafeBufferPointer { users in
            try [Float(0.5), 1, 1, -1].withUnsafeBufferPointer { items in
                try FactorModel.write(
                    to: folder("model"), configuration: JobConfiguration(rank: 1, sweeps: 3), intercept: 3,
                    kernelLevel: "portable", storeFingerprint: "none", converged: false,
                    userIDs: IDMap(integers: [10, 20]), itemIDs: IDMap(integers: [1, 2, 3, 4]),
                    sweeps: [
                        SweepRecord(
                            sweep: 1, objective: 1234.5, trainRMSE: 0.75, validationRMSE: nil, userSeconds: 1,
                            itemSeconds: 2, bytesSent: 3_000_000, bytesReceived: 0, workers: 2)
                    ],
                    userFactors: [users], itemFactors: [items])
            }
        }
        return folder
    }

    private func json(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    // MARK: recommend

    @Test func recommendPrintsATable() async throws {
        let folder = try folderWithModel()
        try Data("1::One\n2::Two \u{1B}[31m(2002)\n4::Four\n".utf8).write(to: URL(fileURLWithPath: folder("titles")))
        let run = try await Program.mf.run(
            ["recommend", "--model", folder("model"), "--user", "10", "--titles", folder("titles")])
        #expect(run.status == 0, "\(run.standardError)")
        #expect(
            run.standardOutput == """
                Items for user 10, best first
                rank  item  title            score
                   1  2     Two \u{FFFD}[31m(2002)  4.000
                   2  3     -                4.000
                   3  1     One              3.500
                   4  4     Four             2.000

                """)
    }

    @Test func recommendPrintsJSON() async throws {
        let folder = try folderWithModel()
        let run = try await Program.mf.run(
            ["recommend", "--model", folder("model"), "--user", "20", "--count", "2", "--json"])
        #expect(run.status == 0, "\(run.standardError)")
        let report = try json(run.standardOutput)
        let items = try #require(report["items"] as? [[String: Any]])
        #expect(report["user"] as? String == "20")
        #expect(items.map { $0["item"] as? String } == ["4", "1"])
        #expect(items.map { $0["score"] as? Double } == [4, 2.5])
        #expect(items.map { $0["rank"] as? Int } == [1, 2])
    }

    @Test func recommendLeavesOutWhatWasSeenInAFileOrAStore() async throws {
        let folder = try folderWithModel()
        try Data("20,2,5\n10,3,4\n10,1,2\n99,4,1\n".utf8).write(to: URL(fileURLWithPath: folder("ratings.csv")))
        try RatingStore.inMemory(
            [Rating(user: "10", item: "3", value: 4), Rating(user: "20", item: "2", value: 5)],
            holdout: [Rating(user: "10", item: "1", value: 2)]
        ).save(to: folder("store"))
        for seen in ["ratings.csv", "store"] {
            let run = try await Program.mf.run(
                ["recommend", "--model", folder("model"), "--user", "10", "--seen", folder(seen), "--json"])
            #expect(run.status == 0, "\(run.standardError)")
            let items = try #require(try json(run.standardOutput)["items"] as? [[String: Any]])
            #expect(items.map { $0["item"] as? String } == ["2", "4"], "\(seen)")
        }
    }

    @Test func recommendFailsClearlyForAnUnknownUser() async throws {
        let folder = try folderWithModel()
        let run = try await Program.mf.run(["recommend", "--model", folder("model"), "--user", "11"])
        #expect(run.status == 65)
        #expect(run.standardOutput == "")
        #expect(
            run.standardError == "mf: error: \(folder("model")): the model has no user 11; "
                + "give one of the 2 user ids of the ratings it was trained on\n")
    }

    @Test(arguments: [
        ["recommend", "--model", "m"], ["recommend", "--model", "m", "--user", "1", "--count", "0"],
        ["evaluate", "--model", "m", "--ratings", "r", "--metrics", "rmse,nonsense"], ["inspect"],
    ])
    func wrongUsageIs64(arguments: [String]) async throws {
        let run = try await Program.mf.run(arguments)
        #expect(run.status == 64)
        #expect(run.standardError != "")
    }

    // MARK: evaluate

    @Test func evaluateReportsTheMetricsAskedForAndNoOthers() async throws {
        let folder = try folderWithModel()
        // Predictions 4, 2 and 3 (unknown item); errors 1, 0.5 and 2.
        try Data("10,2,5\n20,3,2.5\n20,77,5\n".utf8).write(to: URL(fileURLWithPath: folder("ratings.csv")))
        let arguments = ["evaluate", "--model", folder("model"), "--ratings", folder("ratings.csv")]
        let all = try json(try await Program.mf.run(arguments + ["--json"]).standardOutput)
        #expect(Set(all.keys) == ["rmse", "mae", "ratings", "unknown"])
        #expect(abs((all["rmse"] as? Double ?? 0) - (5.25 / 3).squareRoot()) < 1e-12)
        #expect(abs((all["mae"] as? Double ?? 0) - 3.5 / 3) < 1e-12)
        #expect(all["ratings"] as? Int == 3)
        #expect(all["unknown"] as? Int == 1)
        let one = try json(try await Program.mf.run(arguments + ["--json", "--metrics", "mae"]).standardOutput)
        #expect(Set(one.keys) == ["mae", "ratings", "unknown"])
        let plain = try await Program.mf.run(arguments)
        #expect(
            plain.standardOutput == """
                Compared with all ratings of \(folder("ratings.csv")): 3, 1 of them unknown to the model
                rmse  1.322876
                mae   1.166667

                """)
    }

    @Test func evaluateAgreesWithWhatTrainingReportedOfTheHoldout() async throws {
        let folder = try TemporaryFolder()
        try SyntheticRatings.writeStore(to: folder("store"), users: 300, items: 200, ratings: 9000, seed: 8)
        let trained = try await Program.mf.run(
            ["train", "--ratings", folder("store"), "--model", folder("model"), "--rank", "4", "--sweeps", "3", "--json"])
        #expect(trained.status == 0, "\(trained.standardError)")
        let evaluated = try await Program.mf.run(["evaluate", "--model", folder("model"), "--ratings", folder("store"), "--json"])
        #expect(evaluated.status == 0, "\(evaluated.standardError)")
        let reported = try #require(try json(trained.standardOutput)["validation_rmse"] as? Double)
        let found = try #require(try json(evaluated.standardOutput)["rmse"] as? Double)
        // The workers predict in single precision.
        #expect(abs(reported - found) < 1e-5 * found)
        let plain = try await Program.mf.run(["evaluate", "--model", folder("model"), "--ratings", folder("store")])
        #expect(plain.standardOutput.hasPrefix("Compared with the held-out ratings of "))
    }

    // MARK: inspect

    @Test func inspectDescribesAModel() async throws {
        let folder = try folderWithModel()
        let run = try await Program.mf.run(["inspect", folder("model")])
        #expect(run.status == 0, "\(run.standardError)")
        for line in ["rank            1", "solver          auto",
            "sweeps          1 of at most 3: all that were asked for", "checksums       valid"] {
            #expect(run.standardOutput.contains(line + "\n"), "\(line) in \(run.standardOutput)")
        }
        #expect(run.standardOutput.contains("1234.5"))
        #expect(run.standardOutput.contains(/\nprecision       (fp32|bf16), \w+ kernels\n/))
        let report = try json(try await Program.mf.run(["inspect", folder("model"), "--json"]).standardOutput)
        #expect(report["kind"] as? String == "model")
        #expect((report["description"] as? [String: Any])?["users"] as? Int == 2)
        #expect((report["sweeps"] as? [[String: Any]])?.count == 1)
    }

    @Test func inspectDescribesAStore() async throws {
        let folder = try TemporaryFolder()
        try RatingStore.inMemory(
            [Rating(user: "u", item: "3", value: 4.5), Rating(user: "v", item: "2", value: 1)],
            holdout: [Rating(user: "u", item: "2", value: 2)]
        ).save(to: folder("store"))
        let run = try await Program.mf.run(["inspect", folder("store")])
        #expect(run.status == 0, "\(run.standardError)")
        for line in [
            "users         2 (strings as ids)", "items         2 (integers as ids)",
            "ratings       2, from 1.0 to 4.5, mean 2.7500", "held out      1", "density       75%",
            "values        uint8, in units of 1/2", "checksums     valid",
        ] {
            #expect(run.standardOutput.contains(line + "\n"), "\(line) in \(run.standardOutput)")
        }
        let report = try json(try await Program.mf.run(["inspect", folder("store"), "--json"]).standardOutput)
        #expect(report["kind"] as? String == "store")
        #expect(report["density"] as? Double == 0.75)
        #expect((report["description"] as? [String: Any])?["ratings"] as? Int == 2)
    }

    @Test func inspectRefusesWhatIsMissingForeignHalfWrittenOrDamaged() async throws {
        let folder = try folderWithModel()
        let nothing = try await Program.mf.run(["inspect", folder("nothing")])
        #expect(nothing.status == 66)
        let foreign = try await Program.mf.run(["inspect", folder.path])
        #expect(foreign.status == 65)
        #expect(foreign.standardError.contains("holds no store.json or model.json"))

        let factors = URL(fileURLWithPath: folder("model/item_factors.npy"))
        var bytes = try Data(contentsOf: factors)
        bytes[bytes.count - 1] ^= 1
        try bytes.write(to: factors)
        for arguments in [["inspect", folder("model")], ["recommend", "--model", folder("model"), "--user", "10"]] {
            let damaged = try await Program.mf.run(arguments)
            #expect(damaged.status == 65)
            #expect(damaged.standardError.contains("item_factors.npy"))
        }

        try FileManager.default.removeItem(atPath: folder("model/model.json"))
        let halfWritten = try await Program.mf.run(["inspect", folder("model")])
        #expect(halfWritten.status == 65)
        #expect(halfWritten.standardError.contains("was never finished"))
    }
}
