// Why: training and the benchmarks of the solver take the same options for the same solver.

import ArgumentParser
import Failures
import LeastSquares
import Training

extension RegularizationScaling: ExpressibleByArgument {}
extension Confidence: ExpressibleByArgument {}
extension SolverKind: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}

/// What training lowers.
public enum LossOption: String, CaseIterable, ExpressibleByArgument, Sendable { case explicit, implicit }

/// How rows are solved.
public struct SolverOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Factors of each user and item.", valueName: "d"))
    public var rank = JobConfiguration().rank

    @Option(
        help: ArgumentHelp(
            """
            Weight of the factors' squares in the objective. \
            (default: \(JobConfiguration.standardRegularization(isImplicit: false)), or \
            \(JobConfiguration.standardRegularization(isImplicit: true)) with the implicit loss)
            """, valueName: "lambda"))
    public var regularization: Double?

    @Option(
        help: ArgumentHelp(
            """
            How the regularization of a row grows with its n ratings: not at all, with n, or with n^NU, NU from 0 to 1 \
            (with the implicit loss (n + c0 N)^NU, N being the rows of the other side).
            """, valueName: "none|count|power:NU"))
    public var regularizationScaling = JobConfiguration().regularizationScaling

    @Option(
        help: """
            What is fitted: the ratings, or for implicit feedback a preference of 1 for every stored pair and 0 for \
            all others, each with its confidence.
            """)
    public var loss = LossOption.explicit

    @Option(
        help: ArgumentHelp(
            """
            With the implicit loss the confidence of a stored pair, from its value r: 1 + ALPHA r, \
            1 + ALPHA ln(1 + r / EPS), or r itself. (default: linear:1)
            """, valueName: "linear:ALPHA|log:ALPHA:EPS|value"))
    public var confidence: Confidence?

    @Option(
        help: ArgumentHelp(
            "With the implicit loss the confidence of all other pairs; 0 to leave them out. (default: 1)",
            valueName: "c0"))
    public var unseenConfidence: Double?

    @Flag(
        inversion: .prefixedNo,
        help: "Fit a bias for each user and each item. (default: unless the loss is implicit, or with --nonnegative)")
    public var biases: Bool?

    @Option(
        help: ArgumentHelp(
            "Lambda of the biases, scaled as that of the factors is. (default: --regularization)", valueName: "lambda"))
    public var biasRegularization: Double?

    @Flag(help: "Let no factor be negative; the mean is then subtracted only with --center.")
    public var nonnegative = false

    @Option(help: "How a row is solved; auto chooses for each row the faster of the others.")
    public var solver = JobConfiguration().solver

    @Option(
        help: """
            How rows meet the factors of the fixed side: as they are, or rounded to bfloat16, which is faster and on \
            ratings as good. (default: bf16 with --solver auto above rank 16, else fp32)
            """)
    public var precision: Precision?

    @Option(
        help: ArgumentHelp(
            "Steps of conjugate gradients for the rows solved so; with auto one or two fewer for long ones.",
            valueName: "n"))
    public var cgSteps = JobConfiguration().conjugateGradientSteps

    public init() {}

    /// Sets what these options say; ``JobConfiguration/validate()`` checks it.
    /// - Throws: a ``Failure`` of kind `usage` when one is of the other loss.
    public func apply(to configuration: inout JobConfiguration) throws(Failure) {
        switch loss {
        case .explicit:
            guard confidence == nil, unseenConfidence == nil else {
                throw Failure(
                    .usage, "the explicit loss has no confidences",
                    at: confidence != nil ? "--confidence" : "--unseen-confidence", remedy: "give --loss implicit too")
            }
        case .implicit:
            let standard = ImplicitLoss()
            configuration.implicit = ImplicitLoss(
                confidence: confidence ?? standard.confidence,
                unseenConfidence: unseenConfidence ?? standard.unseenConfidence)
            (configuration.center, configuration.extrapolate) = (false, false)
        }
        configuration.regularization =
            regularization ?? JobConfiguration.standardRegularization(isImplicit: loss == .implicit)
        let hasBiases = biases ?? (loss == .explicit && !nonnegative)
        guard hasBiases || biasRegularization == nil else {
            throw Failure(.usage, "there are no biases", at: "--bias-regularization", remedy: "give --biases too")
        }
        configuration.biasRegularization = hasBiases ? biasRegularization ?? configuration.regularization : nil
        configuration.isNonnegative = nonnegative
        if nonnegative { configuration.center = false }
        configuration.rank = rank
        configuration.regularizationScaling = regularizationScaling
        configuration.solver = solver
        configuration.precision = precision ?? .standard(for: solver, rank: rank)
        configuration.conjugateGradientSteps = cgSteps
    }
}
