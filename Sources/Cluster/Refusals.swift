// Why: a coordinator that gives up for want of workers may have had some that it refused. Whoever reads its last line
// should not have to look for them in the log.

import Failures

/// The workers that were refused last.
struct Refusals {
    /// So many are told of.
    private static let most = 3

    private var last: [(name: String, reason: String)] = []

    /// Takes in that a worker was refused, perhaps not for the first time.
    mutating func note(_ name: String, _ reason: String) {
        last.removeAll { $0.name == name }
        last = last.suffix(Self.most - 1) + [(name, reason)]
    }

    /// The end of a job that has had `count` workers, and not `needed`, for `time`.
    func tooFew(_ count: Int, of needed: Int, for time: Duration) -> Failure {
        let refused = last.map { "; worker \($0.name) was refused: \($0.reason)" }.joined()
        return Failure(
            .unavailable, "\(count) of \(needed) workers for \(time), so no model was written\(refused)",
            remedy: last.isEmpty
                ? "start mf-worker with this coordinator's address"
                : "start the coordinator again, and workers that fit")
    }
}
