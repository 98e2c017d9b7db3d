// Why: factors are read at random, and a random row is a miss in the TLB before it is one in the cache unless large
// memory lies in 2 MiB pages.

import Failures
import Glibc

/// Memory of its own pages, zero at first, that takes nothing until it is touched.
final class PageMemory: @unchecked Sendable {
    // Unchecked: the object never changes; who may write what is behind it is its owner's rule.
    let start: UnsafeMutableRawPointer
    let byteCount: Int
    private let mapping: UnsafeMutableRawBufferPointer

    private static let hugePageByteCount = 2 << 20
    /// More cannot be addressed.
    static let maximumByteCount = Int.max - hugePageByteCount

    /// - Parameters:
    ///   - byteCount: at most ``maximumByteCount``.
    ///   - purpose: for the message, such as "9 rows of 64 factors".
    /// - Throws: a ``Failure`` of kind `system` when the operating system does not give the memory.
    init(byteCount: Int, for purpose: @autoclosure () -> String) throws(Failure) {
        let isLarge = byteCount >= Self.hugePageByteCount
        // Room to begin at a multiple of the page size that we hope for.
        let mappedByteCount = max(isLarge ? byteCount + Self.hugePageByteCount : byteCount, 1)
        let first = try SystemMemory.map(mappedByteCount, for: purpose(), remedy: "lower the rank")
        mapping = UnsafeMutableRawBufferPointer(start: first, count: mappedByteCount)
        self.byteCount = byteCount
        guard isLarge else {
            start = first
            return
        }
        let mask = UInt(Self.hugePageByteCount) - 1
        start = UnsafeMutableRawPointer(bitPattern: (UInt(bitPattern: first) + mask) & ~mask)!
        // Only advice: without huge pages everything is the same, but slower.
        _ = madvise(start, byteCount, MADV_HUGEPAGE)
    }

    deinit { munmap(mapping.baseAddress!, mapping.count) }
}
