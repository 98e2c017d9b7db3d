// Why: rows with few ratings and rows with many are solved fastest in different ways. The choice depends on the
// configuration and the row's number of ratings alone, never on the machine or on what else is being solved, because
// different ways round differently and a block must give the same bytes wherever it is solved.

/// How one row is solved.
package enum RowMethod: Sendable, Hashable {
    /// No ratings: zeros.
    case none
    /// (F'F + lambda I) x = F'r by Cholesky: n d^2 + d^3 / 3 operations.
    case primal
    /// (FF' + lambda I) a = r, x = F'a: n^2 d + n^3 / 3 operations; the same x (Pilaszy & Tikk 2009).
    case dual
    /// (F'F + lambda I) x = F'r under x >= 0, by a few systems of some of the unknowns: n d^2 operations, and up to d^3
    /// / 3 for each. See ``PrincipalPivoting``.
    case nonnegative
    /// Conjugate gradients from the present factors: 4 n d operations a step, and as many before the first.
    /// With the preconditioner of ``FixedSide``, 2 d^2 more a step.
    case conjugateGradient(steps: Int, preconditioned: Bool)

    /// Whether it finds the solution whatever the present factors are.
    var isExact: Bool {
        if case .conjugateGradient = self { false } else { true }
    }
}

extension SolverConfiguration {
    /// How a row with `count` ratings is solved.
    package func method(ratingCount count: Int) -> RowMethod {
        if count == 0 { return .none }
        if isNonnegative { return .nonnegative }
        if let implicit { return method(implicit) }
        switch solver {
        case .exact: return exactMethod(ratingCount: count)
        case .cg: return .conjugateGradient(steps: conjugateGradientSteps, preconditioned: false)
        case .auto:
            if rank <= Self.highestRankSolvedExactly { return exactMethod(ratingCount: count) }
            // A row long enough to look like the preconditioner needs fewer steps, and one longer still fewer again.
            let saved = !usesPreconditioner || count < longRatingCount ? 0 : count < 4 * longRatingCount ? 1 : 2
            return .conjugateGradient(steps: max(conjugateGradientSteps - saved, 1), preconditioned: saved > 0)
        }
    }

    /// How a row of the implicit loss is solved: all have c0 G in their matrix, so for all of them a preconditioner
    /// saves a step, and none is short enough for the dual system.
    private func method(_ implicit: ImplicitLoss) -> RowMethod {
        switch solver {
        case .auto where rank <= Self.highestRankSolvedExactly: .primal
        case .auto where usesPreconditioner && implicit.unseenConfidence > 0:
            .conjugateGradient(steps: max(conjugateGradientSteps - 1, 1), preconditioned: true)
        case .auto: .conjugateGradient(steps: conjugateGradientSteps, preconditioned: false)
        case .exact: .primal
        case .cg: .conjugateGradient(steps: conjugateGradientSteps, preconditioned: false)
        }
    }

    /// Whether any row's method has a preconditioner.
    var usesPreconditioner: Bool {
        solver == .auto && !isNonnegative && rank > Self.highestRankSolvedExactly
            && rank <= Self.highestRankPreconditioned
    }

    /// Up to here a Gram matrix is at most a vector wide, and costs no more than a step of conjugate gradients.
    fileprivate static let highestRankSolvedExactly = 16

    /// Beyond, making the preconditioner takes longer than it saves.
    private static let highestRankPreconditioned = 1024

    /// From here on the preconditioner saves more than it costs and loses.
    private var longRatingCount: Int { max(256, 4 * rank) }

    /// The dual system is the smaller one, and its matrix is computed at a lower rate.
    private func exactMethod(ratingCount count: Int) -> RowMethod {
        count < rank / 2 ? .dual : .primal
    }
}

extension Precision {
    /// What a solver uses unless told otherwise. `auto` is free to choose what is faster and as good: on ratings
    /// bfloat16 is, but at low ranks, whose rows are a cache line either way. `exact` and `cg` do what they say, in
    /// single precision.
    public static func standard(for solver: SolverKind, rank: Int) -> Precision {
        solver == .auto && rank > SolverConfiguration.highestRankSolvedExactly ? .bf16 : .fp32
    }
}
