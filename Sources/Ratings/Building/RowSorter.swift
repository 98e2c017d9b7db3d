// Why: ratings in any order become compressed rows of both sides by counting sort, three times:
//
//     input order -> by item -> by user -> by item
//
// The sort is stable, so the second result has ascending items in each row, equal pairs beside each other in the
// order of the input; and the third has ascending users. A pass reads and writes each rating once. In parallel, each
// lane has a stretch of the input, counts its own entries of each row, and then knows its places in every row.

import Failures

/// Compressed rows in the making.
struct SortedRows<Value: StoredValue>: Sendable {
    let offsets: ElementBuffer<Int64>
    let columns: ElementBuffer<UInt32>
    let values: ElementBuffer<Value>
    let columnCount: Int

    var rowCount: Int { offsets.count - 1 }
    var count: Int { columns.count }

    func range(of row: Int) -> Range<Int> { Int(offsets.pointer[row])..<Int(offsets.pointer[row + 1]) }

    func compressedRows(denominator: Int) -> CompressedRows {
        CompressedRows(
            offsets: offsets.view, columns: columns.view, values: Value.values(values.view, denominator: denominator),
            columnCount: columnCount)
    }

    /// Rows cut into `lanes` stretches with about equal numbers of ratings.
    func stretch(_ lane: Int, of lanes: Int) -> Range<Int> {
        let end = lane + 1 == lanes ? rowCount : firstRow(from: count / lanes * (lane + 1))
        return firstRow(from: count / lanes * lane)..<end
    }

    /// The first row that begins at rating `place` or after it.
    private func firstRow(from place: Int) -> Int {
        var (low, high) = (0, rowCount)
        while low < high {
            let middle = (low + high) / 2
            if Int(offsets.pointer[middle]) < place { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// Counting sorts over at most `threads` threads.
struct RowSorter: Sendable {
    let threads: Int

    /// The ratings of `runs` by row of `side`; within a row in the order of the runs.
    func rows<Value: StoredValue>(
        of runs: [RatingRun], by side: Side, _ numbering: [Side: Numbering], denominator: Int
    ) throws(Failure) -> SortedRows<Value> {
        let count = runs.reduce(0) { $0 + $1.count }
        let (own, other) = (numbering[side]!.rows, numbering[side.other]!.rows)
        let columns = try ElementBuffer<UInt32>(count: count)
        let values = try ElementBuffer<Value>(count: count)
        let lanes = min(laneCount(count, rows: own.count), max(1, runs.count))
        @Sendable func stretch(_ lane: Int) -> Range<Int> {
            runs.count * lane / lanes..<runs.count * (lane + 1) / lanes
        }
        let offsets = try countingSort(rowCount: own.count, lanes: lanes) { lane, counts in
            for run in runs[stretch(lane)] {
                for number in run.numbers(of: side).elements { counts[Int(own[Int(number)])] += 1 }
            }
        } place: { lane, places in
            for run in runs[stretch(lane)] {
                let (rows, others, source) = (
                    run.numbers(of: side).pointer, run.numbers(of: side.other).pointer, run.values.pointer
                )
                for index in 0..<run.count {
                    let row = Int(own[Int(rows[index])])
                    let place = places[row]
                    places[row] = place + 1
                    columns.pointer[place] = other[Int(others[index])]
                    values.pointer[place] = Value.encode(source[index], denominator: Float(denominator))
                }
            }
        }
        return SortedRows(offsets: offsets, columns: columns, values: values, columnCount: other.count)
    }

    /// The same ratings by the other side, whose columns are ascending within each row.
    func transposed<Value: StoredValue>(_ rows: SortedRows<Value>) throws(Failure) -> SortedRows<Value> {
        let columns = try ElementBuffer<UInt32>(count: rows.count)
        let values = try ElementBuffer<Value>(count: rows.count)
        let lanes = laneCount(rows.count, rows: rows.columnCount)
        let offsets = try countingSort(rowCount: rows.columnCount, lanes: lanes) { lane, counts in
            let stretch = rows.stretch(lane, of: lanes)
            guard !stretch.isEmpty else { return }
            for index in Int(rows.offsets.pointer[stretch.lowerBound])..<Int(rows.offsets.pointer[stretch.upperBound]) {
                counts[Int(rows.columns.pointer[index])] += 1
            }
        } place: { lane, places in
            for row in rows.stretch(lane, of: lanes) {
                for index in rows.range(of: row) {
                    let column = Int(rows.columns.pointer[index])
                    let place = places[column]
                    places[column] = place + 1
                    columns.pointer[place] = UInt32(row)
                    values.pointer[place] = rows.values.pointer[index]
                }
            }
        }
        return SortedRows(offsets: offsets, columns: columns, values: values, columnCount: rows.rowCount)
    }

    /// How many entries each number has in `runs`.
    func counts(of side: Side, in runs: [RatingRun], numbers: Int) throws(Failure) -> ElementBuffer<Int> {
        let lanes = min(laneCount(runs.reduce(0) { $0 + $1.count }, rows: numbers), max(1, runs.count))
        let counts = try concurrently(lanes) { lane throws(Failure) in
            let counts = try ElementBuffer<Int>(count: numbers, repeating: 0)
            for run in runs[runs.count * lane / lanes..<runs.count * (lane + 1) / lanes] {
                for number in run.numbers(of: side).elements { counts.pointer[Int(number)] += 1 }
            }
            return counts
        }
        for other in counts.dropFirst() {
            for number in 0..<numbers { counts[0].pointer[number] += other.pointer[number] }
        }
        return counts[0]
    }

    /// Lanes keep a counter for each row; together at most a quarter of the ratings in number.
    private func laneCount(_ count: Int, rows: Int) -> Int { max(1, min(threads, count / (4 * max(1, rows)))) }

    /// - Parameters:
    ///   - count: adds a lane's entries of each row to counters.
    ///   - place: puts a lane's entries to their places, which it is given by row and moves on.
    /// - Returns: the offsets of the rows.
    private func countingSort(
        rowCount: Int, lanes: Int, count: @Sendable (_ lane: Int, _ counts: UnsafeMutablePointer<Int>) -> Void,
        place: @Sendable (_ lane: Int, _ places: UnsafeMutablePointer<Int>) -> Void
    ) throws(Failure) -> ElementBuffer<Int64> {
        let cursors = try ElementBuffer<Int>(count: lanes * rowCount, repeating: 0)
        _ = try concurrently(lanes) { lane in count(lane, cursors.pointer + lane * rowCount) }
        let offsets = try ElementBuffer<Int64>(count: rowCount + 1)
        var position = 0
        for row in 0..<rowCount {
            offsets.pointer[row] = Int64(position)
            for lane in 0..<lanes {
                let cursor = cursors.pointer + (lane * rowCount + row)
                (cursor.pointee, position) = (position, position + cursor.pointee)
            }
        }
        offsets.pointer[rowCount] = Int64(position)
        _ = try concurrently(lanes) { lane in place(lane, cursors.pointer + lane * rowCount) }
        return offsets
    }
}
