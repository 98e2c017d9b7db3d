// Why: from the paths that a person gives to texts whose layouts are known: a file, standard input, or the Netflix
// Prize's folder of one file a film.

import Failures
import Foundation

/// A text of ratings and its layout.
struct RatingFile: Sendable {
    let text: TextInput
    let finding: FormatDetector.Finding

    var layout: TextLayout { finding.layout }
    var name: String { text.name }

    /// How many bytes are looked at to find the format, unless the first line is longer.
    private static let sampleByteCount = 1 << 16

    /// Opens the file at `path`.
    init(path: String, format: RatingFormat?) throws(Failure) {
        let text = try TextInput(path: path)
        self.text = text
        finding = try Self.find(text, format: format)
    }

    /// Opens a file whose layout is known and that has no header.
    private init(path: String, layout: TextLayout) throws(Failure) {
        text = try TextInput(path: path)
        finding = FormatDetector.Finding(layout: layout, start: 0, linesBefore: 0)
    }

    /// Opens everything that `path` stands for.
    /// - Throws: a ``Failure``: `noInput` when it is missing, `badData` when it is not in `format` or in any.
    static func open(_ path: String, format: RatingFormat?) throws(Failure) -> [RatingFile] {
        guard path != "-", isFolder(path) else { return [try RatingFile(path: path, format: format)] }
        let names = try netflixFiles(path, format: format)
        let first = try RatingFile(path: path + "/" + names[0], format: .netflix)
        var files = [first]
        for name in names.dropFirst() { files.append(try RatingFile(path: path + "/" + name, layout: first.layout)) }
        for file in files where file.text.byteCount == 0 {
            throw Failure(.badData, "the file is empty", at: file.name, remedy: "give the complete folder")
        }
        return files
    }

    static func isFolder(_ path: String) -> Bool {
        var isDirectory: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
    }

    /// Whether the folder holds nothing but `mv_*.txt` files.
    static func isNetflixFolder(_ path: String) throws(Failure) -> Bool {
        let names = try content(path)
        return !names.isEmpty && names.allSatisfy(isFilm)
    }

    /// The names of the `mv_*.txt` files in a folder, which must hold nothing else.
    private static func netflixFiles(_ path: String, format: RatingFormat?) throws(Failure) -> [String] {
        let names = try content(path)
        let foreign = names.first { !isFilm($0) }
        guard !names.isEmpty, foreign == nil, format == nil || format == .netflix else {
            let what =
                foreign.map { "the folder holds \($0)" } ?? (names.isEmpty ? "the folder is empty" : "is a folder")
            throw Failure(
                .badData, what, at: path,
                remedy: "give a file, or a folder that holds nothing but the mv_*.txt files of the Netflix Prize")
        }
        return names
    }

    private static func isFilm(_ name: String) -> Bool { name.hasPrefix("mv_") && name.hasSuffix(".txt") }

    /// The names in a folder, sorted; hidden files are left out.
    private static func content(_ path: String) throws(Failure) -> [String] {
        guard let content = try? FileManager.default.contentsOfDirectory(atPath: path) else {
            throw Failure(.noInput, "cannot list the folder", at: path, remedy: "check the permissions")
        }
        return content.filter { !$0.hasPrefix(".") }.sorted()
    }

    private static func find(_ text: TextInput, format: RatingFormat?) throws(Failure) -> FormatDetector.Finding {
        let detector = FormatDetector(format: format, name: text.name)
        var byteCount = min(text.byteCount, sampleByteCount)
        while true {
            let buffer = try ElementBuffer<UInt8>(count: byteCount)
            defer { withExtendedLifetime(buffer) {} }
            try text.read(from: 0, into: UnsafeMutableRawBufferPointer(buffer.elements))
            if byteCount == text.byteCount { return try detector.find(buffer.prefix) }
            if let end = buffer.prefix.lastIndex(of: UInt8(ascii: "\n")) {
                return try detector.find(UnsafeBufferPointer(rebasing: buffer.prefix[...end]))
            }
            guard byteCount <= LineParser.maximumLineByteCount else {
                throw (buffer.prefix.contains(0) ? LineDefect.binary(1) : .tooLong(1)).failure(
                    in: text.name, linesBefore: 0)
            }
            byteCount = min(text.byteCount, 2 * byteCount)
        }
    }
}
