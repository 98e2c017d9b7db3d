// Why: `mf recommend`: the items a user would rate highest.

import ArgumentParser
import CommandSupport
import Failures
import Foundation
import Model
import Ratings

struct RecommendCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recommend",
        abstract: "Lists the items that a user would rate highest.",
        discussion: """
            Every item is scored; among equal scores the item with more ratings comes first. Titles are read from \
            MovieLens files (movies.dat, u.item, movies.csv), Netflix's movie_titles.csv, RecBole's .item files, and any \
            CSV or tab-separated file with an id and a title.

            Example:
              mf recommend --model model --user 42 --seen store --titles movies.dat
            """)

    @Option(help: ArgumentHelp("The model's folder.", valueName: "dir"))
    var model: String

    @Option(help: ArgumentHelp("The user, by the id of the rating file.", valueName: "id"))
    var user: String

    @Option(help: ArgumentHelp("How many items to list.", valueName: "n"))
    var count = 10

    @Option(
        help: ArgumentHelp("Leave out what the user has rated in this store or rating file.", valueName: "store-or-file"))
    var seen: String?

    @Option(help: ArgumentHelp("A file with the items' titles.", valueName: "file"))
    var titles: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard count >= 1 else { throw ValidationError("--count must be 1 or more, and is \(count)") }
    }

    func run() throws {
        let model = try FactorModel.open(model)
        guard let row = model.userIDs.row(of: user) else {
            throw Failure(
                .badData, "the model has no user \(printable(user))", at: model.path,
                remedy: "give one of the \(model.userCount.grouped) user ids of the ratings it was trained on")
        }
        let titles = try titles.map { path throws(Failure) in try ItemTitles(path: path, ids: model.itemIDs) }
        let rated = try seen.map { path throws(Failure) in model.items(ratedBy: user, in: try RatingImporter.openStoreOrFile(path)) }
        let best = model.topItems(for: row, count: count, excluding: rated ?? [])
        let entries = best.enumerated().map { index, item in
            RecommendationReport.Entry(
                rank: index + 1, item: model.itemIDs.id(of: item.item), title: titles?[item.item], score: item.score)
        }
        if json {
            try printJSON(RecommendationReport(user: user, items: entries))
            return
        }
        let leftOut = rated.map { ", \($0.count.grouped) rated ones left out" } ?? ""
        print("Items for user \(printable(user)), best first\(leftOut)")
        var table = TextTable([.number("rank"), .text("item")] + (titles == nil ? [] : [.text("title")]) + [.number("score")])
        for entry in entries {
            table.add(
                [String(entry.rank), entry.item] + (titles == nil ? [] : [entry.title ?? "-"])
                    + [String(format: "%.3f", entry.score)])
        }
        for line in table.lines { print(line) }
    }
}

/// The object that `--json` prints.
private struct RecommendationReport: Encodable {
    struct Entry: Encodable {
        var rank: Int
        var item: String
        /// Left out when there is none.
        var title: String?
        var score: Double
    }

    var user: String
    var items: [Entry]
}
