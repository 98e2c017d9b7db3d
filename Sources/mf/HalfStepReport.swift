// Why: what `mf bench half-step` found, for a person and as JSON.

import CommandSupport
import Foundation

/// The sweeps of one run and what they amount to.
struct HalfStepReport: Encodable {
    struct Sweep: Encodable {
        var userSeconds: Double
        var itemSeconds: Double
        var objective: Double
        /// Nil when the loss is implicit.
        var trainRMSE: Double?
        /// Nil without held-out ratings.
        var validationRMSE: Double?

        var seconds: Double { userSeconds + itemSeconds }

        var line: String {
            column(userSeconds, 9, digits: 3) + column(itemSeconds, 9, digits: 3) + column(seconds, 9, digits: 3)
                + (trainRMSE.map { column($0, 12, digits: 5) } ?? "           -")
                + (validationRMSE.map { column($0, 12, digits: 5) } ?? "")
        }

        enum CodingKeys: String, CodingKey {
            case objective
            case userSeconds = "user_seconds"
            case itemSeconds = "item_seconds"
            case trainRMSE = "train_rmse"
            case validationRMSE = "validation_rmse"
        }
    }

    var kernels: String
    var threads: Int
    var rank: Int
    var ratings: Int
    var users: Int
    var items: Int
    var sweeps: [Sweep] = []
    /// Medians over the sweeps.
    var userSeconds = 0.0
    var itemSeconds = 0.0
    var sweepSeconds = 0.0
    /// Of the median half-steps.
    var userRowsPerSecond = 0.0
    var itemRowsPerSecond = 0.0
    /// What an exact solver must compute in a sweep, 2 N d (d + 1) + rows d^3 / 3 operations, over the median
    /// sweep's seconds, in 10^9 a second. Above the peak when a method computes less.
    var usefulGigaflops = 0.0
    /// The peak of multiply-adds of one core times the threads, measured in this run, in 10^9 operations a second.
    var peakGigaflops: Double

    init(kernels: String, threads: Int, rank: Int, ratings: Int, users: Int, items: Int, peakGigaflops: Double) {
        self.kernels = kernels
        self.threads = threads
        self.rank = rank
        self.ratings = ratings
        self.users = users
        self.items = items
        self.peakGigaflops = peakGigaflops
    }

    mutating func summarize() {
        userSeconds = median(sweeps.map(\.userSeconds))
        itemSeconds = median(sweeps.map(\.itemSeconds))
        sweepSeconds = median(sweeps.map(\.seconds))
        userRowsPerSecond = Double(users) / userSeconds
        itemRowsPerSecond = Double(items) / itemSeconds
        let d = Double(rank)
        let operations = 2 * Double(ratings) * d * (d + 1) + Double(users + items) * d * d * d / 3
        usefulGigaflops = operations / sweepSeconds / 1e9
    }

    var heading: String {
        """
        \(ratings) ratings, \(users) users, \(items) items, rank \(rank), \(kernels), \(counted(threads, "thread"))
         user s   item s  sweep s  train RMSE  held-out RMSE
        """
    }

    var summary: String {
        "median" + column(sweepSeconds, 7, digits: 3) + " s a sweep:" + column(userRowsPerSecond, 0, digits: 0).leading
            + " users/s," + column(itemRowsPerSecond, 0, digits: 0).leading + " items/s,"
            + column(usefulGigaflops, 0, digits: 1).leading + " useful GFLOP/s,"
            + column(100 * usefulGigaflops / peakGigaflops, 0, digits: 0).leading + "% of the peak of "
            + column(peakGigaflops, 0, digits: 0)
    }

    enum CodingKeys: String, CodingKey {
        case kernels, threads, rank, ratings, users, items, sweeps
        case userSeconds = "user_seconds"
        case itemSeconds = "item_seconds"
        case sweepSeconds = "sweep_seconds"
        case userRowsPerSecond = "user_rows_per_second"
        case itemRowsPerSecond = "item_rows_per_second"
        case usefulGigaflops = "useful_gigaflops"
        case peakGigaflops = "peak_gigaflops"
    }
}

/// The median of at least one value.
func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return (sorted[sorted.count / 2] + sorted[(sorted.count - 1) / 2]) / 2
}

extension String {
    /// With a space before it.
    fileprivate var leading: String { " " + self }
}
