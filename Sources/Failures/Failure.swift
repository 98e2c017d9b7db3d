// Why: every error a person sees says what went wrong, where, and what to do about it, and ends
// the command with the exit code that sysexits.h gives to its kind. One type carries all of that
// from the place where it is known to the place where it is printed.

/// An error meant for a person: what, where, and the remedy.
public struct Failure: Error, Hashable, Sendable {
    /// What sort of failure it is; decides the exit code of a command that ends with it.
    public enum Kind: Int32, Sendable, CaseIterable {
        /// The command was used wrongly (EX_USAGE).
        case usage = 64
        /// The input is there but is not what it should be (EX_DATAERR).
        case badData = 65
        /// An input file is missing or cannot be read (EX_NOINPUT).
        case noInput = 66
        /// A peer or a service is not there (EX_UNAVAILABLE).
        case unavailable = 69
        /// An invariant of ours does not hold (EX_SOFTWARE).
        case software = 70
        /// The operating system refused something it should give (EX_OSERR).
        case system = 71
        /// An output cannot be created (EX_CANTCREAT).
        case cannotCreate = 73
        /// Reading or writing failed half-way (EX_IOERR).
        case inputOutput = 74
        /// The same may succeed later (EX_TEMPFAIL).
        case tryAgain = 75
    }

    public var kind: Kind
    /// What went wrong, in a phrase without a full stop.
    public var what: String
    /// Where: a path, `path:line`, an endpoint, a row. Empty when the failure has no place.
    public var place: String
    /// What the reader can do about it, in a phrase without a full stop. Empty when there is nothing.
    public var remedy: String

    public init(_ kind: Kind, _ what: String, at place: String = "", remedy: String = "") {
        self.kind = kind
        self.what = what
        self.place = place
        self.remedy = remedy
    }

    /// The exit code of a command that ends with this failure.
    public var exitCode: Int32 { kind.rawValue }
}

extension Failure: CustomStringConvertible {
    /// `place: what; remedy`, on one line.
    public var description: String {
        (place.isEmpty ? "" : "\(place): ") + what + (remedy.isEmpty ? "" : "; \(remedy)")
    }
}
