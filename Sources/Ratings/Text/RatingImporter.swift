// Why: the one way from rating files to a store, for `mf import`, and for commands that accept a rating file where
// they accept a store.

import Failures
import Foundation

/// Imports rating files.
///
/// The same ratings give the same store, byte for byte: neither the order of files and lines nor the number of
/// threads matters (only ``DuplicatePolicy/last`` looks at the order).
public struct RatingImporter: Sendable {
    /// Which ratings are held out.
    public enum Split: Sendable, Hashable {
        case none
        /// This fraction of them, above 0 and below 1; the seed and each rating's ids decide.
        case fraction(Double, seed: UInt64)
        /// Those of a file; its pairs are taken out of the training ratings. A Netflix probe file, which has pairs
        /// only, takes their ratings from the input.
        case file(String)
    }

    /// What was imported.
    public struct Outcome: Sendable {
        public var store: RatingStore
        /// The format and layout of the first input, for a person.
        public var layout: String
        /// Ratings of the input that were taken out of training because ``Split/file(_:)`` names their pairs.
        public var takenOut: Int
    }

    /// Files, `-` for standard input, or folders of the Netflix Prize's `mv_*.txt` files.
    public var inputs: [String]
    /// Nil to find it from the content.
    public var format: RatingFormat?
    public var split: Split
    public var duplicates: DuplicatePolicy
    public var threads: Int
    /// Texts are parsed in parts of this size.
    package var chunkByteCount = TextChunk.defaultByteCount

    public init(
        inputs: [String], format: RatingFormat? = nil, split: Split = .none, duplicates: DuplicatePolicy = .error,
        threads: Int = ProcessInfo.processInfo.activeProcessorCount
    ) {
        self.inputs = inputs
        self.format = format
        self.split = split
        self.duplicates = duplicates
        self.threads = max(1, threads)
    }

    /// The store at `path`, mapped; or the ratings of the file (or Netflix folder) at `path`, in memory.
    /// - Parameter format: that of the file; nil to find it.
    public static func openStoreOrFile(_ path: String, format: RatingFormat? = nil) throws(Failure) -> RatingStore {
        if path != "-", RatingFile.isFolder(path), try !RatingFile.isNetflixFolder(path) {
            return try RatingStore.open(path)
        }
        return try RatingImporter(inputs: [path], format: format).run().store
    }

    /// Reads the input and builds the store in memory.
    /// - Parameter progress: is told now and then, from any thread, how many bytes of how many have been read.
    /// - Throws: a ``Failure``: `badData` with the file and line of the first defect, `noInput`, `inputOutput`; `usage`
    ///   when the properties contradict each other.
    public func run(
        progress: (@Sendable (_ byteCount: Int, _ total: Int) -> Void)? = nil
    ) throws(Failure) -> Outcome {
        try checkUsage()
        var files: [RatingFile] = []
        for path in inputs { files += try RatingFile.open(path, format: format) }
        try check(files)
        let inputFileCount = files.count
        if case .file(let path) = split { files += try RatingFile.open(path, format: format) }
        let reader = RatingReader(files, threads: threads, chunkByteCount: chunkByteCount)
        let total = reader.byteCount
        var parts = try SplitRatings(reading: reader, inputFileCount: inputFileCount, split) { done in
            progress?(done, total)
        }
        let (users, items, heldOutFiles) = (parts.users, parts.items, parts.holdoutFiles)
        var builder = StoreBuilder(
            users: users, items: items, training: parts.takeTraining(), holdout: parts.takeHoldout(),
            duplicates: duplicates,
            threads: threads, source: source(files[0].layout)
        ) { repeated throws(Failure) in
            let searched = repeated.isHoldout ? heldOutFiles : 0..<inputFileCount
            return try describe(repeated, users, items, in: searched, of: reader)
        }
        return Outcome(store: try builder.build(), layout: files[0].layout.summary, takenOut: parts.takenOut)
    }

    private func checkUsage() throws(Failure) {
        guard !inputs.isEmpty else { throw Failure(.usage, "no input is given", remedy: "name a rating file") }
        var paths = inputs
        if case .file(let path) = split { paths.append(path) }
        guard paths.count(where: { $0 == "-" }) < 2 else {
            throw Failure(.usage, "standard input is named twice", remedy: "name it once")
        }
        if case .fraction(let fraction, _) = split { try HashedPairs.check(fraction) }
    }

    /// All inputs have ratings, and one format.
    private func check(_ files: [RatingFile]) throws(Failure) {
        for file in files {
            guard !file.layout.isProbe else {
                throw Failure(
                    .badData, "names users and items without ratings", at: file.name,
                    remedy: "give it as --test, and the ratings as --input")
            }
            guard file.layout.format == files[0].layout.format else {
                throw Failure(
                    .badData,
                    "is \(file.layout.format.rawValue), and \(files[0].name) is \(files[0].layout.format.rawValue)",
                    at: file.name, remedy: "import files of one format at a time, or give --format")
            }
        }
    }

    private func source(_ layout: TextLayout) -> RatingSource {
        func name(_ path: String) -> String { path == "-" ? path : URL(fileURLWithPath: path).lastPathComponent }
        var source = RatingSource(files: inputs.map(name), format: layout.format.rawValue)
        switch split {
        case .none: break
        case .fraction(let fraction, let seed): (source.holdoutFraction, source.seed) = (fraction, seed)
        case .file(let path): source.testFile = name(path)
        }
        return source
    }

    /// Reads the input once more, for the line of the first rating that repeats a pair.
    private func describe(
        _ repeated: RepeatedPairs, _ users: IDMap, _ items: IDMap, in files: Range<Int>, of reader: RatingReader
    ) throws(Failure) -> Failure {
        let again = try reader.read()
        let (newUsers, newItems) = (again.users.ids, again.items.ids)
        var pairs = repeated
        pairs.pairs = repeated.pairs.compactMap { pair in
            guard let user = newUsers.row(of: users.id(of: Int(pair.user))),
                let item = newItems.row(of: items.id(of: Int(pair.item)))
            else { return nil }
            return (UInt32(user), UInt32(item))
        }
        let chunks = again.chunks.indices.filter { files.contains(again.chunks[$0].file) }
        guard let found = pairs.first(in: chunks.map { again.runs[$0] }) else {
            throw Failure(
                .inputOutput, "a file changed while it was read", at: reader.files[files.lowerBound].name,
                remedy: "try again")
        }
        let (chunk, run) = (chunks[found.run], again.runs[chunks[found.run]])
        return repeated.failure(
            user: newUsers.id(of: Int(run.users.pointer[found.index])),
            item: newItems.id(of: Int(run.items.pointer[found.index])),
            at: try reader.place(of: found.index, in: chunk, like: again))
    }
}
