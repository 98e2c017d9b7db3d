// Why: what a search found is of use when it can be typed: the options of a configuration, without those that would be
// the same by default.

import LeastSquares

extension JobConfiguration {
    /// The options of `mf train` that give this configuration.
    public var arguments: [String] {
        let standard = JobConfiguration()
        var arguments: [String] = []
        func option(_ name: String, _ value: String, unless isDefault: Bool) {
            if !isDefault { arguments += ["--\(name)", value] }
        }
        func flag(_ name: String, _ isOn: Bool, byDefault: Bool) {
            if isOn != byDefault { arguments.append(isOn ? "--\(name)" : "--no-\(name)") }
        }
        let isImplicit = implicit != nil
        option("loss", "implicit", unless: !isImplicit)
        if let implicit {
            let usual = ImplicitLoss()
            option("confidence", implicit.confidence.rawValue, unless: implicit.confidence == usual.confidence)
            option(
                "unseen-confidence", "\(implicit.unseenConfidence)",
                unless: implicit.unseenConfidence == usual.unseenConfidence)
        }
        if isNonnegative { arguments.append("--nonnegative") }
        option("rank", "\(rank)", unless: rank == standard.rank)
        option(
            "regularization", "\(regularization)",
            unless: regularization == Self.standardRegularization(isImplicit: isImplicit))
        option(
            "regularization-scaling", regularizationScaling.rawValue,
            unless: regularizationScaling == standard.regularizationScaling)
        flag("biases", biasRegularization != nil, byDefault: !isImplicit && !isNonnegative)
        if let biasRegularization {
            option("bias-regularization", "\(biasRegularization)", unless: biasRegularization == regularization)
        }
        flag("center", center, byDefault: !isImplicit && !isNonnegative)
        option("solver", solver.rawValue, unless: solver == standard.solver)
        option("precision", precision.rawValue, unless: precision == .standard(for: solver, rank: rank))
        option(
            "cg-steps", "\(conjugateGradientSteps)", unless: conjugateGradientSteps == standard.conjugateGradientSteps)
        option("sweeps", "\(sweeps)", unless: sweeps == standard.sweeps)
        option("tolerance", "\(tolerance)", unless: tolerance == standard.tolerance)
        if let patience { option("patience", "\(patience)", unless: false) }
        flag("extrapolate", extrapolate, byDefault: !isImplicit)
        option("seed", "\(seed)", unless: seed == standard.seed)
        return arguments
    }
}
