// Why: blocks, half-steps and initial factors decide the bytes of a model.

import LeastSquares
import Ratings
import TestKit
import Testing
import Training

@Suite struct PlanTests {
    private func plan(_ counts: [Int], rank: Int) -> BlockPlan {
        let offsets = counts.reduce(into: [Int64(0)]) { $0.append($0.last! + Int64($1)) }
        return offsets.withUnsafeBufferPointer { BlockPlan(rowOffsets: $0, rank: rank) }
    }

    @Test func blocksCoverAllRowsInOrder() {
        var generator = SeededGenerator(seed: 8)
        for (rows, rank) in [(0, 8), (1, 1), (1, 300), (1000, 64), (5000, 7), (300, 512)] {
            let counts = (0..<rows).map { _ in Int.random(in: 0...400, using: &generator) }
            let plan = plan(counts, rank: rank)
            #expect(plan.rowCount == rows)
            #expect((0..<plan.count).flatMap { Array(plan.rows($0)) } == Array(0..<rows))
            for block in 0..<plan.count {
                let rows = plan.rows(block).count
                #expect(rows > 0)
                #expect(rows == 1 || rows * rank * 4 <= BlockPlan.maximumFactorByteCount)
            }
        }
    }

    @Test func blocksAreOfEqualCost() {
        // Steeply falling counts, as in real data.
        let counts = (0..<60_000).map { 40_000 / ($0 + 10) + 3 }
        let plan = plan(counts, rank: 64)
        func cost(_ rows: Range<Int>) -> Double { rows.reduce(0) { $0 + Double(counts[$1]) * 4096 + 262_144 } }
        let costs = (0..<plan.count).map { cost(plan.rows($0)) }
        let mean = costs.reduce(0, +) / Double(costs.count)
        #expect(plan.count > 100, "\(plan.count)")
        #expect(costs.allSatisfy { $0 < 1.5 * mean })
    }

    @Test func plansFromElsewhereMustRise() {
        #expect(BlockPlan(bounds: [0, 2, 5])?.count == 2)
        #expect(BlockPlan(bounds: [0])?.count == 0)
        #expect(BlockPlan(bounds: []) == nil)
        #expect(BlockPlan(bounds: [1, 2]) == nil)
        #expect(BlockPlan(bounds: [0, 2, 2]) == nil)
    }

    @Test func initialFactorsDependOnTheirPlaceAlone() {
        let initial = InitialFactors(seed: 5, rank: 7)
        var whole = [Float](repeating: 0, count: 70)
        initial.write(side: .user, rows: 20..<30, to: &whole)
        var part = [Float](repeating: 0, count: 14)
        initial.write(side: .user, rows: 24..<26, to: &part)
        #expect(Array(whole[28..<42]) == part)
        #expect(whole[10] == initial.element(side: .user, row: 21, column: 3))
        #expect(InitialFactors(seed: 6, rank: 7).element(side: .user, row: 21, column: 3) != whole[10])
        #expect(initial.element(side: .item, row: 1, column: 1) == 0)
    }

    /// Mean 0 and variance 1/d within five standard errors.
    @Test func initialFactorsHaveTheStatedMoments() {
        let rank = 16
        let initial = InitialFactors(seed: 1, rank: rank)
        var values = [Float](repeating: 0, count: 10_000 * rank)
        initial.write(side: .user, rows: 0..<10_000, to: &values)
        let count = Double(values.count)
        let mean = values.reduce(0.0) { $0 + Double($1) } / count
        let variance = values.reduce(0.0) { $0 + Double($1) * Double($1) } / count
        #expect(abs(mean) < 5 * (1 / Double(rank) / count).squareRoot())
        // The fourth moment of a uniform variable makes the variance of its square 4/5 of the square of its variance.
        #expect(abs(variance * Double(rank) - 1) < 5 * (0.8 / count).squareRoot())
    }
}
