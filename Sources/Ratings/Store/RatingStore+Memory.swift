// Why: tests, and programs that have their ratings already, need no files.

import Failures

/// One rating with the outside ids.
public struct Rating: Sendable, Hashable {
    public var user: String
    public var item: String
    public var value: Float

    public init(user: String, item: String, value: Float) {
        self.user = user
        self.item = item
        self.value = value
    }
}

extension RatingStore {
    /// A store in memory, as importing the same ratings from files would make it.
    /// - Parameters:
    ///   - ratings: training ratings, in any order; ids of a side are integers when all are, strings otherwise.
    ///   - holdout: held-out ratings, of other pairs.
    /// - Throws: a ``Failure`` of kind `badData`: no training ratings, a value that is not finite, an id that is none
    ///   (see docs/formats.md), pairs that occur twice when `duplicates` says so, or in both lists.
    public static func inMemory(
        _ ratings: [Rating], holdout: [Rating] = [], duplicates: DuplicatePolicy = .error
    ) throws(Failure) -> RatingStore {
        let all = ratings + holdout
        var tables: [Side: IDTable] = [:]
        for side in Side.allCases {
            tables[side] = IDTable(try kind(all.map { side == .user ? $0.user : $0.item }, side))
        }
        let run = try RatingRun(count: all.count)
        for (index, rating) in all.enumerated() {
            guard rating.value.isFinite else {
                throw Failure(
                    .badData, "is not a finite number", at: "rating \(index + 1)", remedy: "correct the value")
            }
            run.users.pointer[index] = tables[.user]!.number(ofText: rating.user)
            run.items.pointer[index] = tables[.item]!.number(ofText: rating.item)
            run.values.pointer[index] = rating.value + 0  // + 0 turns -0 into 0
        }
        let (training, held) = (try run.slice(0..<ratings.count), try run.slice(ratings.count..<all.count))
        let shared = PairSet([training])
        if let index = (0..<held.count).first(where: {
            shared.contains(user: held.users.pointer[$0], item: held.items.pointer[$0])
        }) {
            throw Failure(
                .badData, "item \(holdout[index].item) of user \(holdout[index].user) is a training rating too",
                at: "held-out rating \(index + 1)", remedy: "keep it in one list only")
        }
        var builder = StoreBuilder(
            users: tables[.user]!.ids, items: tables[.item]!.ids, training: [training], holdout: [held],
            duplicates: duplicates, threads: 1, source: nil
        ) { repeated in
            guard let found = repeated.first(in: [repeated.isHoldout ? held : training]) else {
                preconditionFailure("a repeated pair is not repeated in its run")
            }
            let rating = (repeated.isHoldout ? holdout : ratings)[found.index]
            return repeated.failure(
                user: rating.user, item: rating.item,
                at: "\(repeated.isHoldout ? "held-out rating" : "rating") \(found.index + 1)")
        }
        return try builder.build()
    }

    /// Whether all of `ids` are integers.
    private static func kind(_ ids: [String], _ side: Side) throws(Failure) -> IDMap.Kind {
        var kind = IDMap.Kind.integers
        var tooLarge: String?
        for var id in ids {
            let (text, defect) = id.withUTF8 { (IDText($0), IDText.defect($0)) }
            if let defect { throw Failure(.badData, "the \(side) id \(defect)", remedy: "correct the id") }
            if text == .text { kind = .strings }
            if text == .tooLarge { tooLarge = id }
        }
        if kind == .integers, let tooLarge {
            throw Failure(.badData, "the \(side) id \(tooLarge) does not fit in 64 bits", remedy: "correct the id")
        }
        return kind
    }
}
