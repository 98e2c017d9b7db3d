// Why: the speed of this machine, of its kernels and of the solver, by commands that anyone can run again.

import ArgumentParser
import Cluster
import CommandSupport
import Failures
import Foundation
import LeastSquares
import Training

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures kernels, half-steps and whole jobs on this machine.",
        subcommands: [BenchKernels.self, BenchHalfStep.self, BenchTrain.self])
}

/// How a half-step is to be solved.
struct BenchSolverOptions: ParsableArguments {
    @OptionGroup var solver: SolverOptions

    @Option(help: ArgumentHelp("Threads; all cores by default.", valueName: "n"))
    var threads = ProcessInfo.processInfo.activeProcessorCount

    @OptionGroup var kernels: KernelOptions

    func chosenKernels() throws(Failure) -> Kernels { try kernels.chosenKernels() }

    /// - Throws: a ``Failure`` of kind `usage`.
    func configuration(mean: Double) throws(Failure) -> SolverConfiguration {
        try requireCount(threads, atMost: Limits.threadCount, option: "--threads")
        var configuration = JobConfiguration()
        try solver.apply(to: &configuration)
        try configuration.validate()
        return configuration.solverConfiguration(mean: mean)
    }
}

/// `value` with `digits` behind the point, right-aligned in `width`.
func column(_ value: Double, _ width: Int, digits: Int = 2) -> String {
    let text = String(format: "%.\(digits)f", value)
    return String(repeating: " ", count: max(0, width - text.count)) + text
}
