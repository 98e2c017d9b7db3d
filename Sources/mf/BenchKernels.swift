// Why: how near each kernel comes to what the machine can do, over the shapes that rows have.

import ArgumentParser
import CommandSupport
import Failures
import Foundation
import LeastSquares

struct BenchKernels: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernels",
        abstract: "Measures each kernel at each level on one core, as a part of the peak of the same run.",
        discussion: """
            Gram counts n d (d + 1) operations, with the gathering of the factors in the time; solve counts d^3 / 3.
            Example:
              mf bench kernels --rank 64 --ratings-per-row 200
            """)

    @Option(parsing: .upToNextOption, help: ArgumentHelp("Ranks to measure.", valueName: "d"))
    var rank = [16, 32, 64, 128, 256]

    @Option(parsing: .upToNextOption, help: ArgumentHelp("Ratings of a row to measure.", valueName: "n"))
    var ratingsPerRow = [5, 20, 100, 200, 1_000, 5_000]

    @Option(parsing: .upToNextOption, help: "Levels to measure; all that this machine has by default.")
    var kernels = KernelLevel.available

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if rank.contains(where: { !(1...1024).contains($0) }) { throw ValidationError("--rank must be 1 to 1024.") }
        if ratingsPerRow.contains(where: { !(1...1_000_000).contains($0) }) {
            throw ValidationError("--ratings-per-row must be 1 to 1000000.")
        }
    }

    func run() throws {
        let best = KernelMeasurement(kernels: .best)
        var report = KernelReport(
            peakGigaflops: best.peakOperationsPerSecond() / 1e9, gigabytesPerSecond: try best.bandwidth() / 1e9)
        if !json { print(report.heading) }
        for rank in rank {
            let fixed = try FactorMatrix(rowCount: Self.fixedRowCount, rank: rank)
            for row in 0..<fixed.rowCount {
                for index in 0..<rank { fixed.row(row)[index] = Float((row &* 31 &+ index &* 17) % 64) / 64 - 0.5 }
            }
            for count in ratingsPerRow {
                for level in kernels {
                    let measurement = KernelMeasurement(kernels: try Kernels(level: level))
                    for precision in Precision.allCases {
                        let seconds = try measurement.rowSeconds(count: count, factors: fixed, precision: precision)
                        let shape = KernelReport.Shape(
                            level: level, precision: precision, rank: rank, count: count, seconds: seconds)
                        report.shapes.append(shape)
                        if !json { print(shape.line(peak: report.peakGigaflops)) }
                    }
                }
            }
        }
        if json { try printJSON(report) }
    }

    /// As many as the Netflix prize has films, with room to spare.
    private static let fixedRowCount = 27_000
}

/// What was measured.
private struct KernelReport: Encodable {
    struct Shape: Encodable {
        let level: String
        let precision: String
        let rank: Int
        let ratings: Int
        let gramGigaflops: Double
        let solveGigaflops: Double
        /// A whole row each way, in microseconds.
        let exactMicroseconds: Double
        let conjugateGradientMicroseconds: Double
        let preconditionedMicroseconds: Double?
        let dualMicroseconds: Double?

        init(level: KernelLevel, precision: Precision, rank: Int, count: Int, seconds: KernelMeasurement.RowSeconds) {
            let d = Double(rank)
            self.level = level.rawValue
            self.precision = precision.rawValue
            self.rank = rank
            ratings = count
            gramGigaflops = Double(count) * d * (d + 1) / seconds.normalEquations / 1e9
            solveGigaflops = d * d * d / 3 / seconds.solution / 1e9
            exactMicroseconds = (seconds.normalEquations + seconds.solution) * 1e6
            conjugateGradientMicroseconds = seconds.conjugateGradient * 1e6
            preconditionedMicroseconds = seconds.preconditioned.map { $0 * 1e6 }
            dualMicroseconds = seconds.dual.map { $0 * 1e6 }
        }

        func line(peak: Double) -> String {
            func rate(_ value: Double) -> String {
                column(value, 8, digits: 1) + column(100 * value / peak, 5, digits: 0) + "%"
            }
            func padded(_ text: String, _ width: Int) -> String {
                text.padding(toLength: width, withPad: " ", startingAt: 0)
            }
            return column(Double(rank), 4, digits: 0) + column(Double(ratings), 6, digits: 0) + "  " + padded(level, 11)
                + padded(precision, 5) + rate(gramGigaflops) + rate(solveGigaflops) + column(exactMicroseconds, 11)
                + column(conjugateGradientMicroseconds, 10)
                + (preconditionedMicroseconds.map { column($0, 10) } ?? padded("", 10))
                + (dualMicroseconds.map { column($0, 9) } ?? "")
        }

        enum CodingKeys: String, CodingKey {
            case level, precision, rank, ratings
            case gramGigaflops = "gram_gigaflops"
            case solveGigaflops = "solve_gigaflops"
            case exactMicroseconds = "exact_microseconds"
            case conjugateGradientMicroseconds = "cg3_microseconds"
            case preconditionedMicroseconds = "preconditioned_cg1_microseconds"
            case dualMicroseconds = "dual_microseconds"
        }
    }

    /// Of one core in single precision, in this run.
    let peakGigaflops: Double
    /// Memory read in order by one core, in this run.
    let gigabytesPerSecond: Double
    var shapes: [Shape] = []

    init(peakGigaflops: Double, gigabytesPerSecond: Double) {
        self.peakGigaflops = peakGigaflops
        self.gigabytesPerSecond = gigabytesPerSecond
    }

    var heading: String {
        """
        One core: peak\(column(peakGigaflops, 7, digits: 1)) GFLOP/s in single precision, memory read at\
        \(column(gigabytesPerSecond, 6, digits: 1)) GB/s
           d     n  level           Gram GFLOP/s  solve GFLOP/s   exact us   CG-3 us  PCG-1 us  dual us
        """
    }

    enum CodingKeys: String, CodingKey {
        case shapes
        case peakGigaflops = "peak_gigaflops"
        case gigabytesPerSecond = "read_gigabytes_per_second"
    }
}
