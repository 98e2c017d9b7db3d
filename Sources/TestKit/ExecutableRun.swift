// Why: what a person sees of a command is its exit code and what it prints, so tests run the built executables.

import Foundation
import Subprocess

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// How a command ended.
public struct ExecutableRun: Sendable {
    /// nil when a signal ended it.
    public let exitCode: Int32?
    public let output: String
    public let errors: String

    /// The folder of the executables that were built with the running tests.
    public static let folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().path

    /// Runs the executable `name` to its end.
    public init(_ name: String, _ arguments: [String]) async throws {
        let limit = 1 << 20
        let result = try await run(
            .path(FilePath(Self.folder + "/" + name)), arguments: Arguments(arguments), output: .string(limit: limit),
            error: .string(limit: limit))
        if case .exited(let code) = result.terminationStatus { exitCode = code } else { exitCode = nil }
        output = result.standardOutput
        errors = result.standardError
    }

    /// Standard output as one JSON object; empty when it is none.
    public var json: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any]) ?? [:]
    }
}
