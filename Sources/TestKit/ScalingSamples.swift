// Why: tests run over all ways of scaling the regularization, one of which has a number.

import LeastSquares

extension RegularizationScaling {
    /// One of each.
    public static let samples: [RegularizationScaling] = [.none, .count, .power(0.4)]
}
