// Why: a worker without the store is sent its ratings, which on a slow network takes longer than to train with them.
// With a cache it keeps each block in a file, and finds it there when it is started again, for this job or another on
// the same ratings:
//
//     DIR/0123456789abcdef/user-0-4096.ratings      XXH64 of the store's fingerprint; side, first row, end of the rows
//
//     key              "SWMFRATE" | version UInt32 | fingerprint text | side UInt8 | first, end, columns UInt64
//     payload bytes    UInt64
//     checksum         UInt64, XXH64 of all that is before it and of the payload
//     payload          see RatingsBlock
//
// The key says everything that determines the payload, so a file is used only if it begins with just the key that is
// looked for, has just the length, and the checksum. It is written under another name, synced and renamed. Nothing is
// ever removed but what is replaced.

import ArrayFiles
import Cluster
import Failures
import Foundation
import Ratings
import Training

/// A folder of blocks of ratings, which several workers may use at the same time.
public final class RatingsCache: Sendable {
    private static let magic = Array("SWMFRATE".utf8)
    private static let version: UInt32 = 1

    public let path: String

    /// Makes the folder if there is none.
    /// - Throws: a ``Failure`` of kind `usage` when the path is empty, and `cannotCreate` when the folder cannot be
    ///   made or written to.
    public init(path: String) throws(Failure) {
        guard !path.isEmpty else {
            throw Failure(.usage, "the path of the cache is empty", at: "--cache", remedy: "give a path")
        }
        self.path = URL(fileURLWithPath: path).standardizedFileURL.path
        try Self.makeFolder(self.path)
        guard access(self.path, W_OK | X_OK) == 0 else {
            throw Failure(systemError: errno, "write to the folder", at: self.path, kind: .cannotCreate)
        }
    }

    private static func makeFolder(_ path: String) throws(Failure) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw Failure(
                .cannotCreate, "cannot create the folder of the cache", at: path,
                remedy: "choose a path where a folder can be made")
        }
    }

    /// The blocks of a job for which there is a file. What is in it is looked at when it is loaded.
    public func blocks(of job: JobDescription) -> BySide<[Int]> {
        let names = Set((try? FileManager.default.contentsOfDirectory(atPath: folder(of: job))) ?? [])
        func present(_ side: Side) -> [Int] {
            names.isEmpty ? [] : (0..<job.plan[side].count).filter { names.contains(Self.name(job, side, $0)) }
        }
        return BySide(user: present(.user), item: present(.item))
    }

    /// The ratings of a block, as they were saved.
    /// - Throws: a ``Failure`` when the file is missing, or is anything but what was saved for just this block.
    public func load(_ job: JobDescription, _ side: Side, _ block: Int) throws(Failure) -> Payload {
        let path = path(of: job, side, block)
        let file = try MappedFile(path: path)
        return try withExtendedLifetime(file) { () throws(Failure) in
            func unusable(_ what: String) -> Failure { Failure(.badData, what, at: path) }
            let key = Self.key(job, side, block)
            let start = key.count + 16
            guard file.bytes.count >= start, file.bytes.starts(with: key) else {
                throw unusable("is not the cache's file for this block")
            }
            // A copy, which no one can change any more, is what is checked.
            guard let payload = Payload(copying: UnsafeRawBufferPointer(rebasing: file.bytes[start...])) else {
                throw Failure(.system, "cannot take \(ByteSize(file.bytes.count)) for cached ratings", at: path)
            }
            let prefix = Self.prefix(key, payload)
            guard file.bytes.starts(with: prefix) else { throw unusable("is cut off or was changed") }
            return payload
        }
    }

    /// Saves the ratings of a block, in the place of whatever is there.
    public func save(_ job: JobDescription, _ side: Side, _ block: Int, _ payload: Payload) throws(Failure) {
        try Self.makeFolder(folder(of: job))
        let path = path(of: job, side, block)
        try replaceFile(at: path) { temporary throws(Failure) in
            try writeFile(payload.bytes, after: Self.prefix(Self.key(job, side, block), payload), to: temporary)
        }
    }

    // MARK: - Files

    private func folder(of job: JobDescription) -> String {
        // A fingerprint is a text from a peer, and no path may be made of that.
        let hash = Array(job.storeFingerprint.utf8).withUnsafeBytes { Checksum.of($0) }
        return path + "/" + Checksum.text(hash)
    }

    private func path(of job: JobDescription, _ side: Side, _ block: Int) -> String {
        folder(of: job) + "/" + Self.name(job, side, block)
    }

    private static func name(_ job: JobDescription, _ side: Side, _ block: Int) -> String {
        let rows = job.plan[side].rows(block)
        return "\(side.rawValue)-\(rows.lowerBound)-\(rows.upperBound).ratings"
    }

    /// What the file of a block begins with.
    private static func key(_ job: JobDescription, _ side: Side, _ block: Int) -> [UInt8] {
        let rows = job.plan[side].rows(block)
        var writer = WireWriter()
        writer.integer(version)
        writer.text(job.storeFingerprint)
        writer.integer(UInt8(side == .user ? 0 : 1))
        for number in [rows.lowerBound, rows.upperBound, job.plan[side.other].rowCount] {
            writer.integer(UInt64(number))
        }
        return magic + writer.bytes
    }

    /// All that stands before the payload.
    private static func prefix(_ key: [UInt8], _ payload: Payload) -> [UInt8] {
        var writer = WireWriter()
        writer.integer(UInt64(payload.bytes.count))
        let head = key + writer.bytes
        var checksum = Checksum()
        head.withUnsafeBytes { checksum.update($0) }
        checksum.update(payload.bytes)
        var sealed = WireWriter()
        sealed.integer(checksum.value)
        return head + sealed.bytes
    }
}
