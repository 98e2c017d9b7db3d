// Why: who may take part changes while a job runs. The list is a folder of public keys, which every tool can edit: a
// file that is copied there lets its worker in, and one that is removed puts its worker out, within a second.
//
// A folder, or a file in it, that cannot be read for the moment (a network file system, no descriptors, a folder that
// is being replaced) leaves the list as it is, and is read again: to lose a job's workers to a hiccup is worse than to
// keep those that were trusted a moment ago.

import Failures
import Foundation
import Synchronization
import ZeroMQ

/// The keys of the workers that may take part, and the names of their files.
public final class AllowList: Sendable {
    private struct Content {
        var names: [PublicKey: String] = [:]
        var generation = 0
    }

    /// Where the keys are.
    public let folder: String
    private let content = Mutex(Content())
    /// What was there when all of it could be read last, nil when not all could since; and what was said of it.
    private let seen: Mutex<(files: [File]?, warnings: Set<String>)>

    /// What tells one state of a file from another.
    private struct File: Hashable {
        var name: String
        var inode: UInt64
        var byteCount: Int
        /// The content, and anything about the file. The time of the content alone can be set, as an archive does.
        var changed: [Int]
        var mode: UInt32

        var workerName: String { String(name.dropLast(KeyFiles.publicSuffix.count)) }
    }

    /// How many keys it may have.
    private static let most = 1 << 16

    /// Reads the keys in `folder`: its files whose names end with `.key`.
    /// - Throws: a ``Failure`` when it cannot be read, when others may change it, or when one of the files is no key.
    public init(folder: String) throws(Failure) {
        self.folder = folder
        let files = try Self.list(folder)
        seen = Mutex((files, []))
        var names: [PublicKey: String] = [:]
        for file in files { try Self.read(file, folder, into: &names) }
        content.withLock { [names] in $0.names = names }
    }

    /// What the holder of `key` is called; nil when it may not take part.
    package func name(of key: PublicKey) -> String? { content.withLock { $0.names[key] } }

    /// How often the list has changed.
    package var generation: Int { content.withLock { $0.generation } }

    public var count: Int { content.withLock { $0.names.count } }

    /// Reads the folder again if anything in it has changed.
    /// - Returns: what a person should know, each time it is new.
    package func refresh() -> [String] {
        var warnings: [String] = []
        var names: [PublicKey: String] = [:]
        do throws(Failure) {
            let files = try Self.list(folder)
            guard seen.withLock({ $0.files != files }) else { return [] }
            var mustReadAgain = false
            for file in files {
                do throws(Failure) {
                    try Self.read(file, folder, into: &names)
                } catch {
                    if [.system, .inputOutput].contains(error.kind) {
                        // It may be as it was.
                        mustReadAgain = true
                        let known = content.withLock { $0.names.filter { $0.value == file.workerName } }
                        names.merge(known) { first, _ in first }
                        warnings.append("a key stays as it is: \(error)")
                    } else {
                        // Nobody comes in by it, and who came in by what it was before goes.
                        warnings.append("passed over a key: \(error)")
                    }
                }
            }
            seen.withLock { [files, mustReadAgain] in $0.files = mustReadAgain ? nil : files }
            content.withLock { [names] content in
                if content.names != names {
                    content.names = names
                    content.generation += 1
                }
            }
        } catch {
            warnings.append("the list of keys stays as it is: \(error)")
        }
        return seen.withLock { [warnings] seen in
            let new = warnings.filter { !seen.warnings.contains($0) }
            seen.warnings = Set(warnings)
            return new
        }
    }

    private static func read(
        _ file: File, _ folder: String, into names: inout [PublicKey: String]
    ) throws(Failure) {
        let key = try KeyFiles.readPublic("\(folder)/\(file.name)")
        // Of two files with one key, the first by name counts.
        if names[key] == nil { names[key] = file.workerName }
    }

    /// The key files, by name.
    private static func list(_ folder: String) throws(Failure) -> [File] {
        var status = stat()
        try systemCall("open the folder of keys", at: folder) { stat(folder, &status) }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw Failure(.noInput, "is no folder", at: folder, remedy: "give the folder with the workers' .key files")
        }
        guard status.st_mode & 0o022 == 0, status.st_uid == geteuid() || status.st_uid == 0 else {
            throw Failure(
                .noInput, "others may put keys into this folder", at: folder,
                remedy: "use a folder of your own, with chmod go-w")
        }
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
            throw Failure(.noInput, "cannot read the folder of keys", at: folder, remedy: "check the permissions")
        }
        let keys = names.filter { $0.hasSuffix(KeyFiles.publicSuffix) && $0.count > KeyFiles.publicSuffix.count }
            .sorted()
        guard keys.count <= most else {
            throw Failure(.badData, "there are more than \(most) keys", at: folder, remedy: "remove some")
        }
        return keys.compactMap { name in
            var status = stat()
            guard stat("\(folder)/\(name)", &status) == 0 else { return nil }
            return File(
                name: name, inode: UInt64(status.st_ino), byteCount: Int(status.st_size),
                changed: [status.st_mtim, status.st_ctim].flatMap { [$0.tv_sec, $0.tv_nsec] }, mode: status.st_mode)
        }
    }
}
