// Why: one funnel for system calls. It tries again after a signal, and turns errno into a failure
// that names the operation and the place.

import Glibc

/// Runs a system call that returns -1 on error, again after EINTR.
/// - Throws: a ``Failure`` that names `operation` and `place`; its kind comes from errno unless `kind` is given.
@discardableResult
public func systemCall<Result: SignedInteger>(
    _ operation: String, at place: String, kind: Failure.Kind? = nil, _ body: () -> Result
) throws(Failure) -> Result {
    while true {
        let result = body()
        if result != -1 { return result }
        let code = errno
        if code == EINTR { continue }
        throw Failure(systemError: code, operation, at: place, kind: kind)
    }
}

extension Failure {
    /// The failure of a system call.
    public init(systemError code: Int32, _ operation: String, at place: String, kind: Kind? = nil) {
        let reason = String(cString: strerror(code))
        let found: (kind: Kind, remedy: String) =
            switch code {
            case ENOENT, ENOTDIR: (.noInput, "check the path")
            case EACCES, EPERM: (.noInput, "check the permissions")
            case ENOSPC, EDQUOT: (.inputOutput, "free some space there, or choose another disk")
            case EFBIG: (.inputOutput, "raise the limit on file sizes (ulimit -f)")
            case EMFILE, ENFILE: (.system, "raise the limit on open files (ulimit -n)")
            case ENOLCK, EOPNOTSUPP: (.inputOutput, "choose another disk")
            case ENOMEM: (.system, "free some memory")
            case EROFS: (.cannotCreate, "choose a place that can be written")
            default: (.inputOutput, "")
            }
        self.init(kind ?? found.kind, "cannot \(operation): \(reason)", at: place, remedy: found.remedy)
    }
}
