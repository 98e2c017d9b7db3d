// Why: `mf recommend`, `mf inspect` and `mf evaluate` as a person meets them: what they print, and how they fail.

import Foundation
import Model
import Ratings
import TestKit
import Testing
import Training

@Suite struct ModelCommandTests {
    /// A model of users 10 and 20 and films 1 to 4, rank 1, whose predictions are 3 + u v.
    private func withModel(_ body: (String) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            try [Float(1), -1].withUnsafeBufferPointer { users in
                try [Float(0.5), 1, 1, -1].withUnsafeBufferPointer { items in
                    try FactorModel.write(
                        to: directory + "/model", configuration: JobConfiguration(rank: 1, sweeps: 3), intercept: 3,
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
            try await body(directory)
        }
    }

    @Test func recommendPrintsATable() async throws {
        try await withModel { directory in
            try "1::One\n2::Two \u{1B}[31m(2002)\n4::Four\n".write(
                toFile: directory + "/titles", atomically: false, encoding: .utf8)
            let run = try await ExecutableRun(
                "mf", ["recommend", "--model", directory + "/model", "--user", "10", "--titles", directory + "/titles"])
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(
                run.output == """
                    Items for user 10, best first
                    rank  item  title            score
                       1  2     Two \u{FFFD}[31m(2002)  4.000
                       2  3     -                4.000
                       3  1     One              3.500
                       4  4     Four             2.000

                    """)
        }
    }

    @Test func recommendPrintsJSON() async throws {
        try await withModel { directory in
            let run = try await ExecutableRun(
                "mf", ["recommend", "--model", directory + "/model", "--user", "20", "--count", "2", "--json"])
            #expect(run.exitCode == 0, "\(run.errors)")
            let items = try #require(run.json["items"] as? [[String: Any]])
            #expect(run.json["user"] as? String == "20")
            #expect(items.map { $0["item"] as? String } == ["4", "1"])
            #expect(items.map { $0["score"] as? Double } == [4, 2.5])
            #expect(items.map { $0["rank"] as? Int } == [1, 2])
        }
    }

    @Test func recommendFailsClearlyForAnUnknownUser() async throws {
        try await withModel { directory in
            let run = try await ExecutableRun("mf", ["recommend", "--model", directory + "/model", "--user", "11"])
            #expect(run.exitCode == 65)
            #expect(run.output == "")
            #expect(
                run.errors == "mf: error: \(directory)/model: the model has no user 11; "
                    + "give one of the 2 user ids of the ratings it was trained on\n")
        }
    }

    @Test(arguments: [
        ["recommend", "--model", "m"], ["recommend", "--model", "m", "--user", "1", "--count", "0"],
        ["evaluate", "--model", "m", "--ratings", "r", "--metrics", "rmse,nonsense"], ["inspect"],
    ])
    func wrongUsageIs64(arguments: [String]) async throws {
        let run = try await ExecutableRun("mf", arguments)
        #expect(run.exitCode == 64)
        #expect(run.errors != "")
    }

    @Test func inspectDescribesAModel() async throws {
        try await withModel { directory in
            let run = try await ExecutableRun("mf", ["inspect", directory + "/model"])
            #expect(run.exitCode == 0, "\(run.errors)")
            for line in ["rank            1", "sweeps          1 of at most 3: all that were asked for", "checksums       valid"] {
                #expect(run.output.contains(line + "\n"), "\(line) in \(run.output)")
            }
            #expect(run.output.contains("1234.5"))

            let report = try await ExecutableRun("mf", ["inspect", directory + "/model", "--json"]).json
            #expect(report["kind"] as? String == "model")
            #expect((report["description"] as? [String: Any])?["users"] as? Int == 2)
            #expect((report["sweeps"] as? [[String: Any]])?.count == 1)
        }
    }

    @Test func inspectRefusesWhatIsMissingForeignHalfWrittenOrDamaged() async throws {
        try await withModel { directory in
            let nothing = try await ExecutableRun("mf", ["inspect", directory + "/nothing"])
            #expect(nothing.exitCode == 66)
            let foreign = try await ExecutableRun("mf", ["inspect", directory])
            #expect(foreign.exitCode == 65)
            #expect(foreign.errors.contains("holds no store.json or model.json"))

            let factors = URL(fileURLWithPath: directory + "/model/item_factors.npy")
            var bytes = try Data(contentsOf: factors)
            bytes[bytes.count - 1] ^= 1
            try bytes.write(to: factors)
            let damaged = try await ExecutableRun("mf", ["inspect", directory + "/model"])
            #expect(damaged.exitCode == 65)
            #expect(damaged.errors.contains("item_factors.npy"))

            try FileManager.default.removeItem(atPath: directory + "/model/model.json")
            let halfWritten = try await ExecutableRun("mf", ["inspect", directory + "/model"])
            #expect(halfWritten.exitCode == 65)
            #expect(halfWritten.errors.contains("was never finished"))
        }
    }
}
