// Why: what a row's solution depends on beside its ratings and the fixed factors, in one value that travels to
// every worker. Two workers with equal configurations and kernels give equal bytes.

/// How the regularization of a row grows with its number of ratings n.
public enum RegularizationScaling: String, Sendable, Hashable, Codable, CaseIterable {
    /// lambda, the same for every row.
    case none
    /// lambda n: weighted-lambda regularization (Zhou et al. 2008, ALS-WR).
    case count
}

/// How a row's ridge system is solved.
public enum SolverKind: String, Sendable, Hashable, Codable, CaseIterable {
    /// Normal equations by Cholesky.
    case exact
}

/// What determines a row's solution beside its ratings and the fixed factors.
public struct SolverConfiguration: Sendable, Hashable, Codable {
    /// d, 1 or more.
    public var rank: Int
    /// lambda, finite and not negative.
    public var regularization: Double
    public var scaling: RegularizationScaling
    public var solver: SolverKind
    /// Subtracted from every rating before the fit; the mean when the model is centred, else 0.
    public var intercept: Float

    public init(
        rank: Int, regularization: Double, scaling: RegularizationScaling, solver: SolverKind, intercept: Float
    ) {
        self.rank = rank
        self.regularization = regularization
        self.scaling = scaling
        self.solver = solver
        self.intercept = intercept
    }

    /// The regularization of a row with `count` ratings.
    public func regularization(ofRowWith count: Int) -> Double {
        switch scaling {
        case .none: regularization
        case .count: regularization * Double(count)
        }
    }
}
