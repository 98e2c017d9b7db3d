import ClusterRuntime
import Failures
import Foundation
import TestKit
import Testing
import ZeroMQ

@Suite struct KeyFileTests {
    private static func mode(_ path: String) throws -> Int {
        try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }

    private static func failure(_ body: () throws -> Void) -> Failure? {
        do { try body() } catch { return error as? Failure }
        return nil
    }

    @Test func pairsAreMadeForTheirOwnerAndFitTogether() throws {
        let folder = try TemporaryFolder()
        let paths = try KeyFiles.create(folder("gpu1"))
        #expect(folder.content == ["gpu1.key", "gpu1.key_secret"])
        #expect(try Self.mode(paths.secretKey) == 0o600)
        #expect(try Self.mode(paths.publicKey) == 0o600)
        #expect(try KeyFiles.readSecret(paths.secretKey).publicKey == KeyFiles.readPublic(paths.publicKey))
        #expect(try String(contentsOfFile: paths.publicKey, encoding: .utf8).utf8.count == 41)
    }

    @Test(arguments: ["gpu1.key", "gpu1.key_secret"]) func nothingIsReplaced(existing: String) throws {
        let folder = try TemporaryFolder()
        try Data("mine".utf8).write(to: URL(fileURLWithPath: folder(existing)))
        let failure = Self.failure { _ = try KeyFiles.create(folder("gpu1")) }
        #expect(failure?.kind == .cannotCreate)
        #expect(failure?.place == folder(existing))
        #expect(folder.content == [existing])
        #expect(try String(contentsOfFile: folder(existing), encoding: .utf8) == "mine")
    }

    @Test func aPlaceThatIsNotThereIsNamed() throws {
        let folder = try TemporaryFolder()
        #expect(Self.failure { _ = try KeyFiles.create(folder("none/gpu1")) }?.kind == .cannotCreate)
        #expect(Self.failure { _ = try KeyFiles.create(folder.path + "/") }?.kind == .usage)
        #expect(folder.content == [])
    }

    @Test(arguments: [0o640, 0o604, 0o620, 0o610]) func secretsThatOthersCanTouchAreRefused(mode: Int) throws {
        let folder = try TemporaryFolder()
        let path = try KeyFiles.create(folder("a")).secretKey
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        let failure = Self.failure { _ = try KeyFiles.readSecret(path) }
        #expect(failure?.remedy == "chmod 600 \(path)")
        #expect(failure?.kind == .noInput)
    }

    @Test func linksAndFoldersAndPipesAreNoSecrets() throws {
        let folder = try TemporaryFolder()
        let path = try KeyFiles.create(folder("a")).secretKey
        try FileManager.default.createSymbolicLink(atPath: folder("link"), withDestinationPath: path)
        #expect(Self.failure { _ = try KeyFiles.readSecret(folder("link")) }?.what.contains("a link") == true)
        #expect(Self.failure { _ = try KeyFiles.readSecret(folder.path) }?.kind == .badData)
        #expect(mkfifo(folder("pipe"), 0o600) == 0)
        #expect(Self.failure { _ = try KeyFiles.readSecret(folder("pipe")) }?.kind == .badData)
        #expect(Self.failure { _ = try KeyFiles.readSecret(folder("nothing")) }?.kind == .noInput)
    }

    /// Only root can give a file away.
    @Test(.enabled(if: geteuid() == 0)) func anotherUsersSecretIsRefused() throws {
        let folder = try TemporaryFolder()
        let path = try KeyFiles.create(folder("a")).secretKey
        #expect(chown(path, 12345, 12345) == 0)
        #expect(Self.failure { _ = try KeyFiles.readSecret(path) }?.what == "this secret key is another user's")
    }

