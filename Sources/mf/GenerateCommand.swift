// Why: `mf generate` makes ratings of any size without a download, for measuring and for testing: with marginals like
// those of the Netflix Prize, with a structure to find, and with a known error that no model gets below.

import ArgumentParser
import ClusterRuntime
import CommandSupport
import Failures
import Foundation
import Ratings

struct GenerateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Generates ratings with a planted structure, as a store or as text.",
        discussion: """
            Ratings are a mean, user and item biases, a product of rank --rank and normal noise, rounded to 1, 2, \
            ... 5 stars. Users' and items' counts are about log-normal, with the Netflix Prize's spread.

            The noise floor that is reported, and kept in the store for mf inspect, is the RMSE of the best \
            predictions there are: the mean of each rating's distribution given all that was planted. No model can \
            be expected to get below it. It is taken on the held-out ratings, or on all of them with --holdout 0 and \
            in a text.

            The same options give the same ratings on the same machine, for any number of threads.

            Example: ratings of the size of the Netflix Prize, a tenth of them held out
              mf generate --preset netflix --output netflix.store
            Example: the same ratings as text, and imported
              mf generate --preset netflix --format csv --output netflix.csv
              mf import --input netflix.csv --holdout 0.1 --seed 1 --output netflix.store
            """)

    enum Preset: String, ExpressibleByArgument, CaseIterable {
        case netflix

        var configuration: GeneratorConfiguration {
            switch self {
            case .netflix: .netflix
            }
        }
    }

    enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
        case store, csv, tsv, movielens, netflix

        var text: RatingFormat? { RatingFormat(rawValue: rawValue) }
    }

    @Option(help: "A known size: netflix is 480,189 users, 17,770 items and 100,480,507 ratings.")
    var preset: Preset?

    @Option(help: ArgumentHelp("Users; each has a rating.", valueName: "n"))
    var users: Int?

    @Option(help: ArgumentHelp("Items; each has a rating.", valueName: "n"))
    var items: Int?

    @Option(help: ArgumentHelp("Ratings, of distinct pairs.", valueName: "n"))
    var ratings: Int?

    @Option(help: ArgumentHelp("The rank of what is planted beside the biases.", valueName: "n"))
    var rank = GeneratorConfiguration.defaultRank

    @Option(help: ArgumentHelp("The standard deviation of the noise before rounding.", valueName: "stars"))
    var noise = GeneratorConfiguration.defaultNoise

    @Option(help: "The seed of the ratings, and of the choice of those held out.")
    var seed: UInt64 = 1

    @Option(
        help: ArgumentHelp(
            "What to write: a store, or a text that mf import reads (netflix: a combined file of all items).",
            valueName: "format"))
    var format = OutputFormat.store

    @Option(
        help: ArgumentHelp(
            "Hold out this fraction of a store's ratings, 0 for none (default: 0.1); a text has all ratings.",
            valueName: "fraction"))
    var holdout: Double?

    @Option(help: ArgumentHelp("The store, which replaces an older one, or the text to write.", valueName: "path"))
    var output: String

    @Flag(help: "Report as one JSON object.")
    var json = false

    private static let defaultHoldout = 0.1

    func validate() throws {
        let sizes = [users, items, ratings]
        guard preset == nil ? sizes.allSatisfy({ $0 != nil }) : sizes.allSatisfy({ $0 == nil }) else {
            throw ValidationError("Give either --preset, or --users, --items and --ratings.")
        }
        if output == "-" {
            throw ValidationError(
                "--output takes a path: a text appears whole or not at all, so it cannot be a stream.")
        }
        if let holdout {
            if format != .store { throw ValidationError("--holdout is for stores: give it to mf import.") }
            if !(holdout >= 0 && holdout < 1) {
                throw ValidationError("--holdout must be 0 or more and below 1, not \(holdout).")
            }
        }
    }

    func run() throws {
        let start = ContinuousClock.now
        var size = preset?.configuration ?? GeneratorConfiguration(users: users!, items: items!, ratings: ratings!)
        (size.rank, size.noise, size.seed) = (rank, noise, seed)
        let progress = WorkProgress(.ratings)
        defer { progress.finish() }
        let noiseFloor: Double
        let heldOut: Int
        if let format = format.text {
            (noiseFloor, heldOut) = (try writeText(format, size, progress), 0)
        } else {
            (noiseFloor, heldOut) = try writeStore(size, progress)
        }
        progress.finish()
        let report = GenerateReport(
            output: output, format: format.rawValue, configuration: size, heldOut: heldOut, noiseFloor: noiseFloor,
            seconds: start.duration(to: .now) / .seconds(1))
        if json { try printJSON(report) } else { for line in report.lines { print(line) } }
    }

    private func writeText(
        _ format: RatingFormat, _ size: GeneratorConfiguration, _ progress: WorkProgress
    ) throws -> Double {
        try RatingGenerator.checkDestination(output)
        let generator = try RatingGenerator(size)
        return try writingOutput { checkpoint throws(Failure) in
            try generator.write(
                format, to: output, progress: { progress.update("generating", $0, $1) }, checkpoint: checkpoint)
        }
    }

    private func writeStore(
        _ size: GeneratorConfiguration, _ progress: WorkProgress
    ) throws -> (noiseFloor: Double, heldOut: Int) {
        try RatingStore.checkDestination(output)
        let fraction = holdout ?? Self.defaultHoldout
        let store = try RatingGenerator(size).store(holdout: fraction == 0 ? nil : fraction) { done, total in
            if done < total { progress.update("generating", done, total) } else { progress.stage("sorting") }
        }
        progress.stage("writing")
        try writingOutput { checkpoint throws(Failure) in try store.save(to: output, checkpoint: checkpoint) }
        return (store.description.source?.noiseFloor ?? 0, store.description.holdoutRatings)
    }
}

/// What `mf generate` says at its end.
private struct GenerateReport: Encodable {
    var output: String
    var format: String
    /// Its keys are those of the object itself.
    var configuration: GeneratorConfiguration
    var heldOut: Int
    var noiseFloor: Double
    var seconds: Double
    var peakMemory = peakResidentByteCount()

    enum CodingKeys: String, CodingKey {
        case output, format, seconds
        case heldOut = "holdout_ratings"
        case noiseFloor = "noise_floor"
        case peakMemory = "peak_memory_bytes"
    }

    func encode(to encoder: any Encoder) throws {
        try configuration.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(output, forKey: .output)
        try container.encode(format, forKey: .format)
        try container.encode(heldOut, forKey: .heldOut)
        try container.encode(noiseFloor, forKey: .noiseFloor)
        try container.encode(seconds, forKey: .seconds)
        try container.encodeIfPresent(peakMemory, forKey: .peakMemory)
    }

    var lines: [String] {
        alignedLines([
            (format, output), ("users", "\(configuration.users)"), ("items", "\(configuration.items)"),
            ("ratings", "\(configuration.ratings)" + (heldOut > 0 ? ", of which \(heldOut) held out" : "")),
            ("noise floor", String(format: "RMSE %.4f, the least to expect of any model", noiseFloor)),
            ("seconds", String(format: "%.2f", seconds)),
        ])
    }
}
