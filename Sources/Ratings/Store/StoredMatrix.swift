// Why: a rating matrix is six array files: for each side the offsets of its rows, the columns (named after the other
// side), and the values. Their names, element types and lengths are known here and nowhere else.

import ArrayFiles
import Failures

/// A rating matrix mapped from the array files of a store, and what has still to be verified of it.
struct StoredMatrix {
    static let userIDs = "user_ids"
    static let itemIDs = "item_ids"
    /// What the names of the files of held-out ratings begin with.
    static let holdoutPrefix = "holdout_"

    let matrix: RatingMatrix
    let checks: [StoreCheck]

    /// The three files of a side; `prefix` tells training from held-out ratings.
    private struct Files {
        let offsets: String
        let columns: String
        let values: String

        init(prefix: String, side: Side) {
            offsets = "\(prefix)\(side)_offsets.npy"
            columns = "\(prefix)\(side)_\(side.other)s.npy"
            values = "\(prefix)\(side)_values.npy"
        }
    }

    /// Maps the six files and checks their types and lengths; ``checks`` hold what needs every byte.
    init(directory: String, prefix: String, count: Int, of description: StoreDescription) throws(Failure) {
        let byUser = try Self.rows(.user, directory, prefix, count, description)
        let byItem = try Self.rows(.item, directory, prefix, count, description)
        matrix = RatingMatrix(byUser: byUser, byItem: byItem)
        checks =
            Self.checks(byUser, Files(prefix: prefix, side: .user))
            + Self.checks(byItem, Files(prefix: prefix, side: .item))
    }

    private static func rows(
        _ side: Side, _ directory: String, _ prefix: String, _ count: Int, _ description: StoreDescription
    ) throws(Failure) -> CompressedRows {
        let files = Files(prefix: prefix, side: side)
        func fitting<Element>(_ file: String, _ expected: Int) throws(Failure) -> ArrayView<Element> {
            let view = try ArrayView<Element>(mapping: directory + "/" + file)
            guard view.count == expected else {
                throw StoreCheck.damaged("\(view.count) elements, not \(expected)", file, directory)
            }
            return view
        }
        let (rowCount, columnCount) =
            side == .user ? (description.users, description.items) : (description.items, description.users)
        let offsets: ArrayView<Int64> = try fitting(files.offsets, rowCount + 1)
        guard offsets[0] == 0, offsets[rowCount] == Int64(count) else {
            throw StoreCheck.damaged("the offsets do not run from 0 to \(count)", files.offsets, directory)
        }
        let columns: ArrayView<UInt32> = try fitting(files.columns, count)
        let denominator = description.valueEncoding.denominator
        let values: RatingValues
        switch description.valueEncoding.elementType {
        case .uint8 where ValueEncoding.denominators.contains(denominator):
            values = .uint8(try fitting(files.values, count), denominator: denominator)
        case .int16 where ValueEncoding.denominators.contains(denominator):
            values = .int16(try fitting(files.values, count), denominator: denominator)
        case .float32 where denominator == 1: values = .float32(try fitting(files.values, count))
        default:
            let type = description.valueEncoding.elementType
            throw StoreCheck.damaged(
                "unknown value encoding: \(type) with denominator \(denominator)", RatingStore.marker, directory)
        }
        return CompressedRows(offsets: offsets, columns: columns, values: values, columnCount: columnCount)
    }

    // MARK: - Checksums and writing

    /// How the checksum of each file of one side is computed.
    private static func checksums(
        _ rows: CompressedRows, _ files: Files
    ) -> [(file: String, checksum: @Sendable () -> UInt64)] {
        [
            (files.offsets, { rows.offsets.checksum }), (files.columns, { rows.columns.checksum }),
            (files.values, { Checksum.of(rows.values.bytes) }),
        ]
    }

    private static func checks(_ rows: CompressedRows, _ files: Files) -> [StoreCheck] {
        checksums(rows, files).map { .checksum($0.file, $0.checksum) } + [.content(files.columns) { rows.defect() }]
    }

