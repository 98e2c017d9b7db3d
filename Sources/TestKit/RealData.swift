// Why: tests on real ratings run where MF_DATA names a folder with them, and skip where it does not.

import Foundation

/// Real rating files, outside the repository.
public enum RealData {
    /// The path of `file` under `$MF_DATA`; nil when the variable is unset or the file is not there.
    public static func path(_ file: String) -> String? {
        guard let folder = ProcessInfo.processInfo.environment["MF_DATA"] else { return nil }
        let path = folder + "/" + file
        return FileManager.default.fileExists(atPath: path) ? path : nil
    }
}
