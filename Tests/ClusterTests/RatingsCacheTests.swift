// Why: a file of the cache is used if it is just what was saved for just this block, and never otherwise.

import Cluster
import ClusterRuntime
import Failures
import Foundation
import LeastSquares
import Ratings
import TestKit
import Testing
import Training

@Suite struct RatingsCacheTests {
    private static func job(_ fingerprint: String = "0123", userBounds: [Int] = [0, 3, 9]) -> JobDescription {
        JobDescription(
            solver: JobConfiguration().solverConfiguration(mean: 3), kernelLevel: .portable, seed: 1,
            plan: BySide(user: BlockPlan(bounds: userBounds)!, item: BlockPlan(bounds: [0, 5])!), storePath: "/s",
            storeFingerprint: fingerprint)
    }

    private static func payload(_ byte: UInt8) -> Payload {
        Payload(byteCount: 40) { for index in $0.indices { $0[index] = byte &+ UInt8(index) } }
    }

    private static func bytes(_ payload: Payload) -> [UInt8] { withExtendedLifetime(payload) { Array(payload.bytes) } }

    /// The files under `folder`, hidden ones too.
    private static func files(_ folder: TemporaryFolder) -> [String] {
        (FileManager.default.enumerator(atPath: folder.path)?.allObjects as? [String] ?? []).filter {
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: folder($0), isDirectory: &isFolder) && !isFolder.boolValue
        }
    }

    @Test func whatIsSavedIsLoaded() throws {
        let folder = try TemporaryFolder()
        let cache = try RatingsCache(path: folder("cache"))
        let job = Self.job()
        #expect(cache.blocks(of: job) == BySide(user: [], item: []))
        #expect(throws: Failure.self) { try cache.load(job, .user, 1) }
        try cache.save(job, .user, 1, Self.payload(1))
        try cache.save(job, .item, 0, Self.payload(2))
        for cache in [cache, try RatingsCache(path: folder("cache"))] {
            #expect(cache.blocks(of: job) == BySide(user: [1], item: [0]))
            #expect(try Self.bytes(cache.load(job, .user, 1)) == Self.bytes(Self.payload(1)))
            #expect(try Self.bytes(cache.load(job, .item, 0)) == Self.bytes(Self.payload(2)))
        }
        // Of another store, or cut in another way, they are not the same blocks.
        for other in [Self.job("0124"), Self.job("../../etc"), Self.job(userBounds: [0, 4, 9])] {
            #expect(cache.blocks(of: other).user == [])
            #expect(throws: Failure.self) { try cache.load(other, .user, 1) }
        }
        try cache.save(job, .user, 1, Self.payload(3))
        #expect(try Self.bytes(cache.load(job, .user, 1)) == Self.bytes(Self.payload(3)))
        #expect(Self.files(folder).count == 2, "something was left behind")
    }

    @Test func everyDamageIsFoundAndMended() throws {
        let folder = try TemporaryFolder()
        let cache = try RatingsCache(path: folder.path)
        let job = Self.job()
        try cache.save(job, .user, 0, Self.payload(1))
        let path = folder(try #require(Self.files(folder).first))
        let whole = try #require(FileManager.default.contents(atPath: path))
        func refuses(_ data: Data, _ what: String) throws {
            try data.write(to: URL(fileURLWithPath: path))
            #expect(throws: Failure.self, "\(what)") { try cache.load(job, .user, 0) }
        }
        for index in whole.indices {
            var damaged = whole
            damaged[index] ^= UInt8(1 << (index % 8))
            try refuses(damaged, "byte \(index)")
            try refuses(whole.prefix(index), "cut to \(index)")
        }
        try refuses(whole + [0], "a byte more")
        try refuses(Data("somebody's notes".utf8), "foreign")
        // The file of another block, store or plan under this one's name.
        let other = try TemporaryFolder()
        for (job, block) in [(job, 1), (Self.job("0124"), 0), (Self.job(userBounds: [0, 3, 10]), 0)] {
            let otherCache = try RatingsCache(path: other("\(job.storeFingerprint)-\(block)-\(job.plan.user.rowCount)"))
            try otherCache.save(job, .user, block, Self.payload(1))
        }
        for file in Self.files(other) {
            let data = try #require(FileManager.default.contents(atPath: other(file)))
            if file.hasSuffix("user-0-3.ratings"), data == whole { continue }
            try refuses(data, file)
        }
        try cache.save(job, .user, 0, Self.payload(1))
        #expect(FileManager.default.contents(atPath: path) == whole)
    }

    @Test func whatCannotBeWrittenIsAnError() throws {
        let folder = try TemporaryFolder()
        try Data([1]).write(to: URL(fileURLWithPath: folder("file")))
        for path in ["", folder("file"), folder("file/below")] {
            #expect(throws: Failure.self) { try RatingsCache(path: path) }
        }
        // A folder in the place of a block's file is not ours to remove.
        let cache = try RatingsCache(path: folder("cache"))
        try cache.save(Self.job(), .user, 0, Self.payload(1))
        let path = folder(try #require(Self.files(folder).first { $0.hasSuffix(".ratings") }))
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        try Data([1]).write(to: URL(fileURLWithPath: path + "/precious"))
        #expect(throws: Failure.self) { try cache.save(Self.job(), .user, 0, Self.payload(1)) }
        #expect(throws: Failure.self) { try cache.load(Self.job(), .user, 0) }
        #expect(Self.files(folder).filter { $0.contains("cache") }.count == 1, "something was left behind")
    }
}
