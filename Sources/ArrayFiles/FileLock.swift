// Why: two processes that write the same files, or listen on the same path, each believe that they are alone. A lock
// is the kernel's, so a process that is killed leaves none behind.

import Failures
import Glibc

/// An exclusive lock on a file, held as long as this object lives.
public final class FileLock: Sendable {
    private let descriptor: Int32

    /// Takes the lock; makes the file if need be, which stays: to remove it would let a third process lock a new one
    /// beside a second that waits.
    /// - Throws: `taken` when another process has it.
    public init(path: String, taken: Failure) throws(Failure) {
        let descriptor = try systemCall("create the lock", at: path, kind: .cannotCreate) {
            open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw taken
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }
}
