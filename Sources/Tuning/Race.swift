// Why: most candidates are clearly worse than the best after a fold or two, and need not be tried on the rest. Folds
// differ far more from one another than candidates do on the same fold, so candidates are compared fold by fold: with
// d_j the difference of a candidate's loss to the best one's on fold j, it is dropped
//
//     after one fold      when d_1 is more than 5% of the best one's loss
//     after f folds       when the mean of d is more than t times its standard error, s / sqrt(f), with t the quantile of
//                         Student's distribution with f - 1 degrees of freedom that 5% are above, and more than 0.2% of
//                         the best one's mean loss
//
// so one that is as good as the best is dropped after a given fold in a case of twenty at most. (The test is that of
// paired differences; to race candidates by it: Maron and Moore, "Hoeffding races", 1994.)
//
// What is dropped depends on the losses alone, so a search that was broken off and resumed drops the same.

/// What is known of a candidate.
public struct Standing: Sendable, Hashable {
    /// By fold, as far as there are trials: the smaller the better. Nil for a trial that failed.
    public var losses: [Double?] = []
    /// After how many folds it was dropped; nil while it is in the race.
    public var droppedAfter: Int?

    public init() {}

    /// Whether one of its trials failed.
    public var hasFailed: Bool { losses.contains(nil) }
    private var known: [Double] { losses.compactMap(\.self) }

    /// The mean over the folds done; nil when there is none, or one failed.
    public var mean: Double? {
        hasFailed || losses.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
    }

    /// The standard error of the mean, s / sqrt(folds); nil with less than two folds.
    public var standardError: Double? {
        guard let mean, known.count > 1 else { return nil }
        return Race.standardError(known.map { $0 - mean })
    }
}

/// The candidates of a search, fold after fold: says which trial is next, and takes its result.
public struct Race: Sendable {
    public private(set) var standings: [Standing]
    /// Folds that are tried.
    public let foldCount: Int
    /// Whether no candidate is dropped but those that fail.
    private let keepsAll: Bool
    private var fold = 0
    /// Those that are tried on this fold, and which of them is next.
    private var entrants: [Int]
    private var position = 0

    /// - Parameters:
    ///   - count: candidates, 1 or more.
    ///   - folds: 1 or more.
    public init(count: Int, folds: Int, keepsAll: Bool = false) {
        standings = Array(repeating: Standing(), count: count)
        foldCount = folds
        self.keepsAll = keepsAll
        entrants = Array(0..<count)
    }

    /// A trial to be made.
    public struct Heat: Sendable, Hashable {
        public var candidate: Int
        public var fold: Int
        /// Which of the fold's trials it is, from 1, and how many there are.
        public var ordinal: Int
        public var count: Int
    }

    /// The next trial; nil when the race is over.
    public var next: Heat? {
        guard fold < foldCount, position < entrants.count else { return nil }
        return Heat(candidate: entrants[position], fold: fold, ordinal: position + 1, count: entrants.count)
    }

    /// Takes in the result of the next trial: the smaller the better; nil when it failed.
    public mutating func take(_ loss: Double?) {
        precondition(next != nil, "the race is over")
        standings[entrants[position]].losses.append(loss)
        position += 1
        guard position == entrants.count else { return }
        fold += 1
        if fold < foldCount { drop(after: fold) }
        (entrants, position) = (running, 0)
    }

    /// The candidates that have neither been dropped nor failed.
    public var running: [Int] {
        standings.indices.filter { standings[$0].droppedAfter == nil && !standings[$0].hasFailed }
    }

    /// Drops candidates when all running ones have been tried on `folds` folds.
    private mutating func drop(after folds: Int) {
        guard !keepsAll, let best else { return }
        let leader = standings[best].losses.compactMap(\.self)
        let level = abs(leader.reduce(0, +) / Double(folds))
        for candidate in running where candidate != best {
            let differences = zip(standings[candidate].losses.compactMap(\.self), leader).map(-)
            let mean = differences.reduce(0, +) / Double(folds)
            let isWorse =
                folds == 1
                ? mean > 0.05 * level
                : mean > studentQuantile(degreesOfFreedom: folds - 1)
                    * Self.standardError(differences.map { $0 - mean })
                    && mean > 0.002 * level
            if isWorse { standings[candidate].droppedAfter = folds }
        }
    }

    /// The running candidate with the least mean, the first of equals; nil when all have failed.
    public var best: Int? {
        running.filter { standings[$0].mean != nil }.min { standings[$0].mean! < standings[$1].mean! }
    }

    /// All candidates: those in the race first, by their means; then the dropped, the later the better; then the
    /// failed.
    public var ranking: [Int] {
        func key(_ candidate: Int) -> (Int, Double) {
            let standing = standings[candidate]
            guard let mean = standing.mean else { return (Int.max, 0) }
            return (standing.droppedAfter.map { 1_000_000 - $0 } ?? 0, mean)
        }
        return standings.indices.sorted { (key($0).0, key($0).1, $0) < (key($1).0, key($1).1, $1) }
    }

    /// - Parameter deviations: from their mean, two or more.
    static func standardError(_ deviations: [Double]) -> Double {
        let squares = deviations.reduce(0) { $0 + $1 * $1 }
        return (squares / Double(deviations.count - 1) / Double(deviations.count)).squareRoot()
    }
}
