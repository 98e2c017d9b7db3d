// Why: after reading, ratings are either training ratings or held out; a pair is never both.

import Failures

/// All ratings of an import, split.
struct SplitRatings {
    /// Ids by number.
    let users: IDMap
    let items: IDMap
    private var training: [RatingRun]
    private var holdout: [RatingRun]
    /// The numbers of the files that the held-out ratings were read from.
    private(set) var holdoutFiles: Range<Int>
    /// Ratings of the input that were taken out because the test file has their pairs.
    private(set) var takenOut = 0

    /// Reads and splits. The first `inputFileCount` files of `reader` are the input, and the others the test file.
    init(
        reading reader: RatingReader, inputFileCount: Int, _ split: RatingImporter.Split,
        progress: @escaping @Sendable (Int) -> Void
    ) throws(Failure) {
        var read = try reader.read(progress: progress)
        var counts = [Int](repeating: 0, count: reader.files.count)
        for (chunk, run) in zip(read.chunks, read.runs) { counts[chunk.file] += run.count }
        if let number = counts.firstIndex(of: 0) {
            throw Failure(
                .badData, "the file has no ratings", at: reader.files[number].name, remedy: "give a complete file")
        }
        for (file, count) in zip(reader.files, counts) {
            guard let expected = file.layout.matrixSize?.entries, expected != count else { continue }
            throw Failure(
                .badData, "\(count) entries, not \(expected) as its size line says", at: file.name,
                remedy: "the file was cut off or put together wrongly: give a complete file")
        }
        let inputChunkCount = read.chunks.prefix { $0.file < inputFileCount }.count
        let (users, items) = (read.users.ids, read.items.ids)
        // Whoever splits the runs is the only one to have them, and frees each as soon as it is split.
        var input = Array(read.runs[..<inputChunkCount])
        let test = Array(read.runs[inputChunkCount...])
        read.runs = []
        var holdoutFiles = 0..<inputFileCount
        var takenOut = 0
        switch split {
        case .none:
            training = input
            holdout = []
        case .fraction(let fraction, let seed):
            let pairs = try HashedPairs(fraction: fraction, seed: seed, users: users, items: items)
            (training, holdout) = try RatingRun.split(&input, by: pairs)
            guard holdout.contains(where: { $0.count > 0 }) else {
                throw HashedPairs.nothingHeldOut(fraction: fraction, of: counts[..<inputFileCount].reduce(0, +))
            }
        case .file:
            (training, holdout) = try RatingRun.split(&input, by: PairSet(test))
            takenOut = holdout.reduce(0) { $0 + $1.count }
            if reader.files[inputFileCount].layout.isProbe {
                try Self.checkProbe(test, found: PairSet(holdout), reader, read, firstChunk: inputChunkCount)
            } else {
                holdout = test
                holdoutFiles = inputFileCount..<reader.files.count
            }
        }
        self.users = users
        self.items = items
        self.holdoutFiles = holdoutFiles
        self.takenOut = takenOut
    }

    /// A pair of a probe file without a rating in the input is an error: it is the wrong probe file, or a part of the
    /// input is missing.
    private static func checkProbe(
        _ probe: [RatingRun], found: PairSet, _ reader: RatingReader, _ read: ReadRatings, firstChunk: Int
    ) throws(Failure) {
        for (number, run) in probe.enumerated() {
            for index in 0..<run.count
            where !found.contains(user: run.users.pointer[index], item: run.items.pointer[index]) {
                let user = read.users.ids.id(of: Int(run.users.pointer[index]))
                let item = read.items.ids.id(of: Int(run.items.pointer[index]))
                throw Failure(
                    .badData, "the input has no rating of item \(item) by user \(user)",
                    at: try reader.place(of: index, in: firstChunk + number, like: read),
                    remedy: "remove the line, or give the input that it belongs to")
            }
        }
    }

    /// The training ratings, which are not kept here.
    mutating func takeTraining() -> [RatingRun] {
        defer { training = [] }
        return training
    }

    /// The held-out ratings, which are not kept here.
    mutating func takeHoldout() -> [RatingRun] {
        defer { holdout = [] }
        return holdout
    }
}
