// Why: everything that the threads share while a block is solved is in one object, so that there is one place where
// the compiler takes our word that they do not disturb each other.

import Dispatch
import Ratings
import Synchronization

/// One row's part of the block's sums.
struct RowResult {
    var squaredError = 0.0
    var penalty = 0.0
    var holdoutSquaredError = 0.0
}

/// One block being solved.
final class BlockTask: @unchecked Sendable {
    // Unchecked: the threads only read what is here, but for `output` and `results`, of which each writes no other
    // elements than those of the rows that it took from the counter, and a row is taken once; and for the
    // workspaces, of which each uses its own.
    let ratings: CompressedRows
    let holdout: CompressedRows?
    /// The number of the block's row 0 in ``solved``.
    let firstRow: Int
    let solved: FactorMatrix
    let fixed: FactorMatrix
    /// Rows of `rank` floats.
    let output: UnsafeMutablePointer<Float>
    let results: UnsafeMutableBufferPointer<RowResult>
    /// Where each run of rows begins that a thread takes at once; the last is the number of rows.
    private let chunks: [Int]
    private let workspaces: [Workspace]
    private let nextChunk = Atomic<Int>(0)
    private let firstFailedRow = Atomic<Int>(Int.max)

    init(
        ratings: CompressedRows, holdout: CompressedRows?, firstRow: Int, solved: FactorMatrix, fixed: FactorMatrix,
        output: UnsafeMutablePointer<Float>, results: UnsafeMutableBufferPointer<RowResult>, chunks: [Int],
        workspaces: [Workspace]
    ) {
        self.ratings = ratings
        self.holdout = holdout
        self.firstRow = firstRow
        self.solved = solved
        self.fixed = fixed
        self.output = output
        self.results = results
        self.chunks = chunks
        self.workspaces = workspaces
    }

    /// Solves every row.
    /// - Returns: the first row that could not be solved. All rows are tried, so it is the same in every run.
    func run() -> Int? {
        // concurrentPerform returns when all threads have, which orders their writes before what follows.
        if workspaces.count == 1 || chunks.count <= 2 {
            work(thread: 0)
        } else {
            DispatchQueue.concurrentPerform(iterations: workspaces.count) { self.work(thread: $0) }
        }
        let row = firstFailedRow.load(ordering: .relaxed)
        return row == Int.max ? nil : row
    }

    private func work(thread: Int) {
        let workspace = workspaces[thread]
        while true {
            let chunk = nextChunk.wrappingAdd(1, ordering: .relaxed).oldValue
            guard chunk < chunks.count - 1 else { return }
            for row in chunks[chunk]..<chunks[chunk + 1] where !workspace.solve(row, of: self) {
                firstFailedRow.min(row, ordering: .relaxed)
            }
        }
    }
}
