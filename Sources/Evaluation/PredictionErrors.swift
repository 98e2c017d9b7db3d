// Why: how far a model's predictions are from known ratings:
//
//     RMSE = sqrt(sum (r - prediction)^2 / n)        MAE = sum |r - prediction| / n
//
// The ratings are cut into chunks at places that depend on nothing but their number; each chunk is summed in double,
// in order, and the chunks' sums are added in order. So the figures are the same for any number of threads.

import Dispatch
import Failures
import Model
import Ratings

/// The sums that the error metrics come from.
public struct PredictionErrors: Sendable, Hashable {
    /// Ratings compared.
    public private(set) var ratings = 0
    /// Those among them whose user or item the model does not know; they are predicted by its intercept
    /// and the bias of the other.
    public private(set) var unknown = 0
    private var squares = 0.0
    private var absolutes = 0.0

    /// Compares `model` with every rating of `ratings`, on all processors.
    /// - Parameters:
    ///   - ratings: rows are users.
    ///   - mapping: where the model has them.
    /// - Throws: a ``Failure`` of kind `badData` when there are no ratings.
    public init(of model: FactorModel, on ratings: CompressedRows, mapping: RowMapping) throws(Failure) {
        guard ratings.count > 0 else {
            throw Failure(
                .badData, "there are no ratings to compare with", remedy: "give a store or a file with ratings")
        }
        let chunkCount = (ratings.count - 1) / Self.ratingsPerChunk + 1
        // Unsafe: each iteration writes its own element, and nobody reads before all are done.
        nonisolated(unsafe) let chunks = UnsafeMutableBufferPointer<PredictionErrors>.allocate(capacity: chunkCount)
        defer { chunks.deallocate() }
        DispatchQueue.concurrentPerform(iterations: chunkCount) { chunk in
            let start = chunk * Self.ratingsPerChunk
            let range = start..<min(start + Self.ratingsPerChunk, ratings.count)
            chunks.initializeElement(
                at: chunk, to: PredictionErrors(of: model, on: ratings, in: range, mapping: mapping))
        }
        self.init()
        for chunk in chunks { add(chunk) }
    }

    /// Enough work to make the hand-out cheap, and few enough for many processors.
    package static let ratingsPerChunk = 1 << 16

    public var rmse: Double { (squares / Double(ratings)).squareRoot() }
    public var mae: Double { absolutes / Double(ratings) }

    /// Nil for the metrics of rankings.
    public subscript(metric: Metric) -> Double? {
        switch metric.kind {
        case .rmse: rmse
        case .mae: mae
        default: nil
        }
    }

    private init() {}

    /// The errors at the positions `range` of the ratings.
    private init(of model: FactorModel, on ratings: CompressedRows, in range: Range<Int>, mapping: RowMapping) {
        self.init()
        withUnsafeTemporaryAllocation(of: Float.self, capacity: range.count) { values in
            ratings.values.decode(range, minus: 0, to: values.baseAddress!)
            var row = ratings.row(ofPosition: range.lowerBound)
            var end = ratings.range(of: row).upperBound
            for position in range {
                while position >= end {
                    row += 1
                    end = ratings.range(of: row).upperBound
                }
                let user = mapping.user(row)
                let item = mapping.item(Int(ratings.columns[position]))
                if user == nil || item == nil { unknown += 1 }
                let error = Double(values[position - range.lowerBound]) - model.predict(user: user, item: item)
                squares += error * error
                absolutes += abs(error)
            }
        }
        self.ratings = range.count
    }

    private mutating func add(_ other: PredictionErrors) {
        ratings += other.ratings
        unknown += other.unknown
        squares += other.squares
        absolutes += other.absolutes
    }
}

extension CompressedRows {
    /// The row that the rating at `position` belongs to, by bisection.
    fileprivate func row(ofPosition position: Int) -> Int {
        var low = 0
        var high = rowCount
        while high - low > 1 {
            let middle = (low + high) / 2
            if range(of: middle).lowerBound <= position { low = middle } else { high = middle }
        }
        return low
    }
}
