// Why: what a row's solution depends on beside its ratings and the fixed factors, in one value that travels to
// every worker. Two workers with equal configurations and kernels give equal bytes.

/// How the regularization of a row grows with its number of ratings n.
public enum RegularizationScaling: Sendable, Hashable {
    /// lambda, the same for every row.
    case none
    /// lambda n: weighted-lambda regularization (Zhou et al. 2008, ALS-WR).
    case count
    /// lambda n^nu; with the implicit loss lambda (n + c0 N)^nu, N being the rows of the other side (Rendle et al.
    /// 2021). Nu is 0 to 1: between none and count.
    case power(Double)
}

extension RegularizationScaling: RawRepresentable, Codable {
    /// As an option has it: `none`, `count`, `power:NU`; nil for anything else.
    public init?(rawValue: String) {
        switch rawValue {
        case "none": self = .none
        case "count": self = .count
        default:
            guard rawValue.hasPrefix("power:"), let nu = Double(rawValue.dropFirst(6)), (0...1).contains(nu) else {
                return nil
            }
            self = .power(nu)
        }
    }

    public var rawValue: String {
        switch self {
        case .none: "none"
        case .count: "count"
        case .power(let nu): "power:\(nu)"
        }
    }
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
    /// The loss over all pairs; nil for the squared error of the ratings. The intercept is then 0.
    public var implicit: ImplicitLoss?
    /// Lambda of the biases, above 0 or equal to `regularization`; nil for none. Not with the implicit loss. See
    /// Biases.swift.
    public var biasRegularization: Double?
    /// Whether no factor may be negative; biases may. Not with the solver `cg`.
    public var isNonnegative: Bool

    public init(
        rank: Int, regularization: Double, scaling: RegularizationScaling, solver: SolverKind,
        precision: Precision = .fp32, conjugateGradientSteps: Int = 3, intercept: Float,
        implicit: ImplicitLoss? = nil, biasRegularization: Double? = nil, isNonnegative: Bool = false
    ) {
        self.rank = rank
        self.regularization = regularization
        self.scaling = scaling
        self.solver = solver
        self.precision = precision
        self.conjugateGradientSteps = conjugateGradientSteps
        self.intercept = intercept
        self.implicit = implicit
        self.biasRegularization = biasRegularization
        self.isNonnegative = isNonnegative
    }

    /// The regularization of a row with `count` ratings.
    /// - Parameter others: rows of the other side.
    public func regularization(ofRowWith count: Int, others: Int) -> Double {
        switch scaling {
        case .none: return regularization
        case .count: return regularization * Double(count)
        case .power(let nu):
            let weight = Double(count) + (implicit.map { $0.unseenConfidence * Double(others) } ?? 0)
            if weight == 0 { return nu == 0 ? regularization : 0 }
            return regularization * PortableMath.power(weight, nu)
        }
    }
}
