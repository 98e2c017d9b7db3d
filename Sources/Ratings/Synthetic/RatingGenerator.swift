// Why: benchmarks and tests need ratings like real ones, at any size, without a download: spread over users and items
// as the Netflix Prize's were, with a structure to find and a known error that no model gets below.
//
// Users are generated in chunks, in parallel, each user with random numbers of their own, so that a configuration gives
// the same ratings whatever the number of threads. Ids are the integers from 1, in no relation to how much is rated.

import Failures
import Foundation
import Synchronization

/// Generates ratings.
public struct RatingGenerator: Sendable {
    /// Is told now and then, from any thread, how many ratings of how many have been generated.
    public typealias Progress = @Sendable (_ done: Int, _ total: Int) -> Void

    public let configuration: GeneratorConfiguration
    let threads: Int
    let signal: PlantedSignal
    private let marginals: Marginals
    private let table: AliasTable
    /// Users that are generated together.
    let chunks: [Range<Int>]

    /// Ratings of a chunk, about.
    static let chunkSize = 1 << 18

    /// Plants signal and marginals.
    /// - Throws: a ``Failure``: `usage` when there are no such ratings, `system` when the rows do not fit in memory.
    public init(
        _ configuration: GeneratorConfiguration, threads: Int = ProcessInfo.processInfo.activeProcessorCount
    ) throws(Failure) {
        try configuration.validate()
        try configuration.requireMemory(configuration.rowByteCount)
        self.configuration = configuration
        self.threads = max(1, threads)
        signal = try PlantedSignal(configuration)
        marginals = Marginals(activity: signal.activity, total: configuration.ratings, most: configuration.items)
        table = AliasTable(signal.popularity)
        chunks = marginals.chunks(of: Self.chunkSize)
    }

    /// Generates a store in memory, the one that importing the same ratings from a text would give.
    /// - Parameter holdout: the fraction of the ratings to hold out, chosen by the configuration's seed as an import
    ///   does; nil for none.
    /// - Throws: a ``Failure``: `usage` when the fraction is not between 0 and 1, `badData` when it takes none of the
    ///   ratings or all, `system` when they do not fit in memory.
    public func store(holdout: Double? = nil, progress: Progress? = nil) throws(Failure) -> RatingStore {
        let (users, items) = (Self.ids(configuration.users), Self.ids(configuration.items))
        var pairs: HashedPairs?
        if let holdout {
            pairs = try HashedPairs(fraction: holdout, seed: configuration.seed, users: users, items: items)
        }
        var parts = try generate(pairs, progress)
        let heldOut = parts.held.reduce(0) { $0 + $1.count }
        if let holdout, heldOut == 0 {
            throw HashedPairs.nothingHeldOut(fraction: holdout, of: configuration.ratings)
        }
        var source = RatingSource(files: [], format: "generated")
        if let holdout { (source.holdoutFraction, source.seed) = (holdout, configuration.seed) }
        source.generated = configuration
        source.noiseFloor = noiseFloor(parts.squaredErrors, count: heldOut > 0 ? heldOut : configuration.ratings)
        var builder = StoreBuilder(
            users: users, items: items, training: parts.kept, holdout: parts.held, duplicates: .error,
            threads: threads, source: source
        ) { _ in preconditionFailure("a pair is generated twice") }
        parts = Parts()
        return try builder.build()
    }

    /// The ids of a side in the order of their numbers.
    private static func ids(_ count: Int) -> IDMap { IDMap(integers: (0..<count).map { Int64($0 + 1) }) }

    /// Generated ratings, a run a chunk.
    struct Parts {
        var kept: [RatingRun] = []
        var held: [RatingRun] = []
        /// Of the best predictions of the held-out ratings, or of all when none are.
        var squaredErrors: [Double] = []
    }

    /// All ratings, those of `pairs` apart.
    func generate(_ pairs: HashedPairs?, _ progress: Progress?) throws(Failure) -> Parts {
        try configuration.requireMemory(configuration.rowByteCount + configuration.ratingByteCount)
        let done = Atomic(0)
        let found = try concurrently(chunks.count) { chunk throws(Failure) in
            let run = try self.run(chunk)
            let (kept, held) = if let pairs { try run.split(by: pairs) } else { (run, RatingRun()) }
            let error = signal.squaredError(of: pairs == nil ? kept : held)
            progress?(done.wrappingAdd(run.count, ordering: .relaxed).newValue, configuration.ratings)
            return (kept: kept, held: held, error: error)
        }
        return Parts(kept: found.map(\.kept), held: found.map(\.held), squaredErrors: found.map(\.error))
    }

    /// The ratings of chunk `chunk`, by user and then by item. Numbers are ids less 1.
    func run(_ chunk: Int) throws(Failure) -> RatingRun {
        let users = chunks[chunk]
        let start = marginals.offsets[users.lowerBound]
        let run = try RatingRun(count: marginals.offsets[users.upperBound] - start)
        var draw = ItemDraw(weights: signal.popularity, table: table)
        for user in users {
            var stream = RandomStream(seed: configuration.seed, .ratings, row: user)
            let places = marginals.offsets[user]..<marginals.offsets[user + 1]
            let items = run.items.pointer + (places.lowerBound - start)
            draw.draw(places.count, with: firstRated(in: places), &stream, to: items)
            for index in places.lowerBound - start..<places.upperBound - start {
                run.users.pointer[index] = UInt32(user)
                run.values.pointer[index] = signal.rating(
                    user, Int(run.items.pointer[index]), normal: stream.normal())
            }
        }
        return run
    }

    /// So that every item has a rating, item i is given to whoever has rating i (ratings / items) of all.
    private func firstRated(in places: Range<Int>) -> Range<Int> {
        let step = configuration.ratings / configuration.items
        func first(from place: Int) -> Int { min((place + step - 1) / step, configuration.items) }
        return first(from: places.lowerBound)..<first(from: places.upperBound)
    }

    /// The root mean squared error of `count` predictions from the sums of the chunks, which are added in order.
    func noiseFloor(_ squaredErrors: [Double], count: Int) -> Double {
        (squaredErrors.reduce(0, +) / Double(count)).squareRoot()
    }
}
