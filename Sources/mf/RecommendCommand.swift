// Why: `mf recommend`: the items a user would rate highest, whether the model knows the user, has to fold them in from
// ratings, or can only tell what most users rate high.

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
            MovieLens files (movies.dat, u.item, movies.csv), Netflix's movie_titles.csv, RecBole's .item files, and \
            any CSV or tab-separated file with an id and a title.

            A user who came after the training gets factors from --ratings, and what is rated there is left out. A \
            user whom the model does not know, and who has no ratings of items it knows, is shown the items with the \
            highest biases, or of a model without biases those with the most ratings; a note says so.

            Example:
              mf recommend --model model --user 42 --seen store --titles movies.dat
            Example: a new user's ratings
              mf recommend --model model --ratings mine.csv --titles movies.dat
            """)

    @Option(help: ArgumentHelp("The model's folder.", valueName: "dir"))
    var model: String

    @Option(help: ArgumentHelp("The user, by the id of the rating file.", valueName: "id"))
    var user: String?

    @Option(
        help: ArgumentHelp(
            "Judge the user by the ratings in this store or rating file; without --user it has one user.",
            valueName: "store-or-file"))
    var ratings: String?

    @Option(help: ArgumentHelp("How many items to list.", valueName: "n"))
    var count = 10

    @Option(
        help: ArgumentHelp(
            "Leave out what the user has rated in this store or rating file.", valueName: "store-or-file"))
    var seen: String?

    @Option(help: ArgumentHelp("A file with the items' titles.", valueName: "file"))
    var titles: String?

    @OptionGroup var format: RatingFormatOptions

    @OptionGroup var kernelOptions: KernelOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard count >= 1 else { throw ValidationError("--count must be 1 or more, and is \(count)") }
        guard user != nil || ratings != nil else { throw ValidationError("Give --user, or --ratings of a new user.") }
    }

    func run() throws {
        let model = try FactorModel.open(model)
        let titles = try titles.map { path throws(Failure) in try ItemTitles(path: path, ids: model.itemIDs) }
        let recipient = try recipient(model)
        var rated = recipient.rated
        if let seen {
            rated.formUnion(model.items(ratedBy: recipient.user, in: try format.open(seen)))
        }
        let best = recipient.model.topItems(for: recipient.row, count: count, excluding: rated)
        let entries = best.enumerated().map { index, item in
            RecommendationReport.Entry(
                rank: index + 1, item: model.itemIDs.id(of: item.item), title: titles?[item.item], score: item.score)
        }
        if let note = recipient.note { StandardError.write("mf: note: \(note)\n") }
        if json {
            try printJSON(RecommendationReport(user: recipient.user, basis: recipient.basis, items: entries))
            return
        }
        let leftOut = seen == nil && ratings == nil ? "" : ", \(rated.count.grouped) rated ones left out"
        let what = recipient.basis.isOfUser ? "Items for" : "The \(Self.fallback(of: model)), for"
        print("\(what) user \(printable(recipient.user)), best first\(leftOut)")
        var table = TextTable(
            [.number("rank"), .text("item")] + (titles == nil ? [] : [.text("title")]) + [.number("score")])
        for entry in entries {
            table.add(
                [String(entry.rank), entry.item] + (titles == nil ? [] : [entry.title ?? "-"])
                    + [String(format: "%.3f", entry.score)])
        }
        for line in table.lines { print(line) }
    }

    /// What a user is shown of whom nothing is known.
    private static func fallback(of model: FactorModel) -> String {
        model.itemBiases == nil ? "items with the most ratings" : "items with the highest biases"
    }

    /// Whom the list is for.
    private struct Recipient {
        var user: String
        var basis: RecommendationReport.Basis
        /// The model that has the user's factors, and their row in it; nil when nothing is known of them.
        var model: FactorModel
        var row: Int?
        /// Rows of items that the list leaves out.
        var rated: Set<Int> = []
        var note: String?
    }

    private func recipient(_ model: FactorModel) throws(Failure) -> Recipient {
        guard let ratings else {
            let user = user ?? ""
            if let row = model.userIDs.row(of: user) {
                return Recipient(user: user, basis: .model, model: model, row: row)
            }
            return Recipient(
                user: user, basis: .fallback(of: model), model: model,
                note: "\(model.path): the model has no user \(printable(user)); these are the "
                    + "\(Self.fallback(of: model)), and --ratings would say what the user likes")
        }
        let store = try format.open(ratings)
        let row = try row(in: store, ratings)
        let id = store.userIDs.id(of: row)
        let mine = RowMapping(store: store, model: model)
            .columnsOfModel(store.ratings.byUser.slice(row..<row + 1), itemCount: model.itemCount)
        let total = store.ratings.byUser.range(of: row).count
        var recipient = Recipient(
            user: id, basis: .ratings, model: model, rated: model.items(ratedBy: id, in: store))
        if mine.count == 0 {
            recipient.basis = .fallback(of: model)
            recipient.note =
                "\(ratings): the model knows none of the items that user \(printable(id)) has rated; "
                + "these are the \(Self.fallback(of: model))"
            return recipient
        }
        if mine.count < total {
            recipient.note =
                "\(ratings): the model does not know \((total - mine.count).grouped) of the \(total.grouped) items that "
                + "user \(printable(id)) has rated"
        }
        recipient.model = try model.foldingIn(
            IDMap(strings: [id]), ratings: mine, kernels: try kernelOptions.chosenKernels())
        recipient.row = 0
        return recipient
    }

    /// The user's row in the ratings that they are judged by.
    private func row(in store: RatingStore, _ path: String) throws(Failure) -> Int {
        if let user {
            guard let row = store.userIDs.row(of: user) else {
                throw Failure(
                    .badData, "has no ratings of user \(printable(user))", at: path,
                    remedy: "give one of its \(store.userIDs.count.grouped) user ids")
            }
            return row
        }
        guard store.userIDs.count == 1 else {
            throw Failure(
                .usage, "has ratings of \(store.userIDs.count.grouped) users", at: path, remedy: "say which with --user"
            )
        }
        return 0
    }
}

/// The object that `--json` prints.
private struct RecommendationReport: Encodable {
    /// Where the order comes from.
    enum Basis: String, Encodable {
        /// The user's factors in the model.
        case model
        /// Factors folded in from `--ratings`.
        case ratings
        /// The items' biases, because nothing is known of the user.
        case biases
        /// How many ratings the items have, because nothing is known of the user, and the model has no biases.
        case popularity

        static func fallback(of model: FactorModel) -> Basis { model.itemBiases == nil ? .popularity : .biases }

        var isOfUser: Bool { self == .model || self == .ratings }
    }

    struct Entry: Encodable {
        var rank: Int
        var item: String
        /// Left out when there is none.
        var title: String?
        var score: Double
    }

    var user: String
    var basis: Basis
    var items: [Entry]
}
