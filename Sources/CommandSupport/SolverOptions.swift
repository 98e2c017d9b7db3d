// Why: training and the benchmarks of the solver take the same options for the same solver.

import ArgumentParser
import LeastSquares
import Training

extension RegularizationScaling: ExpressibleByArgument {}
extension SolverKind: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}

/// How rows are solved.
public struct SolverOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Factors of each user and item.", valueName: "d"))
    public var rank = JobConfiguration().rank

    @Option(help: ArgumentHelp("Weight of the factors' squares in the objective.", valueName: "lambda"))
    public var regularization = JobConfiguration().regularization

    @Option(help: "How the regularization of a row grows with its ratings: not at all, or with their count.")
    public var regularizationScaling = JobConfiguration().regularizationScaling

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
    public func apply(to configuration: inout JobConfiguration) {
        configuration.rank = rank
        configuration.regularization = regularization
        configuration.regularizationScaling = regularizationScaling
        configuration.solver = solver
        configuration.precision = precision ?? .standard(for: solver, rank: rank)
        configuration.conjugateGradientSteps = cgSteps
    }
}
