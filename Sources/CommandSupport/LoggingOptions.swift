// Why: logs go to standard error, and how much of them is the same option everywhere.

import ArgumentParser
import Foundation
import Logging

extension Logger.Level: @retroactive ExpressibleByArgument {}

/// What a command logs.
public struct LoggingOptions: ParsableArguments {
    @Option(help: "Least level of the log on standard error.")
    public var logLevel: Logger.Level = .info

    public init() {}

    /// Makes the command's logger. Call it once.
    public func makeLogger(_ label: String) -> Logger {
        var logger = Logger(label: label) { LineLogHandler(label: $0) }
        logger.logLevel = logLevel
        return logger
    }
}

/// Writes a line an event to standard error: time, level, program, text, metadata.
///
/// swift-log's own handler names the module that logs as well, which says nothing to the reader of these logs.
private struct LineLogHandler: LogHandler {
    let label: String
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]

    init(label: String) { self.label = label }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let pairs = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }.map { " \($0)=\($1)" }
        let time = Date().formatted(.iso8601)
        let line = printable("\(time) \(event.level) \(label): \(event.message)\(pairs.joined())")
        StandardError.write(line + "\n")
    }
}
