// Why: instruction sets round differently, so a comparison between machines needs the same one on all of them.

import ArgumentParser
import Failures
import Foundation
import LeastSquares

extension KernelLevel: ExpressibleByArgument {}

/// Which kernels may be used.
public struct KernelOptions: ParsableArguments {
    @Option(help: "Use the kernels of this instruction set only; also by the environment variable MF_KERNELS.")
    public var kernels: KernelLevel?

    public init() {}

    /// The kernels that were asked for, or else the best of this machine.
    /// - Throws: a ``Failure``: `usage` as ``level()`` does, `unavailable` when this machine lacks them.
    public func chosenKernels() throws(Failure) -> Kernels {
        try level().map { level throws(Failure) in try Kernels(level: level) } ?? .best
    }

    /// The level that was asked for, if one was; the option goes before the environment.
    /// - Throws: a ``Failure`` of kind `usage` when MF_KERNELS names no level.
    public func level() throws(Failure) -> KernelLevel? {
        if let kernels { return kernels }
        guard let name = ProcessInfo.processInfo.environment["MF_KERNELS"], !name.isEmpty else { return nil }
        guard let level = KernelLevel(rawValue: name) else {
            throw Failure(
                .usage, "there is no kernel level \(name)", at: "MF_KERNELS",
                remedy: "set it to one of \(KernelLevel.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return level
    }
}
