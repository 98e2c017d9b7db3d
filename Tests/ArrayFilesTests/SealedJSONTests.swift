// Why: a description that was changed by a single byte, cut, or written by another release must never be believed.

import ArrayFiles
import Failures
import Foundation
import TestKit
import Testing

private struct Note: SealedDocument, Equatable {
    static let format = "swift-mf test note"
    static let formatVersion = 3
    var count: UInt64
    var value: Double
    var text: String
}

private struct NoteOfNextVersion: SealedDocument {
    static let format = Note.format
    static let formatVersion = 4
    var other: String
}

private struct Letter: SealedDocument {
    static let format = "swift-mf test letter"
    static let formatVersion = 3
}

@Suite struct SealedJSONTests {
    private let note = Note(count: .max, value: 0.1 + 0.2, text: "a \"quoted\" / π")

    @Test func readsBackWhatWasWrittenExactly() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/note.json"
            try SealedJSON.write(note, to: path)
            #expect(try SealedJSON.read(Note.self, at: path) == note)
        }
    }

    @Test func isPlainJSONThatSaysWhatItIs() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/note.json"
            try SealedJSON.write(note, to: path)
            let object = try #require(
                try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path))) as? [String: Any])
            #expect(Set(object.keys) == ["checksum", "format", "format_version", "count", "value", "text"])
            #expect(object["format"] as? String == "swift-mf test note")
            #expect(object["format_version"] as? Int == 3)
        }
    }

    @Test func findsEveryChangedByteAndEveryCut() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/note.json"
            try SealedJSON.write(note, to: path)
            let whole = try Data(contentsOf: URL(fileURLWithPath: path))
            for place in whole.indices {
                for change in [UInt8(1), 0x20, 0x29, 0x80] {
                    var damaged = whole
                    damaged[place] ^= change
                    try damaged.write(to: URL(fileURLWithPath: path))
                    expectBadData("byte \(place) ^ \(change)", at: path)
                }
                try whole.prefix(place).write(to: URL(fileURLWithPath: path))
                expectBadData("cut to \(place) bytes", at: path)
            }
            try (whole + [UInt8(ascii: "\n")]).write(to: URL(fileURLWithPath: path))
            expectBadData("a byte more", at: path)
        }
    }

    private func expectBadData(_ what: String, at path: String) {
        let failure = #expect(throws: Failure.self, "\(what)") { try SealedJSON.read(Note.self, at: path) }
        #expect(failure?.kind == .badData, "\(what)")
        #expect(failure?.place == path, "\(what)")
    }

    @Test func refusesAnotherVersionAndNamesBoth() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/note.json"
            try SealedJSON.write(NoteOfNextVersion(other: ""), to: path)
            let failure = #expect(throws: Failure.self) { try SealedJSON.read(Note.self, at: path) }
            #expect(failure?.kind == .badData)
            #expect(failure?.what == "has format version 4, and this program reads version 3")
        }
    }

    @Test func refusesAnotherFormatAndNamesBoth() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/note.json"
            try SealedJSON.write(Letter(), to: path)
            let failure = #expect(throws: Failure.self) { try SealedJSON.read(Note.self, at: path) }
            #expect(failure?.kind == .badData)
            #expect(failure?.what == "describes a swift-mf test letter, not a swift-mf test note")
        }
    }

    @Test func refusesNumbersThatAreNotFinite() throws {
        try withTemporaryFolder { folder in
            let failure = #expect(throws: Failure.self) {
                try SealedJSON.write(Note(count: 0, value: .nan, text: ""), to: folder + "/note.json")
            }
            #expect(failure?.kind == .software)
        }
    }

    /// A file of holes, so that the test takes no disk either.
    @Test func whatIsTooLargeIsNotReadIntoMemory() throws {
        let folder = try TemporaryFolder()
        let path = folder("large.json")
        #expect(FileManager.default.createFile(atPath: path, contents: nil))
        try #require(truncate(path, 1 << 40) == 0)
        #expect { try SealedJSON.read(Note.self, at: path) } throws: { error in
            (error as? Failure)?.kind == .badData && "\(error)".contains("no such file has more than")
        }
    }
}
