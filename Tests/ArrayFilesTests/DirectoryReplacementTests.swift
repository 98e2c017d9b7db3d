// Why: a directory of ours appears whole or not at all, and nothing of anybody else's ever disappears.

import ArrayFiles
import Failures
import Foundation
import TestKit
import Testing

@Suite struct DirectoryReplacementTests {
    private let marker = "marker.json"

    private struct Description: SealedDocument {
        static let format = "swift-mf test"
        static let formatVersion = 1
        var content: String
    }

    private func make(_ path: String, _ content: String) throws {
        let directory = try DirectoryReplacement(destination: path, marker: marker)
        try SealedJSON.write(Description(content: content), to: directory.path(marker))
        try writeFile(Array(content.utf8), to: directory.path("other.npy"))
        try directory.commit()
    }

    private func read(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    @Test func aCommittedDirectoryHasItsFiles() throws {
        let folder = try TemporaryFolder()
        try make(folder("result"), "one")
        #expect(folder.content == ["result"])
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder("result")).sorted() == [marker, "other.npy"])
        #expect(try read(folder("result/other.npy")) == "one")
    }

    @Test func nothingIsThereBeforeTheCommitOrWithoutIt() throws {
        let folder = try TemporaryFolder()
        do {
            let directory = try DirectoryReplacement(destination: folder("result"), marker: marker)
            try writeFile([1], to: directory.path("file"))
            #expect(!FileManager.default.fileExists(atPath: folder("result")))
            #expect(FileManager.default.fileExists(atPath: directory.temporary))
        }
        #expect(folder.content == [])
    }

    @Test func anOlderResultIsReplacedAsAWhole() throws {
        let folder = try TemporaryFolder()
        try make(folder("result"), "one")
        try Data("more".utf8).write(to: URL(fileURLWithPath: folder("result/left_over.npy")))
        try make(folder("result"), "two")
        #expect(folder.content == ["result"])
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder("result")).sorted() == [marker, "other.npy"])
        #expect(try read(folder("result/other.npy")) == "two")
    }

    @Test func anOlderResultStaysUntilTheCommit() throws {
        let folder = try TemporaryFolder()
        try make(folder("result"), "one")
        do {
            let directory = try DirectoryReplacement(destination: folder("result"), marker: marker)
            try writeFile(Array("two".utf8), to: directory.path(marker))
            #expect(try read(folder("result/other.npy")) == "one")
        }
        #expect(try read(folder("result/other.npy")) == "one")
        #expect(folder.content == ["result"])
    }

    @Test func whoMappedTheOlderResultKeepsIt() throws {
        let folder = try TemporaryFolder()
        try make(folder("result"), "one")
        let mapped = try MappedFile(path: folder("result/other.npy"))
        try make(folder("result"), "two")
        #expect(String(decoding: mapped.bytes, as: UTF8.self) == "one")
    }

    @Test func anEmptyFolderIsFilledAndAForeignOneIsNotTouched() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder("empty"), withIntermediateDirectories: false)
        try make(folder("empty"), "one")
        #expect(try read(folder("empty/other.npy")) == "one")

        try FileManager.default.createDirectory(atPath: folder("photos"), withIntermediateDirectories: false)
        try Data([7]).write(to: URL(fileURLWithPath: folder("photos/.hidden")))
        try Data([7]).write(to: URL(fileURLWithPath: folder("file")))
        for path in [folder("photos"), folder("file"), folder("photos/")] {
            for _ in 0..<2 {
                let failure = #expect(throws: Failure.self) { try make(path, "two") }
                #expect(failure?.kind == .cannotCreate && failure?.place == path)
            }
            let early = #expect(throws: Failure.self) { try DirectoryReplacement.refuseForeign(path, marker: marker) }
            #expect(early?.kind == .cannotCreate)
        }
        #expect(folder.content == ["empty", "file", "photos"])
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder("photos/.hidden"))) == Data([7]))
    }

    @Test func aLinkIsRefused() throws {
        let folder = try TemporaryFolder()
        try make(folder("target"), "one")
        for (link, target) in [("link", folder("target")), ("dangling", folder("missing"))] {
            try FileManager.default.createSymbolicLink(atPath: folder(link), withDestinationPath: target)
            let failure = #expect(throws: Failure.self) { try make(folder(link), "two") }
            #expect(failure?.kind == .cannotCreate)
        }
        #expect(try read(folder("target/other.npy")) == "one")
        #expect(folder.content == ["dangling", "link", "target"])
    }

    /// An empty path would be the current folder.
    @Test func anEmptyPathIsRefused() throws {
        let failure = #expect(throws: Failure.self) { try DirectoryReplacement.refuseForeign("", marker: marker) }
        #expect(failure?.kind == .usage)
        #expect(throws: Failure.self) { try make("", "one") }
    }

    /// What others have put beside our files, or under our names, is theirs.
    @Test func whatOthersHavePutThereIsNeverRemoved() throws {
        let folder = try TemporaryFolder()
        try make(folder("mixed"), "one")
        try Data("mine".utf8).write(to: URL(fileURLWithPath: folder("mixed/notes.txt")))
        try make(folder("nested"), "one")
        try FileManager.default.createDirectory(
            atPath: folder("nested/thesis.json"), withIntermediateDirectories: false)
        try FileManager.default.createDirectory(atPath: folder("namesake"), withIntermediateDirectories: false)
        try Data("{\"format\":\"layers-model\"}".utf8).write(to: URL(fileURLWithPath: folder("namesake/marker.json")))
        for name in ["mixed", "nested", "namesake"] {
            let before = try FileManager.default.contentsOfDirectory(atPath: folder(name)).sorted()
            let failure = #expect(throws: Failure.self) { try make(folder(name), "two") }
            #expect(failure?.kind == .cannotCreate)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder(name)).sorted() == before)
        }
        #expect(folder.content == ["mixed", "namesake", "nested"])
    }

    @Test func theParentMustExist() throws {
        let folder = try TemporaryFolder()
        let failure = #expect(throws: Failure.self) { try make(folder("missing/result"), "one") }
        #expect(failure?.kind == .cannotCreate && failure?.remedy == "create it first")
        #expect(folder.content == [])
    }

    @Test func aTrailingSlashNamesTheSameFolder() throws {
        let folder = try TemporaryFolder()
        try make(folder("result/"), "one")
        #expect(folder.content == ["result"])
        try make(folder("result/"), "two")
        #expect(try read(folder("result/other.npy")) == "two")
    }

    @Test func whatADeadProcessOfTheSameNumberLeftIsRemoved() throws {
        let folder = try TemporaryFolder()
        let left = folder(".result.tmp-\(getpid())")
        try FileManager.default.createDirectory(atPath: left, withIntermediateDirectories: false)
        try Data([1]).write(to: URL(fileURLWithPath: left + "/old"))
        try make(folder("result"), "one")
        #expect(folder.content == ["result"])
        #expect(!FileManager.default.fileExists(atPath: folder("result/old")))
    }
}
