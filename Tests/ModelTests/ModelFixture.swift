// Why: models to test with, made by the writer itself from factors that the test knows.

import ArrayFiles
import Foundation
import Model
import Ratings
import TestKit
import Training

/// Factors and ids that a test chose, and the model made of them.
struct ModelFixture {
    var configuration: JobConfiguration
    var intercept: Double
    var storeFingerprint = "00112233"
    var userIDs: IDMap
    var itemIDs: IDMap
    /// Rows x rank.
    var userFactors: [Float]
    var itemFactors: [Float]
    /// Nil for a model without.
    var userBiases: [Float]?
    var itemBiases: [Float]?
    var sweeps: [SweepRecord] = [
        SweepRecord(
            sweep: 1, objective: 12.5, trainRMSE: 0.9, validationRMSE: 0.95, userSeconds: 0.25, itemSeconds: 0.125,
            bytesSent: 1 << 40, bytesReceived: 7, workers: 2),
        SweepRecord(
            sweep: 2, objective: 11.5, trainRMSE: 0.8, validationRMSE: nil, userSeconds: 0.25, itemSeconds: 0.125,
            bytesSent: 3, bytesReceived: 5, workers: 1),
    ]
    var workers = [
        WorkerRecord(name: "gpu1 (host:7)", threads: 2, blocks: 41),
        WorkerRecord(name: "gpu2 (host:8)", threads: 1, blocks: 23),
    ]

    /// Random factors, and biases if wanted, in -1 ..< 1.
    init(users: Int, items: Int, rank: Int, seed: UInt64, intercept: Double = 3.5, hasBiases: Bool = false) {
        var generator = SeededGenerator(seed: seed)
        configuration = JobConfiguration(rank: rank, regularization: 0.1, seed: .max)
        self.intercept = intercept
        userIDs = IDMap(integers: (0..<users).map { Int64(1000 + 7 * $0) })
        itemIDs = IDMap(strings: (0..<items).map { "item-\($0)" })
        userFactors = (0..<users * rank).map { _ in Float.random(in: -1..<1, using: &generator) }
        itemFactors = (0..<items * rank).map { _ in Float.random(in: -1..<1, using: &generator) }
        guard hasBiases else { return }
        configuration.biasRegularization = 0.03
        userBiases = (0..<users).map { _ in Float.random(in: -1..<1, using: &generator) }
        itemBiases = (0..<items).map { _ in Float.random(in: -1..<1, using: &generator) }
    }

    /// Writes the model, each side in runs of `rowsPerRun` rows.
    func write(to path: String, rowsPerRun: Int = 2) throws {
        try withRuns(of: userFactors, userBiases, rowsPerRun) { users in
            try withRuns(of: itemFactors, itemBiases, rowsPerRun) { items in
                try FactorModel.write(
                    to: path, configuration: configuration, intercept: intercept, kernelLevel: "portable",
                    storeFingerprint: storeFingerprint, converged: true, userIDs: userIDs, itemIDs: itemIDs,
                    sweeps: sweeps,
                    workers: workers, userRows: users, itemRows: items)
            }
        }
    }

    private func withRuns(
        of factors: [Float], _ biases: [Float]?, _ rowsPerRun: Int,
        _ body: ([UnsafeBufferPointer<Float>]) throws -> Void
    ) throws {
        let rank = configuration.rank
        let rows = (0..<factors.count / rank).flatMap { row in
            factors[row * rank..<(row + 1) * rank] + (biases.map { [$0[row]] } ?? [])
        }
        try rows.withUnsafeBufferPointer { rows in
            let step = rowsPerRun * configuration.width
            try body(
                stride(from: 0, to: rows.count, by: step).map { start in
                    UnsafeBufferPointer(rebasing: rows[start..<min(start + step, rows.count)])
                })
        }
    }

    /// The prediction in its plainest form.
    func predict(_ user: Int, _ item: Int) -> Double {
        let rank = configuration.rank
        var sum = intercept + Double(userBiases?[user] ?? 0) + Double(itemBiases?[item] ?? 0)
        for k in 0..<rank { sum += Double(userFactors[user * rank + k]) * Double(itemFactors[item * rank + k]) }
        return sum
    }

    /// Writes the model to a temporary folder and opens it from there.
    func withModel<Result>(_ body: (FactorModel) throws -> Result) throws -> Result {
        try withTemporaryFolder { folder in
            try write(to: folder + "/model")
            return try body(FactorModel.open(folder + "/model"))
        }
    }
}

func bytes(of path: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: path)))
}

func overwrite(_ path: String, _ bytes: [UInt8]) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
}

func files(in folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
}
