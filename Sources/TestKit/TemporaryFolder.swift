// Why: tests write into folders of their own and leave nothing behind.

import Foundation
import Synchronization

/// The folders that exist now. What static fixtures hold has no other end than that of the process.
private let existing = Mutex<Set<String>>([])
private let removesAtExit: Void = {
    atexit { for path in existing.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: path) } }
}()

/// A new, empty folder, removed with everything in it when this object goes, or at the end of the process.
public final class TemporaryFolder: Sendable {
    public let path: String

    public init() throws {
        // Short, because Unix domain sockets in it have short paths.
        let folder = FileManager.default.temporaryDirectory.path + "/mf-test-" + UUID().uuidString.prefix(8)
        // Sockets in it are for this user alone.
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        path = folder
        _ = removesAtExit
        _ = existing.withLock { $0.insert(folder) }
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
        _ = existing.withLock { $0.remove(path) }
    }

    /// The path of `name` in the folder.
    public func callAsFunction(_ name: String) -> String { path + "/" + name }

    /// The names of all that is in the folder, hidden files too.
    public var content: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }
}

/// Runs `body` with the path of a new, empty folder, which is removed afterwards.
public func withTemporaryFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    let folder = try TemporaryFolder()
    return try withExtendedLifetime(folder) { try body(folder.path) }
}
