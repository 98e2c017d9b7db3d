// Why: `mf inspect`: what a folder of ours holds, and whether it is whole.

import ArgumentParser
import ArrayFiles
import CommandSupport
import Failures
import Foundation
import Model
import Ratings
import Training

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Describes a rating store or a model, and checks that it is whole.",
        discussion: """
            Every file is read and compared with its checksum.

            Example:
              mf inspect model
            """)

    @Argument(help: ArgumentHelp("The folder of a store or a model.", valueName: "path"))
    var path: String

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        let marker = try MarkedDirectory.require(
            path, markers: RatingStore.marker, FactorModel.marker, kind: "a store or a model")
        if marker == RatingStore.marker {
            let store = try RatingStore.open(path)
            if json { try printJSON(StoreReport(store)) } else { describe(store) }
        } else {
            let model = try FactorModel.open(path)
            if json { try printJSON(ModelReport(model)) } else { describe(model) }
        }
    }

    private func describe(_ store: RatingStore) {
        let description = store.description
        var lines: [(name: String, value: String)] = [
            ("rating store", path),
            ("users", "\(description.users.grouped) (\(description.userIDs) as ids)"),
            ("items", "\(description.items.grouped) (\(description.itemIDs) as ids)"),
            (
                "ratings",
                "\(description.ratings.grouped), from \(description.minimum) to \(description.maximum), "
                    + String(format: "mean %.4f", description.mean)
            ),
            ("held out", description.holdoutRatings.grouped),
            ("density", String(format: "%.4g%%", 100 * description.density)),
            (
                "values",
                "\(description.valueEncoding.elementType), in units of 1/\(description.valueEncoding.denominator)"
            ),
        ]
        if let source = description.source, let generated = source.generated {
            lines.append(
                (
                    "generated", "rank \(generated.rank) and biases, noise \(generated.noise), seed \(generated.seed)"
                ))
            if let floor = source.noiseFloor {
                lines.append(("noise floor", String(format: "RMSE %.4f, the least to expect of any model", floor)))
            }
        } else if let source = description.source {
            lines.append(("imported from", "\(source.files.joined(separator: ", ")) (\(source.format))"))
        }
        lines += [("fingerprint", store.fingerprint), ("checksums", "valid")]
        for line in alignedLines(lines) { print(line) }
    }

    private func describe(_ model: FactorModel) {
        let description = model.description
        let configuration = description.configuration
        let end =
            description.keptSweep.map { "sweep \($0), the best on the held-out ratings, is kept" }
            ?? (description.converged ? "converged" : "all that were asked for")
        let loss = configuration.implicit.map {
            "implicit, confidence \($0.confidence.rawValue), \($0.unseenConfidence) of unseen pairs"
        }
        let lines: [(name: String, value: String)] = [
            ("model", path),
            ("users", "\(description.users.grouped) (\(description.userIDs) as ids)"),
            ("items", "\(description.items.grouped) (\(description.itemIDs) as ids)"),
            ("rank", "\(description.rank)"),
            ("loss", loss ?? "explicit"),
            (
                "regularization",
                "\(configuration.regularization), scaled by \(configuration.regularizationScaling.rawValue)"
            ),
            ("biases", configuration.biasRegularization.map { "regularization \($0), scaled alike" } ?? "none"),
            ("factors", configuration.isNonnegative ? "none is negative" : "of any sign"),
            ("intercept", String(format: "%.6g", description.intercept) + (configuration.center ? " (centred)" : "")),
            ("solver", "\(configuration.solver)"),
            ("precision", "\(configuration.precision), \(description.kernelLevel) kernels"),
            ("seed", "\(configuration.seed)"),
            ("sweeps", "\(description.sweeps) of at most \(configuration.sweeps): \(end)"),
            ("trained on", "the store with fingerprint \(description.storeFingerprint)"),
            ("checksums", "valid"),
        ]
        for line in alignedLines(lines) { print(line) }
        print()
        for line in sweepTable(model.sweeps).lines { print(line) }
        if model.workers.isEmpty { return }
        print()
        for line in workerTable(model.workers).lines { print(line) }
    }
}

/// The object that `--json` prints of a store.
private struct StoreReport: Encodable {
    let kind = "store"
    let description: StoreDescription
    let density: Double

    init(_ store: RatingStore) {
        description = store.description
        density = store.description.density
    }
}

/// The object that `--json` prints of a model.
private struct ModelReport: Encodable {
    let kind = "model"
    let description: ModelDescription
    let sweeps: [SweepRecord]
    let workers: [WorkerRecord]

    init(_ model: FactorModel) {
        description = model.description
        (sweeps, workers) = (model.sweeps, model.workers)
    }
}
