// Why: a job is determined by its ratings and this value; how many workers run it, and where, is not part of it.

import Failures
import LeastSquares

/// What determines a model beside the ratings.
public struct JobConfiguration: Sendable, Hashable, Codable {
    /// d, 1 or more.
    public var rank: Int
    /// lambda, finite and not negative. Setting another loss leaves it as it is.
    public var regularization: Double
    public var regularizationScaling: RegularizationScaling
    /// The loss over all pairs; nil for the squared error of the ratings.
    public var implicit: ImplicitLoss?
    public var solver: SolverKind
    /// The form in which rows meet the fixed side's factors. Setting another solver or rank leaves it as it is.
    public var precision: Precision
    /// Steps of conjugate gradients for the rows solved so, 1 or more.
    public var conjugateGradientSteps: Int
    /// Whether the mean of the training ratings is subtracted before the fit; not with the implicit loss.
    public var center: Bool
    /// Lambda of the biases; nil for a model without biases, as with the implicit loss.
    public var biasRegularization: Double?
    /// Whether no factor may be negative.
    public var isNonnegative: Bool {
        get { nonnegative ?? false }
        set { nonnegative = newValue ? true : nil }
    }
    // Nil and never false, as in models that were made before there was such a thing.
    private var nonnegative: Bool?
    /// The most sweeps, 1 or more.
    public var sweeps: Int
    /// Training stops when a sweep lowers the objective by less than this fraction of it. 0 runs every sweep.
    public var tolerance: Double
    /// Training stops when so many sweeps have not lowered the held-out error, and the sweep with the least is kept;
    /// nil to go by the objective alone and keep the last.
    public var patience: Int?
    /// Whether item factors are extrapolated between sweeps; see ``Extrapolation``.
    public var extrapolate: Bool
    /// Seed of the initial factors.
    public var seed: UInt64

    /// - Parameters:
    ///   - regularization: by default that of the loss, see ``standardRegularization(isImplicit:)``.
    ///   - precision: that of the solver by default, see `Precision.standard`.
    ///   - center: by default, as extrapolation, unless the loss is implicit.
    public init(
        rank: Int = 64, regularization: Double? = nil, regularizationScaling: RegularizationScaling = .count,
        implicit: ImplicitLoss? = nil, solver: SolverKind = .auto, precision: Precision? = nil,
        conjugateGradientSteps: Int = 3, center: Bool? = nil, biasRegularization: Double? = nil,
        isNonnegative: Bool = false,
        sweeps: Int = 15,
        tolerance: Double = 1e-4,
        patience: Int? = nil, extrapolate: Bool? = nil, seed: UInt64 = 1
    ) {
        self.rank = rank
        self.regularization = regularization ?? Self.standardRegularization(isImplicit: implicit != nil)
        self.regularizationScaling = regularizationScaling
        self.implicit = implicit
        self.solver = solver
        self.precision = precision ?? .standard(for: solver, rank: rank)
        self.conjugateGradientSteps = conjugateGradientSteps
        self.center = center ?? (implicit == nil)
        self.biasRegularization = biasRegularization
        nonnegative = isNonnegative ? true : nil
        self.sweeps = sweeps
        self.tolerance = tolerance
        self.patience = patience
        self.extrapolate = extrapolate ?? (implicit == nil)
        self.seed = seed
    }

    enum CodingKeys: String, CodingKey {
        case rank, regularization, implicit, nonnegative, solver, precision, center, sweeps, tolerance, patience,
            extrapolate, seed
        case regularizationScaling = "regularization_scaling"
        case conjugateGradientSteps = "cg_steps"
        case biasRegularization = "bias_regularization"
    }
}

extension JobConfiguration {
    /// Lambda unless it is given, for the scaling by counts: what did well on MovieLens 1M and generated ratings, and
    /// with a confidence of 1 + r on events from MovieLens 100K and 1M and Gowalla (docs/performance.md).
    public static func standardRegularization(isImplicit: Bool) -> Double { isImplicit ? 0.16 : 0.08 }

    /// The largest rank: a row's factors then fit one message many times over.
    public static let maximumRank = 4096
    /// The most sweeps.
    public static let maximumSweeps = 1_000_000
    /// The most steps of conjugate gradients a row is given.
    public static let maximumConjugateGradientSteps = 10_000

