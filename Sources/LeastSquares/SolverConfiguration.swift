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
    /// Whichever of the others is faster for the row at the same quality: see ``RowMethod``.
    case auto
    /// Normal equations by Cholesky.
    case exact
    /// Steps of conjugate gradients from the row's present factors (Takacs et al. 2011).
    case cg
}

/// The form in which rows meet the factors of the fixed side. All sums and solutions are in single precision.
public enum Precision: String, Sendable, Hashable, Codable, CaseIterable {
    /// As they were solved, in single precision.
    case fp32
    /// Rounded to bfloat16, each by at most 2^-8 of itself: half the memory to read, and for Gram matrices twice the
    /// speed where the processor has bfloat16 products.
    case bf16
}

/// What determines a row's solution beside its ratings and the fixed factors.
public struct SolverConfiguration: Sendable, Hashable, Codable {
    /// d, 1 or more.
    public var rank: Int
    /// lambda, finite and not negative.
    public var regularization: Double
    public var scaling: RegularizationScaling
    public var solver: SolverKind
    public var precision: Precision
    /// Steps of conjugate gradients for the rows solved so, 1 or more.
    public var conjugateGradientSteps: Int
    /// Subtracted from every rating before the fit; the mean when the model is centred, else 0.
    public var intercept: Float

    public init(
        rank: Int, regularization: Double, scaling: RegularizationScaling, solver: SolverKind,
        precision: Precision = .fp32, conjugateGradientSteps: Int = 3, intercept: Float
    ) {
        self.rank = rank
        self.regularization = regularization
        self.scaling = scaling
        self.solver = solver
        self.precision = precision
        self.conjugateGradientSteps = conjugateGradientSteps
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
