// Why: the threads that solve a block share its ratings, take runs of rows from one counter, and write the factors and
// the sums of the rows they took, which no other thread touches.

import Ratings
import Synchronization

/// One row's part of the block's sums.
struct RowResult {
    var squaredError = 0.0
    var penalty = 0.0
    var holdoutSquaredError = 0.0
}

/// One block being solved.
final class BlockTask {
    let ratings: CompressedRows
    let holdout: CompressedRows?
    /// The number of the block's row 0 in ``solved``.
    let firstRow: Int
    let solved: FactorMatrix
    /// Rows of `width` floats.
    let output: UnsafeMutablePointer<Float>
    let results: UnsafeMutableBufferPointer<RowResult>
    /// Where each run of rows begins that a thread takes at once; the last is the number of rows.
    private let chunks: [Int]
    private let workspaces: [Workspace]
    private let longRow: LongRow
    private let nextChunk = Atomic<Int>(0)
    private let firstFailedRow = Atomic<Int>(Int.max)

    init(
        ratings: CompressedRows, holdout: CompressedRows?, firstRow: Int, solved: FactorMatrix,
        output: UnsafeMutablePointer<Float>, results: UnsafeMutableBufferPointer<RowResult>, chunks: [Int],
        workspaces: [Workspace], longRow: LongRow
    ) {
        self.ratings = ratings
        self.holdout = holdout
        self.firstRow = firstRow
        self.solved = solved
        self.output = output
        self.results = results
        self.chunks = chunks
        self.workspaces = workspaces
        self.longRow = longRow
    }

    /// Solves every row, the long ones by all threads together and first.
    /// - Returns: the first row that could not be solved. All rows are tried, so it is the same in every run.
    func run() -> Int? {
        for row in 0..<ratings.rowCount where isLong(row) { solve(row, by: workspaces[0], parts: longRow) }
        // With one chunk there is nothing to share.
        performConcurrently(chunks.count <= 2 ? 1 : workspaces.count) { work(thread: $0) }
        let row = firstFailedRow.load(ordering: .relaxed)
        return row == Int.max ? nil : row
    }

    private func isLong(_ row: Int) -> Bool { ratings.range(of: row).count >= LongRow.leastRatingCount }

    private func work(thread: Int) {
        while true {
            let chunk = nextChunk.wrappingAdd(1, ordering: .relaxed).oldValue
            guard chunk < chunks.count - 1 else { return }
            for row in chunks[chunk]..<chunks[chunk + 1] where !isLong(row) {
                solve(row, by: workspaces[thread], parts: nil)
            }
        }
    }

    private func solve(_ row: Int, by workspace: Workspace, parts: LongRow?) {
        if !workspace.solve(row, of: self, parts: parts) { firstFailedRow.min(row, ordering: .relaxed) }
    }
}
