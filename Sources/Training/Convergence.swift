// Why: when to stop is decided from the sequence of objectives alone, so that it is the same on every run.

/// Decides after each sweep whether training goes on.
public struct Convergence: Sendable, Hashable {
    public enum Decision: Sendable, Hashable {
        case goOn
        /// The last sweep lowered the objective by less than the tolerance.
        case converged
        /// The last of the sweeps asked for is done.
        case sweepsDone
    }

    public let sweeps: Int
    public let tolerance: Double
    private var previous: Double?

    public init(sweeps: Int, tolerance: Double) {
        self.sweeps = sweeps
        self.tolerance = tolerance
    }

    /// Takes in the objective after sweep `sweep`, which counts from 1.
    public mutating func decide(sweep: Int, objective: Double) -> Decision {
        defer { previous = objective }
        if let previous, tolerance > 0, previous - objective < tolerance * previous { return .converged }
        return sweep >= sweeps ? .sweepsDone : .goOn
    }
}
