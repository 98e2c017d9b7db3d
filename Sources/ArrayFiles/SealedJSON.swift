// Why: array files have their checksums in a JSON file beside them; this is how that file proves its own wholeness,
// and says what it is and in which version before anything in it is believed.
//
//     {
//       "checksum" : "0123456789abcdef",        XXH64 of every byte that follows these 16 digits
//       "format" : "swift-mf model",
//       "format_version" : 1,
//       ...                                     the document's own keys
//     }
//
// The first two lines up to the digits are fixed, so every changed byte of the file is found.

import Failures
import Foundation

/// What a directory or a file of ours describes itself with.
public protocol SealedDocument: Codable {
    /// What it is, for people and programs, such as `swift-mf model`.
    static var format: String { get }
    /// Raised whenever older programs could no longer read the document, or would misread it.
    static var formatVersion: Int { get }
}

/// JSON files with a checksum over themselves.
public enum SealedJSON {
    private static let opening = Array("{\n  \"checksum\" : \"".utf8)
    private static let digitCount = 16

    /// Whether the file at `path` begins like a description of ours, whole or not.
    static func isOurs(_ path: String) -> Bool {
        guard let bytes = try? readFile(path), bytes.starts(with: opening) else { return false }
        return bytes.dropFirst(opening.count + digitCount).starts(with: "\",\n  \"format\" : \"swift-mf".utf8)
    }

    /// Writes `document` to the new file `path`, and syncs it.
    /// - Throws: a ``Failure``: `software` when a number in it is not finite, else of the file system.
    public static func write<Document: SealedDocument>(_ document: Document, to path: String) throws(Failure) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let body: Data
        do {
            body = try encoder.encode(document)
        } catch {
            throw Failure(.software, "cannot describe \(Document.format) as JSON: \(error)", at: path)
        }
        // `body` is "{\n  ...}": our own keys go in after its brace.
        let keys = "\",\n  \"format\" : \"\(Document.format)\",\n  \"format_version\" : \(Document.formatVersion),"
        let sealed = Array(keys.utf8) + body.dropFirst() + [UInt8(ascii: "\n")]
        try writeFile(opening + Array(Checksum.text(checksum(of: sealed)).utf8) + sealed, to: path)
    }

    /// Reads the document at `path`.
    /// - Throws: a ``Failure``: `noInput` when there is none; `badData` when it was changed, is of another format or
    ///   version, or lacks a key.
    public static func read<Document: SealedDocument>(_ type: Document.Type, at path: String) throws(Failure)
        -> Document
    {
        let bytes = try readFile(path)
        guard bytes.starts(with: opening), bytes.count > opening.count + digitCount else {
            throw Failure(
                .badData, "is not a description of a \(Document.format)", at: path,
                remedy: "give the path of something that swift-mf has written")
        }
        let digits = bytes[opening.count..<opening.count + digitCount]
        let sealed = Array(bytes[(opening.count + digitCount)...])
        guard digits.elementsEqual(Checksum.text(checksum(of: sealed)).utf8) else {
            throw Failure(
                .badData, "does not match its checksum: it was changed after it was written, or damaged", at: path,
                remedy: "restore it from a copy, or make it again")
        }
        let data = Data(bytes)
        let stamp = try decode(Stamp.self, from: data, path: path)
        guard stamp.format == Document.format else {
            throw Failure(
                .badData, "describes a \(stamp.format), not a \(Document.format)", at: path, remedy: "check the path")
        }
        guard stamp.formatVersion == Document.formatVersion else {
            throw Failure(
                .badData,
                "has format version \(stamp.formatVersion), and this program reads version \(Document.formatVersion)",
                at: path, remedy: "use the release of swift-mf that wrote it, or make it again with this one")
        }
        return try decode(Document.self, from: data, path: path)
    }

    private struct Stamp: Decodable {
        var format: String
        var formatVersion: Int

        enum CodingKeys: String, CodingKey {
            case format
            case formatVersion = "format_version"
        }
    }

    private static func decode<Value: Decodable>(_ type: Value.Type, from data: Data, path: String) throws(Failure)
        -> Value
    {
        do {
            return try JSONDecoder().decode(type, from: data)
        } catch {
            throw Failure(.badData, "cannot be read: \(summary(of: error))", at: path, remedy: "make it again")
        }
    }

    /// A decoding error on one line.
    private static func summary(of error: any Error) -> String {
        func name(_ path: [any CodingKey]) -> String { path.map(\.stringValue).joined(separator: ".") }
        switch error {
        case DecodingError.keyNotFound(let key, let context):
            return "the key \(name(context.codingPath + [key])) is missing"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
            return "the key \(name(context.codingPath)) has a value of another type"
        case DecodingError.dataCorrupted(let context): return context.debugDescription
        default: return "\(error)"
        }
    }

    private static func checksum(of bytes: [UInt8]) -> UInt64 { bytes.withUnsafeBytes { Checksum.of($0) } }
}
