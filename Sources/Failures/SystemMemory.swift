// Why: under a hard limit (`ulimit -v`, `prlimit --as`, strict overcommit) an allocation that fails ends the process
// wherever it happens to be, and a thread that cannot be had is waited for for ever. So large pieces come from the
// system itself, which can say no, and only as long as something is left beside them for all that is small.

import Glibc

/// Memory of the operating system.
public enum SystemMemory {
    /// The stack of a thread as the C library makes it.
    public static let stackByteCount = 8 << 20
    /// What small allocations may take beside.
    private static let smallByteCount = 32 << 20
    /// What is left beside every large piece: for a thread a core, and for what is small.
    private static let reserveByteCount = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) * stackByteCount + smallByteCount

    /// Takes memory of its own pages, zero at first; to be given back with `munmap`.
    /// - Parameters:
    ///   - byteCount: 1 or more.
    ///   - purpose: for the message, such as "9 rows of 64 factors".
    /// - Throws: a ``Failure`` of kind `system` when it cannot be had, or nothing would be left beside it.
    public static func map(
        _ byteCount: Int, for purpose: @autoclosure () -> String, remedy: @autoclosure () -> String = ""
    ) throws(Failure) -> UnsafeMutableRawPointer {
        guard let start = take(byteCount) else {
            let more = remedy()
            throw refusal(byteCount, purpose(), remedy: more.isEmpty ? "" : ", or \(more)")
        }
        return start
    }

    /// Requires that there is memory left for threads and for what is small.
    /// - Throws: a ``Failure`` of kind `system` when it cannot be had.
    public static func requireReserve() throws(Failure) {
        guard let start = take(1) else { throw refusal(reserveByteCount, "this program and its threads") }
        munmap(start, 1)
    }

    private static func refusal(_ byteCount: Int, _ purpose: String, remedy: String = "") -> Failure {
        Failure(
            .system, "cannot take \(byteCount >> 20 + 1) MiB of memory for \(purpose)",
            remedy: "free some memory, or raise the limit on it (ulimit -v)\(remedy)")
    }

    /// Maps `byteCount` bytes if the reserve fits beside them.
    private static func take(_ byteCount: Int) -> UnsafeMutableRawPointer? {
        let pageByteCount = sysconf(Int32(_SC_PAGESIZE))
        // More than half of what can be counted is more than can be addressed.
        guard byteCount < Int.max / 2 else { return nil }
        let kept = (byteCount + pageByteCount - 1) / pageByteCount * pageByteCount
        guard
            let start = mmap(nil, kept + reserveByteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            start != MAP_FAILED
        else { return nil }
        // Never touched, so it took no memory.
        munmap(start + kept, reserveByteCount)
        return start
    }
}
