// Why: `print` does not tell whether it could write: a result that did not reach its file must not look like one
// that did.

import Failures
// Preconcurrency: `stdout` is a C variable that nobody assigns to.
@preconcurrency import Glibc

/// Writes out what `print` has collected.
/// - Throws: a ``Failure`` of kind `inputOutput` when that or an earlier part of it could not be written.
func flushStandardOutput() throws(Failure) {
    guard fflush(stdout) == 0, ferror(stdout) == 0 else {
        throw Failure(systemError: errno, "write the result", at: "standard output", kind: .inputOutput)
    }
}
