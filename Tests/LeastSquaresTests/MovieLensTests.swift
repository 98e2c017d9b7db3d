// Why: a solver that stops early or rounds more is right only if the models it trains are as good, on real ratings.

import Foundation
import LeastSquares
import Ratings
import TestKit
import Testing

@Suite struct MovieLensTests {
    /// The folder of data sets; without it the tests below are skipped, and say so.
    static let data = ProcessInfo.processInfo.environment["MF_DATA"]

    @Test(
        "every solver reaches the exact solver's held-out RMSE to 0.001",
        .enabled(if: data != nil, "MF_DATA names no folder of data sets"),
        arguments: ["ml-100k/u.data", "ml-1m/ratings.dat"])
    func sameQuality(file: String) throws {
        let split = try RealRatings(path: Self.data! + "/" + file)
        var configuration = SolverConfiguration.exact(rank: 32, regularization: 0.06, scaling: .count, intercept: 3.5)
        let target = try split.heldOutRMSE(configuration, sweeps: 10)
        #expect(target < 0.97, "\(file): \(target)")
        for solver in SolverKind.allCases {
            for precision in Precision.allCases {
                configuration.solver = solver
                configuration.precision = precision
                let found = try split.heldOutRMSE(configuration, sweeps: 10)
                #expect(abs(found - target) <= 0.001, "\(file), \(solver), \(precision): \(found), exact \(target)")
            }
        }
    }
}

/// Ratings of a MovieLens file, every tenth line held out.
private struct RealRatings {
    let training: RatingMatrix
    let holdout: CompressedRows

    init(path: String) throws {
        typealias Row = [(column: Int, value: Float)]
        var parts: [(users: [Row], items: [Row])] = [([], []), ([], [])]
        for (number, line) in try Data(contentsOf: URL(fileURLWithPath: path)).split(separator: UInt8(ascii: "\n"))
            .enumerated()
        {
            let fields = line.split { $0 < UInt8(ascii: "0") || $0 > UInt8(ascii: "9") }.prefix(3).map { field in
                field.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
            }
            for part in 0...1 {
                while parts[part].users.count <= fields[0] { parts[part].users.append([]) }
                while parts[part].items.count <= fields[1] { parts[part].items.append([]) }
            }
            // A multiplier that has nothing to do with the order of the file.
            let part = ((number &* 2_654_435_761) >> 8) % 10 == 0 ? 1 : 0
            parts[part].users[fields[0]].append((fields[1], Float(fields[2])))
            parts[part].items[fields[1]].append((fields[0], Float(fields[2])))
        }
        func rows(_ rows: [Row], _ columnCount: Int) -> CompressedRows {
            CompressedRows(rows.map { $0.sorted { $0.column < $1.column } }, columnCount: columnCount)
        }
        let (userCount, itemCount) = (parts[0].users.count, parts[0].items.count)
        training = RatingMatrix(byUser: rows(parts[0].users, itemCount), byItem: rows(parts[0].items, userCount))
        holdout = rows(parts[1].items, userCount)
    }

    func heldOutRMSE(_ configuration: SolverConfiguration, sweeps: Int) throws -> Double {
        var generator = SeededGenerator(seed: 1)
        let rank = configuration.rank
        let users = try FactorMatrix(rowCount: training.userCount, rank: rank)
        let items = try FactorMatrix.random(
            rowCount: training.itemCount, rank: rank, scale: 1 / Float(rank).squareRoot(), using: &generator)
        var sums = BlockSums.zero
        for _ in 0..<sweeps {
            let userFactors = try solve(
                training.byUser, fixed: items, configuration: configuration, threads: 2, warm: users
            ).factors
            users.setRows(0..<users.rowCount, from: userFactors)
            let solved = try solve(
                training.byItem, holdout: holdout, fixed: users, configuration: configuration, threads: 2, warm: items)
            items.setRows(0..<items.rowCount, from: solved.factors)
            sums = solved.sums
        }
        return (sums.holdoutSquaredError / Double(sums.holdoutCount)).squareRoot()
    }
}
