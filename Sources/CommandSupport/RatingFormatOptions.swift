// Why: a rating file's format is found from its first lines, wherever one is given; where these can be two things, or
// nothing known, the user says which.

import ArgumentParser
import Failures
import Ratings

/// The format of the rating files that a command reads.
public struct RatingFormatOptions: ParsableArguments {
    public enum Name: String, ExpressibleByArgument, CaseIterable, Sendable {
        case auto, movielens, csv, tsv, netflix
        case matrixMarket = "matrix-market"
        case adjacency
    }

    @Option(name: .customLong("format"), help: "The format of rating files; stores have their own.")
    public var name = Name.auto

    public init() {}

    /// Nil to find it.
    public var format: RatingFormat? { RatingFormat(rawValue: name.rawValue) }

    /// The store at `path`, mapped, or the ratings of the file there, in memory.
    /// - Throws: a ``Failure``, as `RatingImporter.openStoreOrFile`.
    public func open(_ path: String) throws(Failure) -> RatingStore {
        try RatingImporter.openStoreOrFile(path, format: format)
    }
}
