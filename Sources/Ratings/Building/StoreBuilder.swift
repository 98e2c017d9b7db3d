// Why: from triples in any order to a store: numbered, encoded, sorted both ways, checked for duplicates, summed up.
// The result depends on the set of ratings and the split alone, not on order or threads (only the policy `last` looks
// at the order).

import ArrayFiles
import Failures

/// Builds one store in memory.
struct StoreBuilder {
    /// Ids by number.
    let users: IDMap
    let items: IDMap
    /// Finite values; emptied on the way.
    var training: [RatingRun]
    /// Held-out ratings, whose pairs are not among the training ratings; emptied on the way.
    var holdout: [RatingRun]
    let duplicates: DuplicatePolicy
    let threads: Int
    let source: RatingSource?
    /// Says where the pairs stand.
    let describe: (RepeatedPairs) throws(Failure) -> Failure

    private var sorter: RowSorter { RowSorter(threads: threads) }

    /// Builds the store.
    mutating func build() throws(Failure) -> RatingStore {
        guard training.contains(where: { $0.count > 0 }) else {
            throw Failure(.badData, "there are no training ratings", remedy: "give more ratings, or hold out fewer")
        }
        while true {
            let userCounts = try sorter.counts(of: .user, in: training, numbers: users.count)
            let itemCounts = try sorter.counts(of: .item, in: training, numbers: items.count)
            let (users, items) = (users, items)
            let numberings = try concurrently(2) { side in
                side == 0
                    ? Numbering(counts: userCounts.prefix, ids: users)
                    : Numbering(counts: itemCounts.prefix, ids: items)
            }
            let numbering: [Side: Numbering] = [.user: numberings[0], .item: numberings[1]]
            let encoding = try survey()
            let store =
                switch encoding.elementType {
                case .uint8: try attempt(UInt8.self, encoding.denominator, numbering)
                case .int16: try attempt(Int16.self, encoding.denominator, numbering)
                default: try attempt(Float.self, encoding.denominator, numbering)
                }
            // Without a store, duplicates were resolved: counts and values are others now.
            if let store { return store }
        }
    }

    private func survey() throws(Failure) -> ValueEncoding {
        let runs = training + holdout
        let lanes = max(1, min(threads, runs.count))
        let surveys = try concurrently(lanes) { lane in
            var survey = ValueSurvey()
            for run in runs[runs.count * lane / lanes..<runs.count * (lane + 1) / lanes] {
                survey.take(run.values.prefix)
            }
            return survey
        }
        var survey = surveys[0]
        for other in surveys.dropFirst() { survey.merge(other) }
        return survey.encoding
    }

    /// Builds the store unless there are duplicates to resolve; then resolves them and returns nil.
    private mutating func attempt<Value: StoredValue>(
        _: Value.Type, _ denominator: Int, _ numbering: [Side: Numbering]
    ) throws(Failure) -> RatingStore? {
        guard let kept: SortedMatrix<Value> = try sort(&training, false, denominator, numbering) else { return nil }
        guard let held: SortedMatrix<Value> = try sort(&holdout, true, denominator, numbering) else {
            training = [try kept.byUser.resolved(.last, denominator: denominator, numbering: numbering, rowSide: .user)]
            return nil
        }
        return try store(kept, held, denominator, numbering)
    }

    private struct SortedMatrix<Value: StoredValue> {
        let byUser: SortedRows<Value>
        let byItem: SortedRows<Value>

        func matrix(_ denominator: Int) -> RatingMatrix {
            RatingMatrix(
                byUser: byUser.compressedRows(denominator: denominator),
                byItem: byItem.compressedRows(denominator: denominator))
        }
    }

    /// Sorts and frees `runs`. When they have duplicates, puts back the runs without them and returns nil.
    private func sort<Value: StoredValue>(
        _ runs: inout [RatingRun], _ isHoldout: Bool, _ denominator: Int, _ numbering: [Side: Numbering]
    ) throws(Failure) -> SortedMatrix<Value>? {
        let byUser = try sortByUser(&runs, denominator, numbering) as SortedRows<Value>
        let repeated = try byUser.repeatedPairs(limit: duplicates == .error ? RepeatedPairs.limit : 1, threads: threads)
        guard !repeated.isEmpty else { return SortedMatrix(byUser: byUser, byItem: try sorter.transposed(byUser)) }
        if duplicates == .error {
            let (users, items) = (numbering[.user]!.numbers, numbering[.item]!.numbers)
            throw try describe(
                RepeatedPairs(isHoldout: isHoldout, pairs: repeated.map { (users[$0.row], items[$0.column]) }))
        }
        let run = try byUser.resolved(duplicates, denominator: denominator, numbering: numbering, rowSide: .user)
        if let index = run.values.elements.firstIndex(where: { !$0.isFinite }) {
            let (user, item) = (
                users.id(of: Int(run.users.pointer[index])), items.id(of: Int(run.items.pointer[index]))
            )
            throw Failure(
                .badData, "the ratings of item \(item) by user \(user) are too large to add up",
                remedy: "scale the ratings")
        }
        runs = [run]
        return nil
    }

    private func sortByUser<Value: StoredValue>(
        _ runs: inout [RatingRun], _ denominator: Int, _ numbering: [Side: Numbering]
    ) throws(Failure) -> SortedRows<Value> {
        let byItem = try sorter.rows(of: runs, by: .item, numbering, denominator: denominator) as SortedRows<Value>
        runs = []
        return try sorter.transposed(byItem)
    }

    private func store<Value: StoredValue>(
        _ kept: SortedMatrix<Value>, _ held: SortedMatrix<Value>, _ denominator: Int, _ numbering: [Side: Numbering]
    ) throws(Failure) -> RatingStore {
        let ratings = kept.matrix(denominator)
        let holdout = held.byUser.count > 0 ? held.matrix(denominator) : nil
        let userIDs = try users.selecting(numbering[.user]!.numbers)
        let itemIDs = try items.selecting(numbering[.item]!.numbers)
        let summary = Value.summary(kept.byUser.values.prefix, denominator: denominator)
        var description = StoreDescription(
            users: ratings.userCount, items: ratings.itemCount, ratings: ratings.count,
            holdoutRatings: holdout?.count ?? 0,
            mean: summary.mean, minimum: summary.minimum, maximum: summary.maximum,
            valueEncoding: ratings.byUser.values.encoding, userIDs: userIDs.kind, itemIDs: itemIDs.kind, source: source,
            checksums: try StoredMatrix.checksums(ratings, holdout, userIDs, itemIDs))
        description.fingerprint = description.contentFingerprint
        return RatingStore(
            path: nil, description: description, ratings: ratings, holdout: holdout, userIDs: userIDs, itemIDs: itemIDs)
    }
}
