// Why: a single small file that is replaced again and again must be whole at every moment, as our folders are.

import Failures
import Glibc

/// Replaces the file at `path` at once, or makes it.
/// - Parameter write: writes the new file, which does not exist yet, to the path that it is given, and syncs it.
public func replaceFile(at path: String, _ write: (_ temporary: String) throws(Failure) -> Void) throws(Failure) {
    let (parent, name) = try DirectoryReplacement.place(of: path)
    let temporary = (parent == "/" ? "" : parent) + "/.\(name).tmp-\(getpid())"
    unlink(temporary)
    do throws(Failure) {
        try write(temporary)
        try systemCall("rename the file", at: path, kind: .cannotCreate) { rename(temporary, path) }
    } catch {
        unlink(temporary)
        throw error
    }
}

/// Syncs a folder, after which names in it are as durable as the files.
public func syncDirectory(_ path: String) throws(Failure) {
    let descriptor = try systemCall("open the folder", at: path) { open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    defer { close(descriptor) }
    try systemCall("sync the folder", at: path) { fsync(descriptor) }
}
