// Why: two processes that write the same files, or listen on the same path, each believe that they are alone. A lock
// is the kernel's, so a process that is killed leaves none behind.

import Failures
import Glibc

/// An exclusive lock on a file, held as long as this object lives.
public final class FileLock: Sendable {
    private let descriptor: Int32

    /// Takes the lock; makes the file if need be, which stays: to remove it would let a third process lock a new one
    /// beside a second that waits.
    /// - Throws: `taken` when another process has it; another ``Failure`` when the file cannot be made, or its disk
    ///   knows no locks.
    public init(path: String, taken: Failure) throws(Failure) {
        let descriptor = try systemCall("create the lock", at: path, kind: .cannotCreate) {
            open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        }
        do throws(Failure) {
            guard try Self.lock(descriptor, path: path) else { throw taken }
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Locks an open file.
    /// - Returns: false when another process has it locked.
    /// - Throws: a ``Failure`` when it cannot be locked at all.
    public static func lock(_ descriptor: Int32, path: String) throws(Failure) -> Bool {
        try systemCall("lock", at: path) {
            let result = flock(descriptor, LOCK_EX | LOCK_NB)
            return result == -1 && errno == EWOULDBLOCK ? 1 : result
        } == 0
    }
}
