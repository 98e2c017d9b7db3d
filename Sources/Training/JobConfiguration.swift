// Why: a job is determined by its ratings and this value; how many workers run it, and where, is not part of it.

import LeastSquares

/// What determines a model beside the ratings.
public struct JobConfiguration: Sendable, Hashable, Codable {
    /// d, 1 or more.
    public var rank: Int
    /// lambda, finite and not negative.
    public var regularization: Double
    public var regularizationScaling: RegularizationScaling
    public var solver: SolverKind
    /// Whether the mean of the training ratings is subtracted before the fit.
    public var center: Bool
    /// The most sweeps, 1 or more.
    public var sweeps: Int
    /// Training stops when a sweep lowers the objective by less than this fraction of it. 0 runs every sweep.
    public var tolerance: Double
    /// Seed of the initial factors.
    public var seed: UInt64

    public init(
        rank: Int = 64, regularization: Double = 0.08, regularizationScaling: RegularizationScaling = .count,
        solver: SolverKind = .exact, center: Bool = true, sweeps: Int = 15, tolerance: Double = 1e-4, seed: UInt64 = 1
    ) {
        self.rank = rank
        self.regularization = regularization
        self.regularizationScaling = regularizationScaling
        self.solver = solver
        self.center = center
        self.sweeps = sweeps
        self.tolerance = tolerance
        self.seed = seed
    }

    enum CodingKeys: String, CodingKey {
        case rank, regularization, solver, center, sweeps, tolerance, seed
        case regularizationScaling = "regularization_scaling"
    }
}