    @Test(arguments: [
        "", "\n", "short\n", String(repeating: "0", count: 41), String(repeating: "~", count: 40),
        String(repeating: "0", count: 40) + "\n" + String(repeating: "0", count: 40),
        String(repeating: "0", count: 5000),
    ])
    func whatIsNoKeyIsRefused(content: String) throws {
        let folder = try TemporaryFolder()
        for (path, read) in [
            (folder("a.key"), { _ = try KeyFiles.readPublic($0) }),
            (folder("a.key_secret"), { _ = try KeyFiles.readSecret($0) }),
        ] as [(String, (String) throws -> Void)] {
            #expect(
                FileManager.default.createFile(
                    atPath: path, contents: Data(content.utf8), attributes: [.posixPermissions: 0o600]))
            let failure = Self.failure { try read(path) }
            #expect(failure?.kind == .badData)
            #expect(failure?.place == path)
        }
    }

    @Test func endsOfLinesDoNotMatter() throws {
        let folder = try TemporaryFolder()
        let key = try SecretKey.random().publicKey
        for (index, ending) in ["", "\n", "\r\n", " \n\n"].enumerated() {
            let path = folder("\(index).key")
            try (key.z85 + ending).write(toFile: path, atomically: false, encoding: .utf8)
            #expect(try KeyFiles.readPublic(path) == key)
        }
    }

    // MARK: The list

    private static func add(_ key: PublicKey, _ path: String) throws {
        try (key.z85 + "\n").write(toFile: path, atomically: false, encoding: .utf8)
    }

    @Test func theListFollowsItsFolder() throws {
        let folder = try TemporaryFolder()
        let (first, second) = (try SecretKey.random().publicKey, try SecretKey.random().publicKey)
        try Self.add(first, folder("first.key"))
        try Self.add(second, folder("second.txt"))
        let list = try AllowList(folder: folder.path)
        #expect(list.name(of: first) == "first")
        #expect(list.name(of: second) == nil)
        #expect(list.refresh() == [])
        #expect(list.generation == 0)
        try Self.add(second, folder("second.key"))
        #expect(list.refresh() == [])
        #expect(list.name(of: second) == "second")
        #expect(list.generation == 1)
        try FileManager.default.removeItem(atPath: folder("first.key"))
        #expect(list.refresh() == [])
        #expect(list.name(of: first) == nil)
        #expect(list.name(of: second) == "second")
        #expect(list.generation == 2)
    }

    @Test func aFileThatTurnsBadLetsNobodyInAndIsToldOfOnce() throws {
        let folder = try TemporaryFolder()
        let key = try SecretKey.random().publicKey
        try Self.add(key, folder("a.key"))
        let list = try AllowList(folder: folder.path)
        try "no key".write(toFile: folder("a.key"), atomically: false, encoding: .utf8)
        #expect(list.refresh().count == 1)
        #expect(list.name(of: key) == nil)
        #expect(list.refresh() == [])
    }

    /// Of the same size, at the same time, in the same place: what an archive of keys from one second leaves.
    @Test func anotherKeyOfTheSameTimeIsNoticed() throws {
        let folder = try TemporaryFolder()
        let (first, second) = (try SecretKey.random().publicKey, try SecretKey.random().publicKey)
        let time = [FileAttributeKey.modificationDate: Date(timeIntervalSince1970: 1_000_000)]
        try Self.add(first, folder("a.key"))
        try FileManager.default.setAttributes(time, ofItemAtPath: folder("a.key"))
        let list = try AllowList(folder: folder.path)
        try Self.add(second, folder("a.key"))
        try FileManager.default.setAttributes(time, ofItemAtPath: folder("a.key"))
        #expect(list.refresh() == [])
        #expect(list.name(of: first) == nil)
        #expect(list.name(of: second) == "a")
    }

    /// As when descriptors have run out; here a socket, which cannot be opened either.
    @Test func aFileThatCannotBeReadForTheMomentPutsNobodyOut() throws {
        let folder = try TemporaryFolder()
        let (first, second) = (try SecretKey.random().publicKey, try SecretKey.random().publicKey)
        try Self.add(first, folder("a.key"))
        try Self.add(second, folder("b.key"))
        let list = try AllowList(folder: folder.path)
        unlink(folder("a.key"))
        unlink(folder("b.key"))
        #expect(mknod(folder("a.key"), S_IFSOCK | 0o600, 0) == 0)
        #expect(list.refresh().count == 1)
        #expect(list.refresh() == [])
        #expect(list.name(of: first) == "a")
        #expect(list.name(of: second) == nil)
        unlink(folder("a.key"))
        #expect(list.refresh() == [])
        #expect(list.name(of: first) == nil)
    }

    @Test func aFolderThatCannotBeReadLeavesTheListAsItIs() throws {
        let folder = try TemporaryFolder()
        let keys = folder("keys")
        try FileManager.default.createDirectory(atPath: keys, withIntermediateDirectories: false)
        let key = try SecretKey.random().publicKey
        try Self.add(key, keys + "/a.key")
        let list = try AllowList(folder: keys)
        try FileManager.default.moveItem(atPath: keys, toPath: folder("elsewhere"))
        #expect(list.refresh().count == 1)
        #expect(list.refresh() == [])
        #expect(list.name(of: key) == "a")
    }

    @Test func foldersAndFilesThatOthersMayChangeAreRefused() throws {
        let folder = try TemporaryFolder()
        try Self.add(try SecretKey.random().publicKey, folder("a.key"))
        chmod(folder("a.key"), 0o666)
        #expect(Self.failure { _ = try AllowList(folder: folder.path) }?.what == "others may change this key")
        chmod(folder("a.key"), 0o644)
        chmod(folder.path, 0o777)
        #expect(Self.failure { _ = try AllowList(folder: folder.path) }?.what == "others may put keys into this folder")
        chmod(folder.path, 0o700)
        #expect(Self.failure { _ = try AllowList(folder: folder("a.key")) }?.kind == .noInput)
        #expect(Self.failure { _ = try AllowList(folder: folder("none")) }?.kind == .noInput)
        #expect(try AllowList(folder: folder.path).count == 1)
    }
}
