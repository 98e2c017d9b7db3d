// Why: a directory of ours appears whole or not at all, and nothing of anybody else's ever disappears.

import ArrayFiles
import Failures
import Foundation
import TestKit
import Testing

@Suite struct DirectoryReplacementTests {
    private let marker = "marker.json"

    private func make(_ path: String, _ content: String) throws {
        let directory = try DirectoryReplacement(destination: path, marker: marker)
        try writeFile(Array(content.utf8), to: directory.path(marker))
        try writeFile(Array(content.utf8), to: directory.path("other"))
        try directory.commit()
    }

    private func read(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    @Test func aCommittedDirectoryHasItsFiles() throws {
        let folder = try TemporaryFolder()
        try make(folder("result"), "one")
        #expect(folder.content == ["result"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder("result")).sorted() == [marker, "other"])
        #expect(try read(folder("result/other")) == "one")
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
        try Data("more".utf8).write(to: URL(fileURLWithPath: folder("result/left over")))
        try make(folder("result"), "two")
        #expect(folder.content == ["result"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder("result")).sorted() == [marker, "other"])
        #expect(try read(folder("result/other")) == "two")
    }

    @Test func anOlderResultStaysUntilTheCommit() throws {
        let folder = try TemporaryFolder()
        try make(folder("result"), "one")
        do {
            let directory = try DirectoryReplacement(destination: folder("result"), marker: marker)
            try writeFile(Array("two".utf8), to: directory.path(marker))
            #expect(try read(folder("result/marker.json")) == "one")
        }
        #expect(try read(folder("result/marker.json")) == "one")
        #expect(folder.content == ["result"])
    }

    @Test func whoMappedTheOlderResultKeepsIt() throws {
        let folder = try TemporaryFolder()
        try make(folder("result"), "one")
        let mapped = try MappedFile(path: folder("result/other"))
        try make(folder("result"), "two")
        #expect(String(decoding: mapped.bytes, as: UTF8.self) == "one")
    }

    @Test func anEmptyFolderIsFilledAndAForeignOneIsNotTouched() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder("empty"), withIntermediateDirectories: false)
        try make(folder("empty"), "one")
        #expect(try read(folder("empty/other")) == "one")

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

    @Test func aLinkToAFolderIsNotReplaced() throws {
        // The exchange would put the result where the link is, and then remove the link; its target must survive that.
        let folder = try TemporaryFolder()
        try make(folder("target"), "one")
        try FileManager.default.createSymbolicLink(atPath: folder("link"), withDestinationPath: folder("target"))
        try make(folder("link"), "two")
        #expect(try read(folder("target/other")) == "one")
        #expect(try read(folder("link/other")) == "two")
        #expect(folder.content == ["link", "target"])
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
        #expect(try read(folder("result/other")) == "two")
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
