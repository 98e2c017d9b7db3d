// Why: rows are numbered from 0 by falling count; people know users and items by the ids of their files. The map
// between the two is on disk beside every store and model:
//
//     NAME.npy    int64, one id a row, when every id of the side is an integer
//     NAME.txt    UTF-8, one id a line, otherwise
//
// Ids stay in the form of the file, so that a map of millions of rows is mapped and not read in.

import ArrayFiles
import Failures

/// The outside id of each row of one side, and the row of each id.
///
/// Copying a map copies no ids.
public struct IDMap: Sendable {
    public enum Kind: String, Codable, Sendable {
        case integers
        case strings
    }

    enum Storage: Sendable {
        case integers(ArrayView<Int64>)
        /// Row i's id is `text[starts[i] ..< starts[i + 1] - 1]`; the byte after it is a line feed.
        case strings(text: ArrayView<UInt8>, starts: ArrayView<Int64>)
    }

    let storage: Storage
    private let index: IDIndex

    init(_ storage: Storage) {
        self.storage = storage
        index = IDIndex()
    }

    /// Ids of rows 0, 1, ...; no two are equal.
    public init(integers: [Int64]) {
        self.init(.integers(ArrayView(integers)))
    }

    /// Ids of rows 0, 1, ...; no two are equal.
    /// - Precondition: each is 1 to 256 bytes long and has no control characters.
    public init(strings: [String]) {
        var text: [UInt8] = []
        var starts: [Int64] = [0]
        starts.reserveCapacity(strings.count + 1)
        for var string in strings {
            string.withUTF8 { bytes in
                precondition(IDText.defect(bytes) == nil, "not an id")
                text.append(contentsOf: bytes)
            }
            text.append(UInt8(ascii: "\n"))
            starts.append(Int64(text.count))
        }
        self.init(.strings(text: ArrayView(text), starts: ArrayView(starts)))
    }

    public var kind: Kind {
        switch storage {
        case .integers: .integers
        case .strings: .strings
        }
    }

    /// Rows.
    public var count: Int {
        switch storage {
        case .integers(let ids): ids.count
        case .strings(_, let starts): starts.count - 1
        }
    }

    /// The id of row `row`, as text.
    /// - Precondition: `row` is in `0 ..< count`.
    public func id(of row: Int) -> String {
        switch storage {
        case .integers(let ids): String(ids[row])
        case .strings: String(decoding: bytes(of: row), as: UTF8.self)
        }
    }

    /// The row of `id`, or nil when no row has it. Integers are compared by value, strings byte by byte.
    ///
    /// The first call builds an index of 8 to 16 bytes a row; calls from several threads are safe.
    public func row(of id: String) -> Int? {
        var id = id
        return id.withUTF8 { bytes in
            switch storage {
            case .integers:
                guard case .integer(let value) = IDText(bytes) else { return nil }
                return index.row(of: value, in: self)
            case .strings:
                return index.row(of: bytes, in: self)
            }
        }
    }

    /// The row that each id of `other` has in this map, in the order of `other`'s rows; nil where there is none.
    public func rows(of other: IDMap) -> [Int?] {
        (0..<other.count).map { row in
            switch (storage, other.storage) {
            case (.integers, .integers(let ids)): index.row(of: ids[row], in: self)
            case (.strings, .strings): index.row(of: other.bytes(of: row), in: self)
            default: self.row(of: other.id(of: row))
            }
        }
    }

    /// The bytes of a string id.
    func bytes(of row: Int) -> UnsafeBufferPointer<UInt8> {
        guard case .strings(let text, let starts) = storage else { preconditionFailure("the ids are integers") }
        return UnsafeBufferPointer(rebasing: text.elements[Int(starts[row])..<Int(starts[row + 1]) - 1])
    }

    /// XXH64 of what the file holds: the integers, or the whole text.
    public var checksum: UInt64 {
        switch storage {
        case .integers(let ids): ids.checksum
        case .strings(let text, _): text.checksum
        }
    }
}

// MARK: - On disk

extension IDMap {
    /// The file of a map named `name`.
    public static func file(_ name: String, _ kind: Kind) -> String {
        switch kind {
        case .integers: "\(name).npy"
        case .strings: "\(name).txt"
        }
    }

    /// Writes the map into a directory in the making.
    /// - Returns: the file's name, and ``checksum``.
    @discardableResult
    public func write(
        into directory: borrowing DirectoryReplacement, name: String
    ) throws(Failure) -> (file: String, checksum: UInt64) {
        let file = Self.file(name, kind)
        switch storage {
        case .integers(let ids):
            return (file, try ArrayWriter.write(ids.elements, to: directory.path(file)))
        case .strings(let text, _):
            try writeFile(UnsafeRawBufferPointer(text.elements), to: directory.path(file))
            return (file, text.checksum)
        }
    }

    /// Maps the ids that ``write(into:name:)`` wrote.
    /// - Throws: a ``Failure`` of kind `noInput` or `badData` when the file is missing or does not hold `count` ids.
    public static func read(directory: String, name: String, kind: Kind, count: Int) throws(Failure) -> IDMap {
        let path = directory + "/" + file(name, kind)
        func defect(_ what: String) -> Failure {
            Failure(.badData, what, at: path, remedy: "the file was cut off or overwritten: write it again")
        }
        switch kind {
        case .integers:
            let ids = try ArrayView<Int64>(mapping: path)
            guard ids.count == count else { throw defect("\(ids.count) ids, not \(count)") }
            return IDMap(.integers(ids))
        case .strings:
            let file = try MappedFile(path: path)
            let text = file.bytes.bindMemory(to: UInt8.self)
            var starts: [Int64] = [0]
            for (offset, byte) in text.enumerated() where byte == UInt8(ascii: "\n") {
                let id = UnsafeBufferPointer(rebasing: text[Int(starts[starts.count - 1])..<offset])
                if let what = IDText.defect(id) { throw defect("the id in line \(starts.count) \(what)") }
                starts.append(Int64(offset + 1))
            }
            guard starts.count - 1 == count, Int(starts[count]) == text.count else {
                throw defect("\(starts.count - 1) whole lines, not \(count)")
            }
            return IDMap(.strings(text: ArrayView(text, owner: file), starts: ArrayView(starts)))
        }
    }
}
