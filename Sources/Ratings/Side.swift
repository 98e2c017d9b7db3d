// Why: everything that is done to users is done to items too; one word for which.

/// A side of the rating matrix. Users are its rows, items its columns.
public enum Side: String, Sendable, Hashable, Codable, CaseIterable {
    case user
    case item

    public var other: Side { self == .user ? .item : .user }
}
