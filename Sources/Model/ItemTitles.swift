// Why: a recommendation is read by a person, who knows films by their titles and not by their ids. Every data set has
// its own title file, told apart by its first line:
//
//     1::Toy Story (1995)::Animation                          MovieLens 1M, 10M: movies.dat
//     1|Toy Story (1995)|01-Jan-1995|...                      MovieLens 100K: u.item
//     movieId,title,genres     then  1,"Toy, The",Comedy      MovieLens, newer: movies.csv; any CSV with a header
//     1,2003,Dinosaur Planet                                  Netflix: movie_titles.csv, titles with bare commas
//     item_id:token<tab>movie_title:token_seq<tab>...         RecBole: *.item; any tab-separated file with a header
//     1<tab>Toy Story  or  1,Toy Story                        an id and a title
//
// The text is UTF-8, or Latin-1 where it is not valid UTF-8 (the older sets).

import ArrayFiles
import Failures
import Ratings

/// Titles of a model's items.
public struct ItemTitles: Sendable {
    /// By the item's row.
    private let titles: [Int: String]

    /// Reads a title file; lines about items that are not in `ids` are passed over.
    /// - Throws: a ``Failure``: `noInput` when it cannot be read; `badData`, with the line, when it is none of the
    ///   known formats or a line lacks its title.
    public init(path: String, ids: IDMap) throws(Failure) {
        let lines = Self.utf8(try readFile(path)).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        var layout: TitleLayout?
        var titles: [Int: String] = [:]
        for (index, line) in lines.enumerated() {
            let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            if line.allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }) { continue }
            let known: TitleLayout
            if let layout {
                known = layout
            } else {
                guard let found = TitleLayout(firstLine: line) else {
                    throw Failure(
                        .badData, "is not a title file of a known format", at: "\(path):\(index + 1)",
                        remedy: "give lines of an id and a title with a tab or a comma between them")
                }
                layout = found
                if found.hasHeader { continue }
                known = found
            }
            guard let (id, title) = known.entry(line) else {
                throw Failure(
                    .badData, "has no id and title where the first line has them", at: "\(path):\(index + 1)",
                    remedy: "correct or remove the line")
            }
            if let row = ids.row(of: id) { titles[row] = title }
        }
        self.titles = titles
    }

    /// The title of the item in row `item`, or nil.
    public subscript(item: Int) -> String? { titles[item] }

    /// The file's text as UTF-8, without a byte order mark.
    private static func utf8(_ bytes: [UInt8]) -> [UInt8] {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let content = bytes.starts(with: mark) ? bytes[mark.count...] : bytes[...]
        if String(validating: content, as: UTF8.self) != nil { return Array(content) }
        // Each byte of Latin-1 is the Unicode scalar of that number, which is also its UTF-16 code unit.
        return Array(String(decoding: content.lazy.map(UInt16.init), as: UTF16.self).utf8)
    }
}
