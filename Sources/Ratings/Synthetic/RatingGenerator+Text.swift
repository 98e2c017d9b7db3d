// Why: texts are larger than their stores. By user they are generated, formatted and written a few chunks at a time, so
// that memory does not grow with them; by item (Netflix) all ratings are sorted first.

import ArrayFiles
import Failures

extension RatingFormat {
    /// The formats that generated ratings are written in; the others lose the ratings or the ids' names.
    public static let generated: [RatingFormat] = [.movielens, .csv, .tsv, .netflix]
}

extension RatingGenerator {
    /// Refuses a path that ``write(_:to:progress:checkpoint:)`` could not write to; commands call this first.
    public static func checkDestination(_ path: String) throws(Failure) { try FileCreation.refuseExisting(path) }

    /// Generates ratings into a text file that is not there yet. Nothing is held out.
    /// - Parameters:
    ///   - format: one of `RatingFormat.generated`.
    ///   - checkpoint: called between pieces of work; what it throws ends the writing, which leaves nothing.
    /// - Returns: the noise floor of all ratings; see ``RatingSource/noiseFloor``.
    /// - Throws: a ``Failure`` of kind `cannotCreate` or `inputOutput`, or what `checkpoint` throws.
    public func write(
        _ format: RatingFormat, to path: String, progress: Progress? = nil,
        checkpoint: () throws(Failure) -> Void = {}
    ) throws(Failure) -> Double {
        precondition(RatingFormat.generated.contains(format), "\(format.rawValue) is read only")
        let file = try FileCreation(destination: path)
        let squaredErrors =
            format == .netflix
            ? try writeByItem(to: file, progress, checkpoint) : try writeByUser(format, to: file, progress, checkpoint)
        try checkpoint()
        try file.commit()
        return noiseFloor(squaredErrors, count: configuration.ratings)
    }

    private func writeByUser(
        _ format: RatingFormat, to file: borrowing FileCreation, _ progress: Progress?,
        _ checkpoint: () throws(Failure) -> Void
    ) throws(Failure) -> [Double] {
        try file.append(RatingText.header(format))
        var squaredErrors: [Double] = []
        var done = 0
        for start in stride(from: 0, to: chunks.count, by: threads) {
            try checkpoint()
            let parts = try concurrently(min(threads, chunks.count - start)) { index throws(Failure) in
                let run = try self.run(start + index)
                return (text: try RatingText(run, format), count: run.count, error: signal.squaredError(of: run))
            }
            for part in parts {
                try part.text.withBytes { bytes throws(Failure) in try file.append(bytes) }
                squaredErrors.append(part.error)
                done += part.count
            }
            progress?(done, configuration.ratings)
        }
        return squaredErrors
    }

    private func writeByItem(
        to file: borrowing FileCreation, _ progress: Progress?, _ checkpoint: () throws(Failure) -> Void
    ) throws(Failure) -> [Double] {
        let (rows, squaredErrors) = try sortedByItem(progress)
        let lanes = max(1, rows.count / Self.chunkSize)
        for start in stride(from: 0, to: lanes, by: threads) {
            try checkpoint()
            let texts = try concurrently(min(threads, lanes - start)) { index throws(Failure) in
                try RatingText(rows, items: rows.stretch(start + index, of: lanes))
            }
            for text in texts { try text.withBytes { bytes throws(Failure) in try file.append(bytes) } }
        }
        return squaredErrors
    }

    private func sortedByItem(_ progress: Progress?) throws(Failure) -> (SortedRows<UInt8>, [Double]) {
        let parts = try generate(nil, progress)
        let numbering: [Side: Numbering] = [
            .user: Numbering(identity: configuration.users), .item: Numbering(identity: configuration.items),
        ]
        let rows: SortedRows<UInt8> = try RowSorter(threads: threads).rows(
            of: parts.kept, by: .item, numbering, denominator: 1)
        return (rows, parts.squaredErrors)
    }
}
