// Why: stores, models and checkpoints are directories known by one file in them, their marker, which is written last.
// A path that is no such directory is the commonest mistake of all, and gets its own clear error.

import Failures
import Foundation

/// Directories known by a marker file.
public enum MarkedDirectory {
    /// Requires a directory at `path` that holds `marker`.
    /// - Parameter kind: what it should be, with its article, for the error: `a model`.
    /// - Throws: a ``Failure``: `noInput` when nothing is there, `badData` when it is something else.
    public static func require(_ path: String, marker: String, kind: String) throws(Failure) {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw Failure(.noInput, "there is no such folder", at: path, remedy: "give the folder of \(kind)")
        }
        guard isDirectory.boolValue else {
            throw Failure(.badData, "is a file, and \(kind) is a folder", at: path, remedy: "give the folder of \(kind)")
        }
        guard holds(path, marker: marker) else {
            throw Failure(
                .badData, "holds no \(marker), so it is not \(kind) or was never finished", at: path,
                remedy: "give the folder of \(kind)")
        }
    }

    /// Whether there is a directory at `path` that holds `marker`.
    public static func holds(_ path: String, marker: String) -> Bool {
        FileManager.default.fileExists(atPath: path + "/" + marker)
    }
}
