// Why: logs go to standard error, and how much of them is the same option everywhere.

import ArgumentParser
import Logging

extension Logger.Level: @retroactive ExpressibleByArgument {}

/// What a command logs.
public struct LoggingOptions: ParsableArguments {
    @Option(help: "Least level of the log on standard error.")
    public var logLevel: Logger.Level = .info

    public init() {}

    /// Makes the command's logger. Call it once.
    public func makeLogger(_ label: String) -> Logger {
        var logger = Logger(label: label) { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = logLevel
        return logger
    }
}
