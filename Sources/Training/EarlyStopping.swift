// Why: the objective goes on falling after the model has begun to fit what is peculiar to the training ratings.
// Held-out ratings show when: the sweep with the least error on them (`SweepRecord.validationError`) is the one to
// keep, and when so many sweeps have passed without a better one, more are not worth their time.
//
// The error of the sweep that is kept is a little too good an estimate of the error on new ratings, as that of any
// choice made on the ratings it is judged by.

/// Watches the held-out error of a job's sweeps.
public struct EarlyStopping: Sendable, Hashable, Codable {
    /// What a sweep's error means.
    public enum Verdict: Sendable, Hashable {
        /// The least so far: keep the sweep's factors.
        case best
        /// Not better than the best, yet.
        case worse
        /// The best was so many sweeps ago that there is no hope.
        case stop
    }

    private let patience: Int
    private var leastError: Double?
    /// The sweep with the least error; nil before the first.
    public private(set) var bestSweep: Int?

    /// - Parameter patience: sweeps without a better one after which to stop, 1 or more.
    public init(patience: Int) { self.patience = patience }

    /// Takes in the held-out error after `sweep`: any number that is less for a better model.
    public mutating func take(sweep: Int, error: Double) -> Verdict {
        if leastError.map({ error < $0 }) ?? true {
            (leastError, bestSweep) = (error, sweep)
            return .best
        }
        return sweep - (bestSweep ?? 0) >= patience ? .stop : .worse
    }
}
