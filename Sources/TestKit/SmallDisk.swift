// Why: a disk that is full can only be tested with a disk that is small.

import Foundation

/// A file system of little room, gone when this object goes.
public final class SmallDisk: Sendable {
    public let path: String
    /// Which cannot be removed before the disk is gone.
    private let folder: TemporaryFolder

    /// - Returns: nil where there may be no mounting.
    public init?(in folder: TemporaryFolder, mebibytes: Int) throws {
        self.folder = folder
        path = folder("disk")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        guard Self.run("mount", "-t", "tmpfs", "-o", "size=\(mebibytes)m", "tmpfs", path) else { return nil }
    }

    // A program that was just killed may still have files open there; the disk goes when it does.
    deinit { _ = Self.run("umount", path) || Self.run("umount", "--lazy", path) }

    private static func run(_ arguments: String...) -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}
