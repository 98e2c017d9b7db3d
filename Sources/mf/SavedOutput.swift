// Why: until something is on disk, a signal may simply end the process. From then on it must not: what has been
// written is removed first.

import ArgumentParser
import CommandSupport
import Failures
import Ratings

/// Runs `body`, which writes files and calls the function it is given between pieces of work.
/// - Throws: what `body` throws; the exit code of a signal when one has ended it.
func writingOutput<Result>(
    _ body: (_ checkpoint: () throws(Failure) -> Void) throws(Failure) -> Result
) throws -> Result {
    let trap = SignalTrap { _ in }
    do {
        return try body { () throws(Failure) in
            if trap.received != nil { throw Failure(.tryAgain, "stopped") }
        }
    } catch let failure {
        guard let signal = trap.received else { throw failure }
        throw ExitCode(SignalTrap.exitCode(of: signal))
    }
}
