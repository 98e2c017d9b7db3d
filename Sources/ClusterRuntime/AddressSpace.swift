// Why: under a hard limit (`ulimit -v`, `prlimit --as`, strict overcommit) the first allocation that does not fit ends
// the process, wherever it happens to be. So what a job needs is asked for at once, before any of it is taken; a worker
// that cannot have it says so, leaves, and the job goes on without it.

import Cluster
import Failures
import Glibc

/// The address space that the operating system lets this process have.
enum AddressSpace {
    /// Requires that `need` can be had, and the stacks of `threads` threads.
    /// - Throws: a ``Failure`` of kind `system` with the number and the remedy.
    static func require(_ need: MemoryNeed, threads: Int) throws(Failure) {
        let byteCount = need.total + threads * SystemMemory.stackByteCount
        let start = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let start, start != MAP_FAILED else {
            throw Failure(
                .system, "cannot take the \(ByteSize(byteCount)) that this worker needs for the job",
                remedy: "raise the limit on its memory (ulimit -v), free some, or lower the rank")
        }
        // Never touched, so it took no memory.
        munmap(start, byteCount)
    }
}