    /// The checksum of each file of a store, by name.
    static func checksums(
        _ ratings: RatingMatrix, _ holdout: RatingMatrix?, _ userIDs: IDMap, _ itemIDs: IDMap
    ) throws(Failure) -> [String: String] {
        var jobs: [(file: String, checksum: @Sendable () -> UInt64)] = [
            (IDMap.file(Self.userIDs, userIDs.kind), { userIDs.checksum }),
            (IDMap.file(Self.itemIDs, itemIDs.kind), { itemIDs.checksum }),
        ]
        for (prefix, matrix) in [("", ratings), (holdoutPrefix, holdout)] {
            guard let matrix else { continue }
            jobs += checksums(matrix.byUser, Files(prefix: prefix, side: .user))
            jobs += checksums(matrix.byItem, Files(prefix: prefix, side: .item))
        }
        let all = jobs
        let found = try concurrently(all.count) { index in (all[index].file, Checksum.text(all[index].checksum())) }
        return Dictionary(uniqueKeysWithValues: found)
    }

    /// Writes the six files of `matrix`.
    static func write(
        _ matrix: RatingMatrix, prefix: String, into directory: borrowing DirectoryReplacement,
        _ checkpoint: () throws(Failure) -> Void
    ) throws(Failure) {
        for (side, rows) in [(Side.user, matrix.byUser), (.item, matrix.byItem)] {
            let files = Files(prefix: prefix, side: side)
            try write(rows.offsets, to: directory.path(files.offsets), checkpoint)
            try write(rows.columns, to: directory.path(files.columns), checkpoint)
            switch rows.values {
            case .uint8(let view, _): try write(view, to: directory.path(files.values), checkpoint)
            case .int16(let view, _): try write(view, to: directory.path(files.values), checkpoint)
            case .float32(let view): try write(view, to: directory.path(files.values), checkpoint)
            }
        }
    }

    private static func write<Element>(
        _ view: ArrayView<Element>, to path: String, _ checkpoint: () throws(Failure) -> Void
    ) throws(Failure) {
        let pieceCount = 1 << 24
        var writer = try ArrayWriter<Element>(path: path, shape: [view.count])
        for start in stride(from: 0, to: view.count, by: pieceCount) {
            try checkpoint()
            let piece = view.elements[start..<min(start + pieceCount, view.count)]
            try writer.append(UnsafeBufferPointer(rebasing: piece))
        }
        _ = try writer.finish()
    }
}

/// One thing to verify about a file of a store; all are run in parallel.
struct StoreCheck: Sendable {
    enum Test: Sendable {
        case checksum(@Sendable () -> UInt64)
        case content(@Sendable () -> String?)
    }

    let file: String
    let test: Test

    static func checksum(_ file: String, _ body: @escaping @Sendable () -> UInt64) -> StoreCheck {
        StoreCheck(file: file, test: .checksum(body))
    }

    static func content(_ file: String, _ body: @escaping @Sendable () -> String?) -> StoreCheck {
        StoreCheck(file: file, test: .content(body))
    }

    static func damaged(_ what: String, _ file: String, _ directory: String) -> Failure {
        Failure(.badData, what, at: directory + "/" + file, remedy: "the store is damaged: import the ratings again")
    }

    /// Runs `checks` against the checksums that `store.json` has.
    /// - Throws: a ``Failure`` of kind `badData`, of the first check in order that fails.
    static func run(_ checks: [StoreCheck], directory: String, checksums: [String: String]) throws(Failure) {
        _ = try concurrently(checks.count) { index throws(Failure) in
            let check = checks[index]
            switch check.test {
            case .checksum(let body):
                guard checksums[check.file] == Checksum.text(body()) else {
                    throw damaged(
                        "the content does not have the checksum that \(RatingStore.marker) gives", check.file, directory
                    )
                }
            case .content(let body):
                if let what = body() { throw damaged(what, check.file, directory) }
            }
        }
    }
}
