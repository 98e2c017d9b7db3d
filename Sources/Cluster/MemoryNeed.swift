// Why: a job that ends for want of memory after an hour should not have begun. What a worker needs is known before,
// from the shape of the job alone:
//
//     factors      rows of both sides x d rounded up to 16 x 4 bytes, each side in pages of 2 MiB; in bfloat16
//                  precision half as much again of the larger side
//     workspaces   a thread: a d x d matrix, a panel of 64 rows, what the longest row needs; eight parts of a long
//                  row; a preconditioner and what it is made of; with the implicit loss the fixed side's Gram matrix,
//                  and for rankings an item block and what the sampled users have seen
//     traffic      payloads under way, as many as there are credits, and results on their way out
//     process      the program itself
//
// and, unless it maps the store, ratings: at least those of the blocks that it has at a time, at best those of its
// share of all blocks, which are then sent once. Mapped files are not counted: the system takes their pages back when
// it must.

import LeastSquares
import Ratings
import Training

/// The memory that a worker needs, ratings aside, in bytes.
public struct MemoryNeed: Sendable, Hashable {
    public let factors: Int
    public let workspaces: Int
    public let traffic: Int

    /// The program's data, threads and heaps, 2 MiB (`Pss_Anon`) in a worker without a job; what heaps keep of messages
    /// that have gone; and what is on its way to the cache (`CacheQueue`).
    public static let process = 24 << 20
    /// Ratings of a panel that a kernel gathers at once (`MF_PANEL_ROWS`), and parts of a long row (`LongRow`).
    private static let (panelRows, longRowParts) = (64, 8)
    /// Floats for each rating of the longest row: its value and two errors, in memory that grows by doubling.
    private static let floatsPerRating = 6
    /// What a row's sums take.
    private static let rowResultByteCount = 24
    /// What an item of a ranking takes: in the best so far, in the lists of a block, and in a message.
    private static let rankedItemByteCount = 16 + 16 + 8
    private static let hugePageByteCount = 2 << 20

    /// - Parameters:
    ///   - rowCounts: rows of each side.
    ///   - solver: its rank at most `JobConfiguration.maximumRank`.
    ///   - longestRow: ratings of the row that has the most; 0 where that is not known; the need is then too low.
    ///   - rankedUserCount: users for whom solved items are ranked.
    public init(
        rowCounts: BySide<Int>, solver: SolverConfiguration, threads: Int, longestRow: Int = 0, rankedUserCount: Int = 0
    ) {
        let width = solver.width
        let stride = FactorMatrix.stride(forRank: solver.rank) ?? solver.rank
        // With biases a row has one more unknown, for which the padding may have room.
        let order = FactorMatrix.stride(forRank: width) ?? width
        let floatByteCount = MemoryLayout<Float>.size
        func matrix(_ rows: Int) -> Int {
            max(rows, 1) * (stride + width - solver.rank) * floatByteCount + Self.hugePageByteCount
        }
        // Two factors a word, in groups of 32.
        let roundedRow = (stride + 31) / 32 * 16 * MemoryLayout<UInt32>.size
        let rounded = max(rowCounts.user, rowCounts.item, 1) * roundedRow + Self.hugePageByteCount
        factors = matrix(rowCounts.user) + matrix(rowCounts.item) + (solver.precision == .bf16 ? rounded : 0)
        let rowFloats =
            (order + Self.panelRows + 4) * order + (order == stride ? 0 : stride * stride)
            + (solver.isNonnegative ? order * order : 0)
        let mostRows = max(1, BlockPlan.maximumFactorByteCount / (width * floatByteCount))
        let blockRows = min(max(rowCounts.user, rowCounts.item), mostRows)
        // The whole Gram matrix, and a weight for each rating of the longest row, in memory that grows by doubling.
        let implicitByteCount = WholeGram.byteCount(stride: stride) + 2 * threads * longestRow * floatByteCount
        let ranking = SampleRanker.byteCount(
            userCount: rowCounts.user, largestBlock: min(rowCounts.item, mostRows), stride: stride, threads: threads)
        let lists = rankedUserCount * RankingSample.listLength * Self.rankedItemByteCount
        workspaces =
            (threads * (rowFloats + Self.floatsPerRating * longestRow) + (Self.longRowParts + 2) * rowFloats)
            * floatByteCount
            + blockRows * Self.rowResultByteCount
            + (solver.implicit == nil ? 0 : implicitByteCount)
            + (rankedUserCount == 0 ? 0 : ranking + lists)
        traffic = (Limits.credit + Limits.blocksInFlight) * Limits.payloadByteCount
    }

    /// All of it.
    public var total: Int { Self.process + factors + workspaces + traffic }

    /// What is wrong with a limit that is too low; nil if it is enough. What it says to give is enough in any case, so
    /// that nobody is refused twice.
    /// - Parameters:
    ///   - ratings: bytes that a worker needs for ratings if it does not map the store.
    ///   - mapsStore: false when it is known not to; else it is given the benefit of the doubt.
    public func defect(ofLimit limit: ByteSize, ratings: Int = 0, mapsStore: Bool = true) -> String? {
        guard limit.bytes < (mapsStore ? total : total + ratings) else { return nil }
        let (mapped, sent) = (ByteSize(total), ByteSize(total + ratings))
        let needed =
            if !mapsStore {
                "it does not map the store, so it needs \(sent), \(ByteSize(ratings)) of it for ratings,"
            } else if sent.description != mapped.description {
                "it needs \(mapped), or \(sent) if it does not map the store,"
            } else {
                "it needs \(mapped),"
            }
        return """
            \(needed) and its memory limit is \(limit): give --memory-limit \(sent.optionText) or more, or lower the rank
            """
    }
}

/// The memory that the ratings of a job take in workers that do not map the store, in bytes.
public struct RatingsNeed: Sendable, Hashable {
    /// The blocks of both sides together.
    public let total: Int
    public let largestBlock: Int
    /// Ratings of the row that has the most.
    public let longestRow: Int

    public init(_ data: JobData) {
        var (total, largest, longest) = (0, 0, 0)
        for side in Side.allCases {
            for block in 0..<data.plan[side].count {
                let byteCount = data.encodedByteCount(side, block)
                total += byteCount
                largest = max(largest, byteCount)
            }
            let offsets = data.rows(side).offsets
            for row in 0..<data.plan[side].rowCount { longest = max(longest, Int(offsets[row + 1] - offsets[row])) }
        }
        (self.total, largestBlock, longestRow) = (total, largest, longest)
    }

    /// The least with which a worker can work that has `blocksInFlight` blocks at a time.
    public func least(blocksInFlight: Int) -> Int { blocksInFlight * largestBlock }

    /// What one of `workers` equal workers ends up with.
    public func share(workers: Int) -> Int { min(total, total / max(workers, 1) + largestBlock) }
}
