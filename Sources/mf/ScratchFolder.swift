// Why: a job on this machine has files that nobody else is to see and that must not outlive it: the workers' socket,
// and what a benchmark generates and trains.

import Failures
import Foundation

/// A folder that only this user can enter; removed with all that is in it when it goes out of scope.
final class ScratchFolder: Sendable {
    let path: String

    /// - Throws: a ``Failure`` of kind `cannotCreate`.
    init() throws(Failure) {
        // A Unix domain socket's path is short, and TMPDIR may not be.
        let parents = [ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp", "/tmp"]
        for parent in parents where parent.utf8.count < 60 {
            var template = Array("\(parent)/swift-mf.XXXXXX".utf8CString)
            if mkdtemp(&template) != nil {
                path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
                return
            }
        }
        throw Failure(
            .cannotCreate, "cannot create a folder for the job's own files", at: parents[0],
            remedy: "set TMPDIR to a folder with a short path that you may write to")
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The path of `name` in it.
    func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }
}
