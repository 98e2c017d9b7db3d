// Why: the speed of this machine, of its kernels and of the solver, by commands that anyone can run again.

import ArgumentParser
import CommandSupport
import Failures
import Foundation
import LeastSquares
import Training

extension KernelLevel: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures kernels and half-steps on this machine.",
        subcommands: [BenchKernels.self, BenchHalfStep.self])
}

/// How a half-step is to be solved.
struct BenchSolverOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Factors of each user and item.", valueName: "d"))
    var rank = JobConfiguration().rank

    @Option(help: ArgumentHelp("Weight of the factors' squares in the objective.", valueName: "lambda"))
    var regularization = JobConfiguration().regularization

    @Option(help: "How the regularization of a row grows with its ratings: not at all, or with their count.")
    var regularizationScaling = JobConfiguration().regularizationScaling

    @Option(help: "How a row is solved.")
    var solver = SolverKind.auto

    @Option(help: "Precision of the Gram matrices' products.")
    var precision = Precision.fp32

    @Option(help: ArgumentHelp("Steps of conjugate gradients a row.", valueName: "n"))
    var cgSteps = 3

    @Option(help: ArgumentHelp("Threads; all cores by default.", valueName: "n"))
    var threads = ProcessInfo.processInfo.activeProcessorCount

    @Option(help: "Instruction set; the highest that this machine has by default.")
    var kernels: KernelLevel?

    func validate() throws {
        if rank < 1 || rank > JobConfiguration.maximumRank { throw ValidationError("--rank must be 1 to \(JobConfiguration.maximumRank).") }
        if !regularization.isFinite || regularization < 0 { throw ValidationError("--regularization must be 0 or more.") }
        if cgSteps < 1 { throw ValidationError("--cg-steps must be 1 or more.") }
        if threads < 1 { throw ValidationError("--threads must be 1 or more.") }
    }

    func chosenKernels() throws(Failure) -> Kernels {
        guard let kernels else { return .best }
        return try Kernels(level: kernels)
    }

    func configuration(intercept: Float) -> SolverConfiguration {
        SolverConfiguration(
            rank: rank, regularization: regularization, scaling: regularizationScaling, solver: solver,
            precision: precision, conjugateGradientSteps: cgSteps, intercept: intercept)
    }
}

/// `value` with `digits` behind the point, right-aligned in `width`.
func column(_ value: Double, _ width: Int, digits: Int = 2) -> String {
    let text = String(format: "%.\(digits)f", value)
    return String(repeating: " ", count: max(0, width - text.count)) + text
}
