// Why: which instruction set does the arithmetic is decided once, for the whole job, because instruction sets
// round differently and every worker must give the same bytes. From then on it is a value that is passed down.

import CKernels
import Failures

/// An instruction set for which there are kernels, lowest first.
public enum KernelLevel: String, Sendable, Hashable, Codable, CaseIterable, Comparable {
    /// Plain C for the baseline of the architecture.
    case portable
    /// 64-bit ARM.
    case neon
    /// x86-64 with AVX2 and fused multiply-add.
    case avx2
    /// x86-64 with AVX-512 F, BW, DQ and VL.
    case avx512
    /// AVX-512 with dot products of bfloat16 pairs.
    case avx512bf16

    /// The levels that this machine has, lowest first; never empty.
    public static var available: [KernelLevel] { allCases.filter { $0.table != nil } }

    public static func < (left: KernelLevel, right: KernelLevel) -> Bool {
        allCases.firstIndex(of: left)! < allCases.firstIndex(of: right)!
    }

    fileprivate var table: UnsafePointer<mf_kernels>? {
        switch self {
        case .portable: mf_kernels_portable()
        case .neon: mf_kernels_neon()
        case .avx2: mf_kernels_avx2()
        case .avx512: mf_kernels_avx512()
        case .avx512bf16: mf_kernels_avx512bf16()
        }
    }
}

/// The kernels of one level.
public struct Kernels: Sendable {
    public let level: KernelLevel
    // Safe to share: a constant of the C target.
    nonisolated(unsafe) let table: UnsafePointer<mf_kernels>

    /// - Throws: a ``Failure`` of kind `unavailable` when this machine lacks `level`.
    public init(level: KernelLevel) throws(Failure) {
        guard let table = level.table else {
            throw Failure(
                .unavailable, "this machine lacks the kernel level \(level.rawValue)",
                remedy: "choose one of \(KernelLevel.available.map(\.rawValue).joined(separator: ", "))")
        }
        self.level = level
        self.table = table
    }

    /// The kernels of the highest level that this machine has.
    public static var best: Kernels {
        let level = KernelLevel.available.last!
        return Kernels(level: level, table: level.table!)
    }

    private init(level: KernelLevel, table: UnsafePointer<mf_kernels>) {
        self.level = level
        self.table = table
    }
}
