// Why: the three executables end in the same way: a failure is one line on standard error, and its kind decides
// the exit code.

import ArgumentParser
import Failures
import Foundation

/// Parses the arguments of `Root`, runs the command they name, and exits the process when it fails.
public func runCommand<Root: ParsableCommand>(_ root: Root.Type) async {
    // A file that reaches `ulimit -f` is then an error with a remedy, cleaned up after, and not the end of the process.
    signal(SIGXFSZ, SIG_IGN)
    BusErrors.install()
    do {
        // With less, some thread could not be started later, and would be waited for.
        try SystemMemory.requireReserve()
        var command = try root.parseAsRoot()
        if var command = command as? any AsyncParsableCommand {
            try await command.run()
        } else {
            try command.run()
        }
        try flushStandardOutput()
    } catch let failure as Failure {
        StandardError.write(printable("\(root._commandName): error: \(failure)") + "\n")
        exit(failure.exitCode)
    } catch {
        // Usage errors (64), --help and --version (0).
        root.exit(withError: error)
    }
}
