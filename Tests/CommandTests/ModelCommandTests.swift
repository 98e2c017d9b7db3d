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
                    workers: [WorkerRecord(name: "gpu1 (host:7)", threads: 4, blocks: 1234)],
                    userRows: [users], itemRows: [items])
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

    @Test func recommendShowsAnUnknownUserWhatIsRatedMostAndSaysSo() async throws {
        let folder = try folderWithModel()
        let run = try await Program.mf.run(["recommend", "--model", folder("model"), "--user", "11", "--count", "2"])
        #expect(run.status == 0, "\(run.standardError)")
        #expect(
            run.standardOutput == """
                The items with the most ratings, for user 11, best first
                rank  item  score
                   1  1     3.000
                   2  2     3.000

                """)
        #expect(run.standardError.hasPrefix("mf: note: \(folder("model")): the model has no user 11; "))
        try Data("11,2,5\n".utf8).write(to: URL(fileURLWithPath: folder("seen.csv")))
        let seen = try await Program.mf.run(
            ["recommend", "--model", folder("model"), "--user", "11", "--seen", folder("seen.csv"), "--json"])
        let report = try json(seen.standardOutput)
        #expect(report["basis"] as? String == "popularity")
        #expect((report["items"] as? [[String: Any]])?.map { $0["item"] as? String } == ["1", "3", "4"])
    }

    @Test func recommendShowsAnUnknownUserTheHighestBiasesOfAModelThatHasSome() async throws {
        let folder = try TemporaryFolder()
        try SyntheticRatings.writeStore(to: folder("store"), users: 50, items: 30, ratings: 600, seed: 3)
        let training = try await Program.mf.run(
            ["train", "--ratings", folder("store"), "--model", folder("model"), "--rank", "2", "--sweeps", "2"])
        try #require(training.status == 0, "\(training.standardError)")
        let arguments = ["recommend", "--model", folder("model"), "--user", "nobody"]
        let plain = try await Program.mf.run(arguments)
        #expect(plain.standardOutput.hasPrefix("The items with the highest biases, for user nobody, best first\n"))
        #expect(plain.standardError.contains("these are the items with the highest biases"))
        let report = try json(try await Program.mf.run(arguments + ["--json"]).standardOutput)
        #expect(report["basis"] as? String == "biases")
        let scores = try #require(report["items"] as? [[String: Any]]).map { $0["score"] as? Double ?? .nan }
        #expect(scores.count == 10 && scores == scores.sorted(by: >) && scores[0] > scores[9])
    }

    @Test func recommendFoldsANewUserIn() async throws {
        let folder = try folderWithModel()
        // Factors of items 2 and 4 are 1 and -1; lambda is 0.08 a rating: u = (2 + 1) / (2 + 0.16).
        try Data("7,2,5\n7,4,2\n".utf8).write(to: URL(fileURLWithPath: folder("mine.csv")))
        let arguments = ["recommend", "--model", folder("model"), "--ratings", folder("mine.csv")]
        let run = try await Program.mf.run(arguments + ["--json"])
        #expect(run.status == 0 && run.standardError == "", "\(run.standardError)")
        let report = try json(run.standardOutput)
        #expect(report["user"] as? String == "7" && report["basis"] as? String == "ratings")
        let items = try #require(report["items"] as? [[String: Any]])
        #expect(items.map { $0["item"] as? String } == ["3", "1"])
        let factor = 3 / 2.16
        for (item, expected) in zip(items, [3 + factor, 3 + factor / 2]) {
            #expect(abs((item["score"] as? Double ?? 0) - expected) < 1e-5)
        }
        let plain = try await Program.mf.run(arguments)
        #expect(plain.standardOutput.hasPrefix("Items for user 7, best first, 2 rated ones left out\n"))
    }

    @Test func recommendSaysWhatItCannotFoldIn() async throws {
        let folder = try folderWithModel()
        try Data("7,2,5\n7,99,2\n8,98,4\n".utf8).write(to: URL(fileURLWithPath: folder("mine.csv")))
        let arguments = ["recommend", "--model", folder("model"), "--ratings", folder("mine.csv")]
        let several = try await Program.mf.run(arguments)
        #expect(several.status == 64)
        #expect(
            several.standardError == "mf: error: \(folder("mine.csv")): has ratings of 2 users; say which with --user\n"
        )
        let missing = try await Program.mf.run(arguments + ["--user", "9"])
        #expect(missing.status == 65 && missing.standardError.contains("has no ratings of user 9"))
        let partly = try await Program.mf.run(arguments + ["--user", "7", "--json"])
        #expect(partly.status == 0 && partly.standardError.contains("does not know 1 of the 2 items"))
        #expect(try json(partly.standardOutput)["basis"] as? String == "ratings")
        let unknown = try await Program.mf.run(arguments + ["--user", "8", "--json"])
        #expect(unknown.status == 0 && unknown.standardError.contains("knows none of the items that user 8 has rated"))
        #expect(try json(unknown.standardOutput)["basis"] as? String == "popularity")
    }

    @Test(arguments: [
        ["recommend", "--model", "m"], ["recommend", "--model", "m", "--user", "1", "--count", "0"],
        ["evaluate", "--model", "m", "--ratings", "r", "--metrics", "ndcg"],
        ["evaluate", "--model", "m", "--ratings", "r", "--fold-in", "1"],
        ["evaluate", "--model", "m", "--ratings", "r", "--fold-in", "0.5", "--seen", "s"],
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

    /// An item's bias says something of the ratings of whoever came after the training.
    @Test func unknownUsersArePredictedByTheBiasesOfItems() async throws {
        let folder = try TemporaryFolder()
        let lines = (0..<400).map { "\($0 / 20),\($0 % 20),\(1 + ($0 * 7 + $0 / 20) % 5)\n" }
        try Data(lines.joined().utf8).write(to: URL(fileURLWithPath: folder("ratings.csv")))
        try Data("900,3,4\n901,5,2\n".utf8).write(to: URL(fileURLWithPath: folder("new.csv")))
        func run(_ arguments: [String]) async throws -> Program.Output { try await Program.mf.run(arguments) }
        for seed in ["1", "2"] {
            let output = try await run([
                "import", "--input", folder("ratings.csv"), "--holdout", "0.2", "--seed", seed, "--output",
                folder(seed),
            ])
            try #require(output.status == 0, "\(output.standardError)")
        }
        try #require(
            try await run(["train", "--ratings", folder("1"), "--model", folder("m"), "--rank", "2"]).status == 0)
        let judged = ["evaluate", "--model", folder("m"), "--ratings"]
        let report = try await run(judged + [folder("new.csv"), "--json"])
        #expect(report.status == 0, "\(report.standardError)")
        #expect(try json(report.standardOutput)["unknown"] as? Int == 2)
        // Of a store that was split otherwise, a part was trained on.
        let own = try await run(judged + [folder("1")])
        #expect(own.status == 0 && own.standardError.isEmpty, "\(own.standardError)")
        #expect(
            try await run(judged + [folder("2")]).standardError.contains(
                "is not the store that the model was trained on"))
    }

    @Test func evaluateRanksUnseenItemsOfAStore() async throws {
        let folder = try folderWithModel()
        // User 10 likes 2 = 3 > 1 > 4, user 20 the other way round.
        try RatingStore.inMemory(
            [Rating(user: "10", item: "2", value: 4), Rating(user: "20", item: "1", value: 2)],
            holdout: [Rating(user: "10", item: "1", value: 5), Rating(user: "20", item: "4", value: 3)]
        ).save(to: folder("store"))
        let arguments = ["evaluate", "--model", folder("model"), "--ratings", folder("store")]
        let metrics = ["--metrics", "mrr@10,precision@1,auc,coverage@1"]
        let all = try await Program.mf.run(arguments + metrics + ["--json"])
        #expect(all.status == 0, "\(all.standardError)")
        let report = try json(all.standardOutput)
        #expect(
            Set(report.keys) == ["mrr@10", "precision@1", "auc", "coverage@1", "users", "relevant", "unknown_users"])
        #expect(report["mrr@10"] as? Double == 0.75 && report["precision@1"] as? Double == 0.5)
        #expect(report["auc"] as? Double == 0.75 && report["coverage@1"] as? Double == 0.5)
        #expect(report["users"] as? Int == 2 && report["relevant"] as? Int == 2 && report["unknown_users"] as? Int == 0)
        let good = try json(
            try await Program.mf.run(arguments + metrics + ["--relevant-from", "4", "--json"]).standardOutput)
        #expect(good["users"] as? Int == 1 && good["mrr@10"] as? Double == 0.5)
        let plain = try await Program.mf.run(arguments + ["--metrics", "mae,mrr@10"])
        #expect(
            plain.standardOutput == """
                Compared with the held-out ratings of \(folder("store")): 2
                Ranked unseen items for 2 users, 2 of the held-out ratings of \(folder("store")) to be found
                mae     1.250000
                mrr@10  0.750000

                """)
        let none = try await Program.mf.run(arguments + ["--metrics", "mrr@10", "--relevant-from", "9"])
        #expect(none.status == 65 && none.standardError.contains("no user has items to be found"))
    }

    @Test func evaluateLeavesOutWhatAnotherFileSaysIsSeen() async throws {
        let folder = try folderWithModel()
        try Data("10,1,5\n99,1,5\n".utf8).write(to: URL(fileURLWithPath: folder("test.csv")))
        try Data("20,1,5\n10,2,5\n".utf8).write(to: URL(fileURLWithPath: folder("train.csv")))
        let arguments = [
            "evaluate", "--model", folder("model"), "--ratings", folder("test.csv"), "--metrics", "mrr@10",
        ]
        let bare = try await Program.mf.run(arguments)
        #expect(bare.standardOutput.contains("seen ones too") && bare.standardOutput.contains("mrr@10  0.333333"))
        #expect(bare.standardOutput.contains("left out 1 user unknown to the model"))
        let without = try await Program.mf.run(arguments + ["--seen", folder("train.csv")])
        #expect(without.standardOutput.contains("mrr@10  0.500000"), "\(without.standardError)")
    }

    @Test func evaluateFoldsNewUsersIn() async throws {
        let folder = try folderWithModel()
        let text = (50..<60).map { "\($0),1,5\n\($0),2,5\n\($0),3,5\n\($0),4,1\n" }.joined() + "10,1,5\n"
        try Data(text.utf8).write(to: URL(fileURLWithPath: folder("new.csv")))
        let arguments = [
            "evaluate", "--model", folder("model"), "--ratings", folder("new.csv"), "--fold-in", "0.75", "--metrics",
            "rmse,recall@1", "--json",
        ]
        let run = try await Program.mf.run(arguments)
        #expect(run.status == 0, "\(run.standardError)")
        let report = try json(run.standardOutput)
        #expect(report["ratings"] as? Int == 10 && report["unknown"] as? Int == 0)
        // One item is left for each.
        #expect(report["users"] as? Int == 10 && report["recall@1"] as? Double == 1)
        #expect(report["folded_known_users"] as? Int == 1)
        // Worse than this it would be without factors: a constant 3 is off by 2.
        #expect(report["rmse"] as? Double ?? 9 < 1.5)
        #expect(try await Program.mf.run(arguments).standardOutput == run.standardOutput)
        let other = try await Program.mf.run(arguments + ["--seed", "2"])
        #expect(other.standardOutput != run.standardOutput)
    }

    @Test func evaluateAgreesWithWhatTrainingReportedOfTheHoldout() async throws {
        let folder = try TemporaryFolder()
        try SyntheticRatings.writeStore(to: folder("store"), users: 300, items: 200, ratings: 9000, seed: 8)
        let trained = try await Program.mf.run(
            [
                "train", "--ratings", folder("store"), "--model", folder("model"), "--rank", "4", "--sweeps", "3",
                "--json",
            ])
        #expect(trained.status == 0, "\(trained.standardError)")
        let evaluated = try await Program.mf.run([
            "evaluate", "--model", folder("model"), "--ratings", folder("store"), "--json",
        ])
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
        for line in [
            "rank            1", "solver          auto",
            "sweeps          1 of at most 3: all that were asked for", "checksums       valid",
        ] {
            #expect(run.standardOutput.contains(line + "\n"), "\(line) in \(run.standardOutput)")
        }
        #expect(run.standardOutput.contains("1234.5"))
        #expect(run.standardOutput.contains(/\ngpu1 \(host:7\) +4 +1,234\n/))
        #expect(run.standardOutput.contains(/\nprecision       (fp32|bf16), \w+ kernels\n/))
        let report = try json(try await Program.mf.run(["inspect", folder("model"), "--json"]).standardOutput)
        #expect(report["kind"] as? String == "model")
        #expect((report["description"] as? [String: Any])?["users"] as? Int == 2)
        #expect((report["sweeps"] as? [[String: Any]])?.count == 1)
        #expect((report["workers"] as? [[String: Any]])?.first?["name"] as? String == "gpu1 (host:7)")
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
