// Why: between the text and the sorted rows, ratings are triples of 12 bytes, in runs that are made, split and freed
// one by one.

import Failures

/// Ratings in the order of their input: user number, item number, value. Numbers are those of an ``IDTable``.
struct RatingRun: Sendable {
    let users: ElementBuffer<UInt32>
    let items: ElementBuffer<UInt32>
    /// NaN where the input names a pair without a rating (a probe file).
    let values: ElementBuffer<Float>

    init(count: Int) throws(Failure) {
        users = try ElementBuffer(count: count)
        items = try ElementBuffer(count: count)
        values = try ElementBuffer(count: count)
    }

    /// No ratings.
    init() {
        users = ElementBuffer(few: 0)
        items = ElementBuffer(few: 0)
        values = ElementBuffer(few: 0)
    }

    var count: Int { users.count }

    func numbers(of side: Side) -> ElementBuffer<UInt32> { side == .user ? users : items }

    /// User and item in one number.
    func pair(at index: Int) -> UInt64 {
        UInt64(users.pointer[index]) << 32 | UInt64(items.pointer[index])
    }

    /// A copy of the ratings in `range`.
    func slice(_ range: Range<Int>) throws(Failure) -> RatingRun {
        let run = try RatingRun(count: range.count)
        run.users.pointer.initialize(from: users.pointer + range.lowerBound, count: range.count)
        run.items.pointer.initialize(from: items.pointer + range.lowerBound, count: range.count)
        run.values.pointer.initialize(from: values.pointer + range.lowerBound, count: range.count)
        return run
    }
}
