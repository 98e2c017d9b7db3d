// Why: a block is the unit of work and of exchange. Where one ends depends on the ratings and the configuration
// and never on who is connected, or the sums over blocks, and with them the model, would depend on it too.
//
// Blocks of equal cost: a row with n ratings costs n d^2 + d^3 (its normal equations and their solution, which
// conjugate gradients do without; the plan is the same). A block ends when the next row would take it past its share of
// the cost, or past what one message carries.

import Ratings

/// The blocks of one side: runs of rows, in order, that together are all of its rows.
public struct BlockPlan: Sendable, Hashable, Codable {
    /// The first row of each block, and last the number of rows. `bounds[0]` is 0.
    public let bounds: [Int]

    /// Blocks a side has, if each is worth its message. A block costs its processes about ten changes of threads, so
    /// twice as many took a tenth more time with two workers on two cores; half as many save little more, and would
    /// leave dozens of workers without enough to even out.
    static let targetCount = 128
    /// The least cost worth its messages: at rank 64 about a millisecond of a core that solves exactly, and a third of
    /// that by conjugate gradients.
    public static let minimumCost = 1e8
    /// A block's factors fit one message of this size, unless one row alone is larger.
    public static let maximumFactorByteCount = 1 << 20

    /// Rows of a block, of `width` numbers each.
    public static func maximumRowCount(width: Int) -> Int {
        max(1, maximumFactorByteCount / (width * MemoryLayout<Float>.size))
    }

    /// Plans blocks for rows whose ratings lie between consecutive `offsets`.
    /// - Parameter minimumCost: the least cost of a block; tests that want many blocks of few ratings lower it.
    public init(
        rowOffsets offsets: UnsafeBufferPointer<Int64>, rank: Int, minimumCost: Double = Self.minimumCost
    ) {
        let rowCount = offsets.count - 1
        let (square, cube) = (Double(rank * rank), Double(rank * rank * rank))
        let ratings = rowCount == 0 ? 0 : Double(offsets[rowCount] - offsets[0])
        let share = max((ratings * square + Double(rowCount) * cube) / Double(Self.targetCount), minimumCost)
        let maximumRows = Self.maximumRowCount(width: rank)
        var bounds = [0]
        var cost = 0.0
        for row in 0..<rowCount {
            let rowCost = Double(offsets[row + 1] - offsets[row]) * square + cube
            let start = bounds[bounds.count - 1]
            if row > start, cost + rowCost > share || row - start == maximumRows {
                bounds.append(row)
                cost = 0
            }
            cost += rowCost
        }
        if rowCount > 0 { bounds.append(rowCount) }
        self.bounds = bounds
    }

    /// A plan that came from elsewhere.
    /// - Returns: nil when `bounds` does not rise from 0.
    public init?(bounds: [Int]) {
        guard bounds.first == 0, zip(bounds, bounds.dropFirst()).allSatisfy({ $0 < $1 }) else { return nil }
        self.bounds = bounds
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let plan = BlockPlan(bounds: try container.decode([Int].self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "the blocks are out of order")
        }
        self = plan
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(bounds)
    }

    /// Blocks.
    public var count: Int { bounds.count - 1 }
    public var rowCount: Int { bounds[bounds.count - 1] }

    /// The rows of block `block`.
    public func rows(_ block: Int) -> Range<Int> { bounds[block]..<bounds[block + 1] }
}

/// A value for each side.
public struct BySide<Value> {
    public var user: Value
    public var item: Value

    public init(user: Value, item: Value) {
        self.user = user
        self.item = item
    }

    public subscript(side: Side) -> Value {
        get { side == .user ? user : item }
        set { if side == .user { user = newValue } else { item = newValue } }
    }

    public func map<Other, Failure: Error>(
        _ transform: (Value) throws(Failure) -> Other
    ) throws(Failure) -> BySide<Other> {
        BySide<Other>(user: try transform(user), item: try transform(item))
    }
}

extension BySide: Sendable where Value: Sendable {}
extension BySide: Equatable where Value: Equatable {}
extension BySide: Hashable where Value: Hashable {}
extension BySide: Encodable where Value: Encodable {}
extension BySide: Decodable where Value: Decodable {}
