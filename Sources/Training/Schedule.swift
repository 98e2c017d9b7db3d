// Why: which half-step comes next is decided from the objectives so far and from nothing else, so that it is the same
// on every run, whoever takes part.
//
//     half-step   0      1      2      3      4      ...
//     solves      items  users  items  users  items
//     sweep       1      1      1      2      2
//
// The opening half-step solves the items for random users. Items are fewer and have more ratings each, so they average
// over more of what is random than users would for random items: the first sweep then starts from what users have
// in common, and most jobs end about a sweep sooner for that half of one.
//
// From the third sweep on the item factors are extrapolated before the users are solved again. If that user half-step
// ends with a higher objective than the sweep before it, the extrapolated factors are withdrawn, the users are solved
// once more with the item factors as they were, and there is no more extrapolation. So the objective of what is kept
// never rises from half-step to half-step (but for rounding, and as far as the solver minimizes).

import LeastSquares
import Ratings

/// The sequence of a job's half-steps.
public struct Schedule: Sendable, Hashable, Codable {
    /// What to do next.
    public enum Step: Sendable, Hashable {
        case solve(HalfStep)
        /// The item factors are as they were solved again, under a new version; then the half-step follows.
        case withdrawExtrapolation(itemVersion: Int, then: HalfStep)
        case end(converged: Bool)
    }

    private let sweeps: Int
    private let tolerance: Double
    /// The part of the objective by which rounding alone may raise it from one sweep to the next.
    private let rounding: Double
    private var extrapolates: Bool
    private var versions = BySide(user: 0, item: 0)
    private var newestVersion = 0
    private var count = 0
    /// The objective at the end of the last sweep.
    private var previous: Double?
    /// Whether the present item factors are extrapolated.
    private var isExtrapolated = false

    public init(_ configuration: JobConfiguration) {
        sweeps = configuration.sweeps
        tolerance = configuration.tolerance
        rounding = configuration.precision.objectiveRounding
        extrapolates = configuration.extrapolate
    }

    /// The first half-step.
    public mutating func begin() -> HalfStep { halfStep(.item, sweep: 1) }

    /// Decides what follows on `halfStep`, which ended with `objective`.
    public mutating func next(after halfStep: HalfStep, objective: Double) -> Step {
        versions[halfStep.side] = halfStep.solvedVersion
        if halfStep.isOpening { return .solve(self.halfStep(.user, sweep: 1)) }
        guard halfStep.endsSweep else {
            if isExtrapolated, let previous, objective > previous {
                (extrapolates, isExtrapolated) = (false, false)
                newestVersion += 1
                versions.item = newestVersion
                return .withdrawExtrapolation(
                    itemVersion: newestVersion, then: self.halfStep(.user, sweep: halfStep.sweep))
            }
            return .solve(self.halfStep(.item, sweep: halfStep.sweep))
        }
        isExtrapolated = halfStep.isExtrapolated
        defer { previous = objective }
        // A rise beyond rounding is no convergence: something is wrong, such as no regularization at all.
        if let previous, tolerance > 0, previous - objective < tolerance * previous,
            objective <= previous * (1 + rounding)
        {
            return .end(converged: true)
        }
        if halfStep.sweep >= sweeps { return .end(converged: false) }
        return .solve(self.halfStep(.user, sweep: halfStep.sweep + 1))
    }

    /// Whether it may be the schedule of a job of `configuration` that has just given out `halfStep`. One that was read
    /// from a file need not be.
    public func hasGivenOut(_ halfStep: HalfStep, of configuration: JobConfiguration) -> Bool {
        let fresh = Schedule(configuration)
        return (sweeps, tolerance, rounding) == (fresh.sweeps, fresh.tolerance, fresh.rounding)
            && (fresh.extrapolates || !extrapolates) && count >= 1 && count - 1 == halfStep.index
            && newestVersion == halfStep.solvedVersion && versions[halfStep.side] == halfStep.priorVersion
            && versions[halfStep.side.other] == halfStep.fixedVersion && previous?.isFinite != false
    }

    private mutating func halfStep(_ side: Side, sweep: Int) -> HalfStep {
        newestVersion += 1
        defer { count += 1 }
        return HalfStep(
            index: count, side: side, sweep: sweep, fixedVersion: versions[side.other], priorVersion: versions[side],
            solvedVersion: newestVersion, isExtrapolated: side == .item && extrapolates && sweep >= 3 && sweep < sweeps)
    }
}

extension Precision {
    /// The part of an objective that rounding may add or take. In bfloat16 each half-step rounds the other side's
    /// factors, which moves predictions by some thousandths of them: more where the fit leaves smaller errors.
    fileprivate var objectiveRounding: Double {
        switch self {
        case .fp32: 1e-6
        case .bf16: 1e-3
        }
    }
}
