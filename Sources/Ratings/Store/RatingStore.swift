// Why: training, evaluation and recommendation read ratings in one form, whether they are mapped from a store on
// disk or were just read from a text file.
//
//     store.json                                        what the arrays are; see StoreDescription
//     user_ids.npy | .txt      item_ids.npy | .txt      row number -> outside id
//     user_offsets.npy int64   user_items.npy uint32    user_values.npy     training ratings by user
//     item_offsets.npy int64   item_users.npy uint32    item_values.npy     the same by item
//     holdout_user_offsets.npy ...                      the held-out ratings, in the same six arrays
//
// Rows of each side are numbered by falling count of training ratings, equal counts by ascending id, so that the
// factors that are read most lie together (twice the speed on large data), and the store does not depend on the
// order of the input. Users and items that were held out altogether come last, with empty rows.

import ArrayFiles
import Failures

/// Ratings of both orders with their outside ids: the training ratings, and the held-out ones if any.
public final class RatingStore: Sendable {
    /// The file that marks a folder as a store.
    public static let marker = "store.json"
    /// Rows of a side are numbered in 32 bits.
    public static let maximumRowCount = Int(UInt32.max) - 1

    /// The folder; nil when the ratings are in memory only.
    public let path: String?
    public let description: StoreDescription
    /// The training ratings.
    public let ratings: RatingMatrix
    /// The held-out ratings, over the same users and items; nil when there are none.
    public let holdout: RatingMatrix?
    public let userIDs: IDMap
    public let itemIDs: IDMap

    /// Equal for equal ratings, ids and split, wherever they are and wherever they came from.
    public var fingerprint: String { description.fingerprint }

    init(
        path: String?, description: StoreDescription, ratings: RatingMatrix, holdout: RatingMatrix?,
        userIDs: IDMap, itemIDs: IDMap
    ) {
        self.path = path
        self.description = description
        self.ratings = ratings
        self.holdout = holdout
        self.userIDs = userIDs
        self.itemIDs = itemIDs
    }

    public func ids(of side: Side) -> IDMap { side == .user ? userIDs : itemIDs }
}

// MARK: - Opening

extension RatingStore {
    /// Maps the store at `path`.
    ///
    /// Every array is read once, to compare its checksum with `store.json` and to make sure that offsets and
    /// columns are in range, so that nothing later has to.
    /// - Throws: a ``Failure``: `noInput` when nothing is at `path` or a file is missing, `badData` when it is no
    ///   store, is of another version, or a file was cut off or changed.
    public static func open(_ path: String) throws(Failure) -> RatingStore {
        try MarkedDirectory.require(path, markers: marker, kind: "a rating store")
        let description = try StoreDescription.read(path + "/" + marker)
        let ratings = try StoredMatrix(directory: path, prefix: "", count: description.ratings, of: description)
        var checks = ratings.checks
        var holdout: StoredMatrix?
        if description.holdoutRatings > 0 {
            let stored = try StoredMatrix(
                directory: path, prefix: StoredMatrix.holdoutPrefix, count: description.holdoutRatings, of: description)
            checks += stored.checks
            holdout = stored
        }
        let userIDs = try IDMap.read(
            directory: path, name: StoredMatrix.userIDs, kind: description.userIDs, count: description.users)
        let itemIDs = try IDMap.read(
            directory: path, name: StoredMatrix.itemIDs, kind: description.itemIDs, count: description.items)
        checks.append(.checksum(IDMap.file(StoredMatrix.userIDs, userIDs.kind)) { userIDs.checksum })
        checks.append(.checksum(IDMap.file(StoredMatrix.itemIDs, itemIDs.kind)) { itemIDs.checksum })
        try StoreCheck.run(checks, directory: path, checksums: description.checksums)
        return RatingStore(
            path: path, description: description, ratings: ratings.matrix, holdout: holdout?.matrix, userIDs: userIDs,
            itemIDs: itemIDs)
    }
}

// MARK: - Saving

extension RatingStore {
    /// Refuses a path that ``save(to:checkpoint:)`` could not write to; commands call this before they read any rating.
    public static func checkDestination(_ path: String) throws(Failure) {
        try DirectoryReplacement.refuseForeign(path, marker: marker)
    }

    /// Writes the store to a folder, replacing an older store there.
    /// - Parameter checkpoint: called between pieces of work; what it throws ends the saving and leaves nothing behind.
    /// - Throws: a ``Failure`` of kind `cannotCreate` or `inputOutput`, or what `checkpoint` throws.
    public func save(to path: String, checkpoint: () throws(Failure) -> Void = {}) throws(Failure) {
        let directory = try DirectoryReplacement(destination: path, marker: Self.marker)
        try StoredMatrix.write(ratings, prefix: "", into: directory, checkpoint)
        if let holdout {
            try StoredMatrix.write(holdout, prefix: StoredMatrix.holdoutPrefix, into: directory, checkpoint)
        }
        try userIDs.write(into: directory, name: StoredMatrix.userIDs)
        try itemIDs.write(into: directory, name: StoredMatrix.itemIDs)
        try SealedJSON.write(description, to: directory.path(Self.marker))
        try checkpoint()
        try directory.commit()
    }
}