    /// - Throws: a ``Failure`` of kind `usage` that names the first option that is out of its range.
    public func validate() throws(Failure) {
        func require(_ condition: Bool, _ what: String, _ option: String, _ remedy: String) throws(Failure) {
            if !condition { throw Failure(.usage, what, at: "--\(option)", remedy: remedy) }
        }
        try require(
            (1...Self.maximumRank).contains(rank), "the rank is \(rank)", "rank", "give 1 to \(Self.maximumRank)")
        try require(
            regularization >= 0 && regularization.isFinite, "the regularization is \(regularization)",
            "regularization", "give a number of 0 or more")
        try require(
            (1...Self.maximumSweeps).contains(sweeps), "the number of sweeps is \(sweeps)", "sweeps",
            "give 1 to \(Self.maximumSweeps)")
        try require(
            (1...Self.maximumConjugateGradientSteps).contains(conjugateGradientSteps),
            "the number of steps is \(conjugateGradientSteps)", "cg-steps",
            "give 1 to \(Self.maximumConjugateGradientSteps)")
        try require(
            tolerance >= 0 && tolerance < 1, "the tolerance is \(tolerance)", "tolerance",
            "give a number of 0 or more and less than 1")
        try require(
            patience.map { $0 >= 1 } ?? true, "the patience is \(patience ?? 0)", "patience", "give 1 sweep or more")
        if let biasRegularization {
            // Each is the other's unit in the equations, in single precision.
            try require(
                biasRegularization == regularization
                    || (regularization > 0 && (1e-6...1e6).contains(biasRegularization / regularization)),
                "the regularization of the biases is \(biasRegularization), and that of the factors \(regularization)",
                "bias-regularization", "give numbers that are equal, or above 0 and within a factor of a million")
        }
        try require(
            !isNonnegative || solver != .cg, "conjugate gradients do not keep factors from being negative", "solver",
            "give auto or exact with --nonnegative")
        guard let implicit else { return }
        try require(
            biasRegularization == nil, "the implicit loss has no biases", "biases", "leave it out")
        try require(
            implicit.unseenConfidence >= 0 && implicit.unseenConfidence.isFinite,
            "the confidence of unseen pairs is \(implicit.unseenConfidence)", "unseen-confidence",
            "give a number of 0 or more")
        try require(!center, "the implicit loss has no mean to subtract", "center", "leave it out")
    }

    /// What ``validate()`` finds, for what was read from a file; nil when it finds nothing.
    public var defect: String? {
        do throws(Failure) { try validate() } catch { return error.what }
        return nil
    }

    /// Checks that the implicit loss can take ratings between `minimum` and `maximum`.
    /// - Throws: a ``Failure`` of kind `usage` when a confidence would be below that of unseen pairs, or not finite.
    public func validate(ratingsFrom minimum: Float, to maximum: Float) throws(Failure) {
        guard let implicit else { return }
        // Confidence rises with the rating.
        let (least, greatest) = (implicit.confidence(of: minimum), implicit.confidence(of: maximum))
        guard greatest.isFinite, Double(least) >= implicit.unseenConfidence else {
            throw Failure(
                .usage,
                "the ratings, \(minimum) to \(maximum), would have confidences of \(least) to \(greatest), which must "
                    + "be finite and not below that of unseen pairs, \(implicit.unseenConfidence)",
                at: "--confidence \(implicit.confidence.rawValue)",
                remedy: "choose another --confidence, or a lower --unseen-confidence")
        }
    }

    /// Numbers of a row as it is solved, sent and kept: `SolverConfiguration.width`.
    public var width: Int { solverConfiguration(mean: 0).width }

    /// What the workers need of it for ratings whose mean is `mean`.
    public func solverConfiguration(mean: Double) -> SolverConfiguration {
        SolverConfiguration(
            rank: rank, regularization: regularization, scaling: regularizationScaling, solver: solver,
            precision: precision, conjugateGradientSteps: conjugateGradientSteps, intercept: center ? Float(mean) : 0,
            implicit: implicit, biasRegularization: biasRegularization, isNonnegative: isNonnegative)
    }
}

extension JobConfiguration {
    /// What differs from `other`, for a person: `--rank 64 instead of 32`. Empty only when they are equal.
    public func differences(from other: JobConfiguration) -> [String] {
        let (mine, others) = (options, other.options)
        return Set(mine.keys).union(others.keys).sorted().filter { mine[$0] != others[$0] }.map {
            "--\($0) \(mine[$0] ?? "not given") instead of \(others[$0] ?? "not given")"
        }
    }

    /// The values by the names of their options.
    private var options: [String: String] {
        var options = [
            "rank": "\(rank)", "regularization": "\(regularization)",
            "regularization-scaling": regularizationScaling.rawValue, "solver": solver.rawValue,
            "precision": precision.rawValue, "cg-steps": "\(conjugateGradientSteps)", "center": "\(center)",
            "sweeps": "\(sweeps)", "tolerance": "\(tolerance)", "extrapolate": "\(extrapolate)", "seed": "\(seed)",
        ]
        options["nonnegative"] = "\(isNonnegative)"
        options["biases"] = "\(biasRegularization != nil)"
        if let biasRegularization { options["bias-regularization"] = "\(biasRegularization)" }
        if let patience { options["patience"] = "\(patience)" }
        options["loss"] = implicit == nil ? "explicit" : "implicit"
        if let implicit {
            options["confidence"] = implicit.confidence.rawValue
            options["unseen-confidence"] = "\(implicit.unseenConfidence)"
        }
        return options
    }
}
