// Why: stores, models and checkpoints are directories known by one file in them, their marker, which is written last.
// A path that is no such directory is the commonest mistake of all, and gets its own clear error.

import Failures
import Foundation

/// Directories known by a marker file.
public enum MarkedDirectory {
    /// Requires a directory at `path` that holds one of `markers`.
    /// - Parameter kind: what it should be, with its article, for the error: `a model`.
    /// - Returns: the first of `markers` that it holds.
    /// - Throws: a ``Failure``: `noInput` when nothing is there, `badData` when it is something else.
    @discardableResult
    public static func require(_ path: String, markers: String..., kind: String) throws(Failure) -> String {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw Failure(.noInput, "there is no such folder", at: path, remedy: "give the folder of \(kind)")
        }
        guard isDirectory.boolValue else {
            throw Failure(
                .badData, "is a file, and \(kind) is a folder", at: path, remedy: "give the folder of \(kind)")
        }
        guard let marker = markers.first(where: { FileManager.default.fileExists(atPath: path + "/" + $0) }) else {
            throw Failure(
                .badData, "holds no \(markers.joined(separator: " or ")), so it is not \(kind) or was never finished",
                at: path, remedy: "give the folder of \(kind)")
        }
        return marker
    }
}
