// Why: two processes that write the same files, or listen on the same path, each believe that they are alone. A lock
// is the kernel's, so a process that is killed leaves none behind.

import Failures
import Glibc

/// An exclusive lock on a file, held as long as this object lives.
public final class FileLock: Sendable {
    private let descriptor: Int32
    private let path: String

    /// Takes the lock; makes the file if need be.
    /// - Throws: `taken` when another process has it; another ``Failure`` when the file cannot be made, or its disk
    ///   knows no locks.
    public init(path: String, taken: Failure) throws(Failure) {
        self.path = path
        descriptor = try systemCall("create the lock", at: path, kind: .cannotCreate) {
            open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        }
        // From here on the end of this object, which a failure is too, closes it.
        let isTaken = try systemCall("lock", at: path) {
            let result = flock(descriptor, LOCK_EX | LOCK_NB)
            return result == -1 && errno == EWOULDBLOCK ? 1 : result
        }
        if isTaken == 1 { throw taken }
    }

    deinit { close(descriptor) }

    /// Whether the file is still the one at its path. Where locks are removed at their end, one that was opened before
    /// may be locked after: a third process can then lock a new one beside it.
    public var isAtItsPath: Bool {
        var (open, named) = (stat(), stat())
        return fstat(descriptor, &open) == 0 && stat(path, &named) == 0
            && open.st_ino == named.st_ino && open.st_dev == named.st_dev
    }
}
