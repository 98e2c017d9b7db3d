// Why: `mf import` turns rating files of any format into a store, once; everything after that maps the store.

import ArgumentParser
import ClusterRuntime
import CommandSupport
import Failures
import Foundation
import Ratings

struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Imports rating files into a store.",
        discussion: """
            Reads MovieLens (:: and tabs), CSV and TSV with or without a header, the Netflix Prize's files and \
            folder, Matrix Market's sparse matrices, and lines of a user and their items (adjacency); the format is \
            found from the content.

            Example: hold out a tenth of MovieLens 1M
              mf import --input ml-1m/ratings.dat --output ml-1m.store --holdout 0.1 \\
                  --seed 1
            Example: the Netflix Prize with its own test pairs
              mf import --input training_set --test probe.txt --output netflix.store
            Example: Gowalla as LightGCN's authors split it
              mf import --input train.txt --test test.txt --format adjacency \\
                  --output gowalla.store
            """)

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "Rating files, - for standard input, or a folder of mv_*.txt files.", valueName: "file"))
    var input: [String]

    @Option(help: ArgumentHelp("The folder to write; an older store there is replaced.", valueName: "store"))
    var output: String

    @OptionGroup var format: RatingFormatOptions

    @Option(help: ArgumentHelp("Hold out this fraction of the ratings, chosen by --seed.", valueName: "fraction"))
    var holdout: Double?

    @Option(
        help: ArgumentHelp(
            "Hold out the ratings of this file, or those whose pairs a Netflix probe file names.", valueName: "file"))
    var test: String?

    @Option(help: "The seed that chooses what is held out.")
    var seed: UInt64 = 1

    @Option(help: "What to do when a user has rated an item twice.")
    var duplicates = DuplicatePolicy.error

    @Flag(help: "Report as one JSON object.")
    var json = false

    func validate() throws {
        if input.isEmpty { throw ValidationError("--input needs a file.") }
        if holdout != nil, test != nil { throw ValidationError("--holdout and --test exclude each other.") }
        if let holdout, !(holdout > 0 && holdout < 1) {
            throw ValidationError("--holdout must be above 0 and below 1, not \(holdout).")
        }
    }

    func run() throws {
        let clock = ContinuousClock()
        let start = clock.now
        try RatingStore.checkDestination(output)
        let importer = RatingImporter(inputs: input, format: format.format, split: split, duplicates: duplicates)
        let progress = WorkProgress(.bytes)
        defer { progress.finish() }
        let outcome = try importer.run { done, total in
            if done < total { progress.update("reading", done, total) } else { progress.stage("sorting") }
        }
        progress.stage("writing")
        // Before this nothing is on disk.
        try writingOutput { checkpoint throws(Failure) in try outcome.store.save(to: output, checkpoint: checkpoint) }
        progress.finish()
        let report = ImportReport(outcome, store: output, seconds: (clock.now - start) / .seconds(1))
        if json { try printJSON(report) } else { print(report.text) }
    }

    private var split: RatingImporter.Split {
        if let holdout { return .fraction(holdout, seed: seed) }
        if let test { return .file(test) }
        return .none
    }
}

extension DuplicatePolicy: ExpressibleByArgument {}

/// What `mf import` says at its end.
private struct ImportReport: Encodable {
    var store: String
    var format: String
    var layout: String
    var users: Int
    var items: Int
    var ratings: Int
    var holdoutRatings: Int
    var takenOut: Int
    var minimum: Float
    var maximum: Float
    var mean: Double
    var density: Double
    var seconds: Double
    var peakMemory = peakResidentByteCount()

    enum CodingKeys: String, CodingKey {
        case store, format, layout, users, items, ratings, minimum, maximum, mean, density, seconds
        case peakMemory = "peak_memory_bytes"
        case holdoutRatings = "holdout_ratings"
        case takenOut = "taken_out"
    }

    init(_ outcome: RatingImporter.Outcome, store: String, seconds: Double) {
        let description = outcome.store.description
        self.store = store
        format = description.source?.format ?? ""
        layout = outcome.layout
        users = description.users
        items = description.items
        ratings = description.ratings
        holdoutRatings = description.holdoutRatings
        takenOut = outcome.takenOut
        minimum = description.minimum
        maximum = description.maximum
        mean = description.mean
        density = description.density
        self.seconds = seconds
    }

    var text: String {
        var lines = [
            ("store", store), ("format", layout), ("users", "\(users)"), ("items", "\(items)"),
            ("ratings", "\(ratings)"),
        ]
        if holdoutRatings > 0 { lines.append(("held out", "\(holdoutRatings)")) }
        if takenOut > 0 {
            lines.append(("taken out", "\(takenOut) ratings of the input whose pairs are in the test file"))
        }
        lines += [
            ("range", "\(minimum) to \(maximum)"), ("mean", String(format: "%.4f", mean)),
            ("density", String(format: "%.3g%%", 100 * density)), ("seconds", String(format: "%.2f", seconds)),
        ]
        return lines.map { $0.0.padding(toLength: 11, withPad: " ", startingAt: 0) + $0.1 }.joined(separator: "\n")
    }
}
