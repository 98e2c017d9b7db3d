// Why: whatever fails, the finished model's bytes are those of the fault-free run. A seed draws workers, links and
// faults; thousands of them are run:
//
//     deploy/soak.sh --seeds 5000                      any number
//     deploy/soak.sh --first 4711 --seeds 1            replays one, and prints what happens

import Cluster
import Failures
import Foundation
import LeastSquares
import Ratings
import TestKit
import Testing
import Training

@Suite struct FaultSimulationTests {
    private static let configuration = JobConfiguration(
        rank: 6, regularization: 0.05, regularizationScaling: .count, sweeps: 5, tolerance: 0, seed: 3)

    /// A dozen blocks a side that cost next to nothing.
    private static let data: JobData = {
        let (training, holdout) = SyntheticRatings.planted(users: 90, items: 60, ratings: 1200, seed: 11)
        return JobData(ratings: training, holdout: holdout, rank: 6, minimumBlockCost: 5000)
    }()

    private static let reference: UInt64? = try? SimulatedCluster.run(
        .init(configuration: configuration, data: data, seed: 0, workers: 1)
    ).outcome.factorChecksum

    private static let environment = ProcessInfo.processInfo.environment
    private static let first = environment["MF_FIRST_SEED"].flatMap(UInt64.init) ?? 0
    private static let count = environment["MF_SEEDS"].flatMap(UInt64.init) ?? 1000
    /// Seeds of one test, so that they are spread over the cores.
    private static let batch: UInt64 = 50

    private static func replay(_ seed: UInt64) -> Comment {
        "replay it with: deploy/soak.sh --first \(seed) --seeds 1"
    }

    @Test func thereAreManyBlocks() {
        #expect(Self.data.plan.user.count >= 8 && Self.data.plan.item.count >= 8)
    }

    @Test(arguments: Array(stride(from: first, to: first + count, by: Int(batch))))
    func nothingIsLost(from seed: UInt64) {
        var total = Totals()
        for seed in seed..<min(seed + Self.batch, Self.first + Self.count) {
            do {
                var scenario = SimulatedCluster.Scenario.random(
                    configuration: Self.configuration, data: Self.data, seed: seed)
                scenario.isTraced = Self.environment["MF_TRACE"] != nil
                let result = try SimulatedCluster.run(scenario)
                if case .failed(let failure) = result.outcome { throw failure }
                #expect(result.outcome.factorChecksum == Self.reference, Self.replay(seed))
                // Memory is bounded, whoever does not read or get on. Credit and results that are doubled on the way
                // count twice, each time, until heartbeats show that something is wrong: then only the bound below
                // holds.
                if result.doubled == 0 {
                    #expect(result.mostPayloadsUnderWay <= Limits.credit, Self.replay(seed))
                    #expect(result.mostTasksWaiting <= Limits.blocksInFlight, Self.replay(seed))
                    #expect(result.mostFactorsWaiting <= Limits.credit, Self.replay(seed))
                }
                // Answers to hellos that came ten times a second while the coordinator was frozen.
                #expect(result.mostMessagesUnderWay <= 600, Self.replay(seed))
                total.add(result)
            } catch {
                Issue.record(error, Self.replay(seed))
            }
        }
        // The faults did happen.
        if Self.count >= Self.batch {
            #expect(total.left > 0 && total.suspected > 0 && total.copied > 0 && total.lost > 0 && total.crashed > 0)
            #expect(total.coordinatorCrashed > 0)
            #expect(total.damaged > 0 && total.doubled > 0 && total.dropped[.stale, default: 0] > 0)
        }
    }
}

/// What happened in several runs.
private struct Totals {
    var left = 0, suspected = 0, copied = 0, lost = 0, crashed = 0, coordinatorCrashed = 0, damaged = 0, doubled = 0
    var dropped: [DropReason: Int] = [:]

    mutating func add(_ result: SimulatedCluster.Result) {
        left += result.left
        suspected += result.suspected
        copied += result.copied
        lost += result.lost
        crashed += result.crashed
        coordinatorCrashed += result.coordinatorCrashed
        damaged += result.damaged
        doubled += result.doubled
        dropped.merge(result.dropped, uniquingKeysWith: +)
    }
}
