// Why: reading a mapped file beyond where it was cut short meanwhile, or from a disk that fails, is no error that a
// read returns but a signal, SIGBUS, which ends the process without a word. A line and an exit code are the least that
// it can have. The handler may call nothing that takes memory or a lock: it writes constant bytes and ends.

import Failures
import Glibc

/// What the process does when a mapped file cannot be read.
enum BusErrors {
    /// Has SIGBUS end the process with a line on standard error and the exit code of an input/output error.
    static func install() {
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in
            let line: StaticString = """
                error: a mapped file was cut short while in use, or its disk failed (SIGBUS); restore the store or \
                model, never change one in place, and start again

                """
            _ = write(STDERR_FILENO, line.utf8Start, line.utf8CodeUnitCount)
            // EX_IOERR, as `Failure.Kind.inputOutput`.
            _exit(74)
        }
        sigaction(SIGBUS, &action, nil)
    }
}
