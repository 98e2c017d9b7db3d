// Why: figures that are published come out of `mf bench train`, so what it prints must hang together.

import Foundation
import TestKit
import Testing

@Suite(.serialized) struct BenchTrainTests {
    private static let generate = ["bench", "train", "--generate", "2000x400x60000"]

    private func object(_ output: Program.Output) throws -> [String: Any] {
        try #require(
            try JSONSerialization.jsonObject(with: Data(output.standardOutput.utf8)) as? [String: Any],
            "\(output.standardError)")
    }

    @Test func theReportHangsTogether() async throws {
        let folder = try TemporaryFolder()
        let output = try await Program.mf.run(
            // Long enough that the second worker is there for most of it.
            Self.generate + ["--rank", "128", "--solver", "exact", "--sweeps", "30", "--tolerance", "0"]
                + ["--workers", "2", "--threads", "1", "--target-rmse", "5", "--json"],
            environment: ["TMPDIR": folder.path])
        #expect(output.status == 0, "\(output.standardError)")
        let report = try object(output)
        #expect((report["ratings"] as? Int).map { abs($0 - 54_000) < 1000 } == true)
        for (key, value) in ["users": 2000, "items": 400, "rank": 128, "workers": 2, "threads": 1] {
            #expect(report[key] as? Int == value, "\(key)")
        }

        // The opening half-step, and two a sweep; users are solved again where an extrapolation is withdrawn.
        let halfSteps = try #require(report["half_steps"] as? [[String: Any]])
        #expect(halfSteps.count >= 61)
        for (index, halfStep) in halfSteps.enumerated() {
            func value(_ key: String) throws -> Double { try #require(halfStep[key] as? Double, "\(key)") }
            let parts = try [value("solve_seconds"), value("wait_seconds"), value("exchange_seconds")]
            #expect(parts.allSatisfy { $0 >= 0 } && parts[0] > 0, "\(halfStep)")
            #expect(abs(parts.reduce(0, +) - (try value("seconds"))) < 1e-6, "\(halfStep)")
            #expect(halfStep["opening"] as? Bool == (index == 0) && halfStep["sweep"] is Int)
            #expect(["user", "item"].contains(halfStep["side"] as? String))
        }

        let processes = try #require(report["processes"] as? [[String: Any]])
        #expect(processes.count == 3 && processes[0]["name"] as? String == "coordinator")
        func column(_ key: String) throws -> [Int] { try processes.map { try #require($0[key] as? Int, "\(key)") } }
        let (sent, received, memory) = try (column("bytes_sent"), column("bytes_received"), column("peak_memory_bytes"))
        #expect((sent + received).allSatisfy { $0 > 0 })
        #expect(sent[0] == received[1] + received[2] && received[0] == sent[1] + sent[2])
        // Both workers together send each block once a half-step.
        #expect(received[0] > (2000 + 400) * 128 * 4 * 30)
        // More than the factors, and less than any machine that runs this has.
        #expect(memory.allSatisfy { $0 > 4 << 20 && $0 < 4 << 30 }, "\(memory)")
        #expect(report["peak_memory_bytes"] as? Int == memory.reduce(0, +))

        let sweeps = try #require(report["sweeps"] as? [[String: Any]])
        let (ends, errors) = try (
            sweeps.map { try #require($0["seconds"] as? Double) },
            sweeps.map { try #require($0["validation_rmse"] as? Double) }
        )
        #expect(sweeps.count == 30 && ends == ends.sorted() && ends[0] > 0)
        let best = try #require(errors.min())
        #expect(report["best_rmse"] as? Double == best)
        #expect(report["seconds_to_best"] as? Double == ends[try #require(errors.firstIndex(of: best))])
        #expect(report["seconds_to_target"] as? Double == ends[0])
        #expect(try #require(report["seconds"] as? Double) >= ends[29])
        #expect(folder.content.isEmpty, "\(folder.content) was left behind")
    }

    private static let short =
        generate + ["--rank", "16", "--sweeps", "4", "--tolerance", "0", "--threads", "1", "--json"]

    /// Over tcp as over ipc, with keys as without: the same objectives, every worker under its key's name, and nothing
    /// left of the keys.
    @Test(arguments: ["tcp://127.0.0.1:*", nil], [true, false])
    func workersConnectOverTCPAndWithKeys(listen: String?, curve: Bool) async throws {
        let folder = try TemporaryFolder()
        let output = try await Program.mf.run(
            Self.short + ["--workers", "2"] + (listen.map { ["--listen", $0] } ?? [])
                + (curve ? ["--curve"] : []),
            environment: ["TMPDIR": folder.path])
        #expect(output.status == 0, "\(output.standardError)")
        let report = try object(output)
        #expect(report["transport"] as? String == (listen == nil ? "ipc" : "tcp") && report["curve"] as? Bool == curve)
        let halfSteps = try #require(report["half_steps"] as? [[String: Any]])
        let totals = try (2...4).map { sweep in
            try halfSteps.filter { $0["sweep"] as? Int == sweep }
                .reduce(0) { $0 + (try #require($1["seconds"] as? Double)) }
        }
        #expect(abs(try #require(report["sweep_seconds"] as? Double) - totals.sorted()[1]) < 1e-9)
        let objectives = try #require(report["sweeps"] as? [[String: Any]]).map { $0["objective"] as? Double }
        #expect(objectives == (try await Self.objectives.value))
        let processes = try #require(report["processes"] as? [[String: Any]])
        let names = processes.dropFirst().compactMap { $0["name"] as? String }
        #expect(!names.isEmpty && names.allSatisfy { $0.contains(/^worker worker[12] \(/) == curve }, "\(names)")
        #expect(folder.content.isEmpty, "\(folder.content) was left behind")
    }

    /// Of one worker, over ipc.
    private static let objectives = Task {
        let output = try await Program.mf.run(short)
        let report = try JSONSerialization.jsonObject(with: Data(output.standardOutput.utf8)) as? [String: Any]
        return (report?["sweeps"] as? [[String: Any]] ?? []).map { $0["objective"] as? Double }
    }

    @Test func aTableSaysTheSame() async throws {
        let output = try await Program.mf.run(
            Self.generate + ["--rank", "16", "--sweeps", "4", "--target-rmse", "0.01"])
        #expect(output.status == 0, "\(output.standardError)")
        for text in [
            "2,000 users, 400 items, rank 16", "1 worker of ", "item, opening", "exchange", "peak memory MiB",
            "coordinator",
            "best held-out RMSE ", "median sweep ", " over ipc\n", "held-out RMSE 0.01 was not reached",
        ] {
            #expect(output.standardOutput.contains(text), "\(text)\n\(output.standardOutput)")
        }
    }

    @Test func whatCannotBeMeasuredIsRefused() async throws {
        let folder = try TemporaryFolder()
        let imported = try await Program.mf.run(
            [
                "generate", "--users", "40", "--items", "30", "--ratings", "500", "--holdout", "0", "--output",
                folder("store"),
            ])
        #expect(imported.status == 0)
        for (arguments, status, text) in [
            ([], 64, "--ratings or --generate"),
            (["--ratings", "s", "--generate", "3x3x5"], 64, "--ratings or --generate"),
            (["--generate", "3x3"], 64, "USERSxITEMSxRATINGS"), (["--generate", "3x3x50"], 64, "50 ratings"),
            (["--ratings", folder("missing")], 66, "missing"),
            (["--ratings", folder("store"), "--target-rmse", "0.9"], 64, "held-out"),
            (["--ratings", folder("store"), "--target-rmse=-1"], 64, "--target-rmse"),
            (["--ratings", folder("store"), "--workers", "0"], 64, "--workers"),
            (["--ratings", folder("store"), "--listen", "tcp://0.0.0.0:*", "--curve"], 64, "--listen"),
            (["--ratings", folder("store"), "--listen", "udp://127.0.0.1:*"], 64, "tcp://HOST:PORT"),
            (["--ratings", folder("store"), "--listen", "ipc:///tmp/swift-mf-nobody"], 64, "only you can enter"),
        ] as [([String], Int32, String)] {
            let output = try await Program.mf.run(["bench", "train"] + arguments)
            #expect(output.status == status && output.standardError.contains(text), "\(arguments): \(output)")
            #expect(output.standardOutput.isEmpty)
        }
        #expect(folder.content == ["store"])
    }

    /// With the implicit loss sweeps are judged by rankings.
    @Test func rankingsAreShownWhereThereAreNoErrors() async throws {
        let job =
            Self.generate + [
                "--loss", "implicit", "--rank", "8", "--sweeps", "3", "--tolerance", "0", "--threads", "1",
            ]
        let report = try object(try await Program.mf.run(job + ["--json"]))
        let sweeps = try #require(report["sweeps"] as? [[String: Any]])
        let gains = try sweeps.map { try #require($0["validation_ndcg"] as? Double) }
        #expect(gains.count == 3 && gains.allSatisfy { (0...1).contains($0) })
        #expect(report["best_ndcg"] as? Double == gains.max())
        #expect(report["best_rmse"] == nil && sweeps.allSatisfy { $0["validation_rmse"] == nil })
        let table = try await Program.mf.run(job).standardOutput
        #expect(table.contains("NDCG@20") && !table.contains("RMSE"), "\(table)")
        let refused = try await Program.mf.run(job + ["--target-rmse", "1"])
        #expect(refused.status == 64 && refused.standardError.contains("no ratings"))
    }
}
