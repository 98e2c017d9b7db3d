// Why: which candidate wins must follow from the losses alone, and none may be dropped that could still win.

import Testing
import Tuning

@Suite struct RaceTests {
    /// Runs a race in which `losses[candidate][fold]`.
    private func race(_ losses: [[Double?]], keepsAll: Bool = false) -> Race {
        var race = Race(count: losses.count, folds: losses[0].count, keepsAll: keepsAll)
        while let heat = race.next { race.take(losses[heat.candidate][heat.fold]) }
        return race
    }

    @Test func theLeastMeanWins() {
        let race = race([[0.91, 0.93, 0.92], [0.90, 0.94, 0.91], [0.92, 0.92, 0.93]])
        #expect(race.best == 1)
        #expect(race.ranking == [1, 0, 2])
        #expect(race.standings.allSatisfy { $0.droppedAfter == nil })
    }

    /// s = 0.01 of 0.91, 0.92, 0.93; its standard error is s / sqrt(3).
    @Test func meanAndStandardError() throws {
        let standing = race([[0.91, 0.92, 0.93]]).standings[0]
        #expect(abs(try #require(standing.mean) - 0.92) < 1e-12)
        #expect(abs(try #require(standing.standardError) - 0.01 / 3.0.squareRoot()) < 1e-12)
        #expect(race([[0.91]]).standings[0].standardError == nil)
    }

    @Test func whoIsFarBehindIsDropped() {
        let race = race([
            [0.90, 0.95, 0.92, 0.9], [0.96, 0.99, 0.97, 1], [0.91, 0.965, 0.93, 1], [0.8999, 0.9501, 0.92, 0.9],
        ])
        // 6.7% behind on the first fold.
        #expect(race.standings[1].droppedAfter == 1)
        #expect(race.standings[1].losses.count == 1)
        // 0.01, 0.015 and 0.01 behind: after two folds a mean of 0.0125, which is 5 standard errors and may be chance;
        // after three 0.0117 and 7.
        #expect(race.standings[2].droppedAfter == 3)
        // As good as the best.
        #expect(race.standings[3].droppedAfter == nil)
        #expect(race.ranking.suffix(2) == [2, 1])
    }

    @Test func differencesBetweenFoldsDoNotHideThoseOfCandidates() {
        // Every fold is another world, and the second candidate is a percent worse in each.
        let race = race([[0.5, 1.5, 0.9, 1.1], [0.505, 1.515, 0.909, 1.111]])
        #expect(race.standings[1].droppedAfter == 3)
    }

    /// Values of the tables.
    @Test(arguments: [(1, 6.3138), (2, 2.9200), (10, 1.8125), (11, 1.7959), (20, 1.7247), (30, 1.6973), (99, 1.6604)])
    func studentsQuantiles(nu: Int, quantile: Double) {
        #expect(abs(studentQuantile(degreesOfFreedom: nu) - quantile) < 0.001)
    }

    /// Fold by fold, and in each the candidates that are still in the race.
    @Test func trialsComeInOrder() {
        var race = Race(count: 3, folds: 2)
        var heats: [[Int]] = []
        while let heat = race.next {
            heats.append([heat.fold, heat.candidate, heat.ordinal, heat.count])
            race.take(heat.candidate == 1 ? nil : 0.9)
        }
        #expect(heats == [[0, 0, 1, 3], [0, 1, 2, 3], [0, 2, 3, 3], [1, 0, 1, 2], [1, 2, 2, 2]])
    }

    @Test func afterTheLastFoldThereIsNothingToBeDroppedFrom() {
        let race = race([[0.9], [5]])
        #expect(race.standings[1].droppedAfter == nil && race.ranking == [0, 1])
    }

    @Test func nobodyIsDroppedWhereAllAreKept() {
        let race = race([[0.9, 0.9], [5, 5], [nil, 1]], keepsAll: true)
        #expect(race.standings[1].losses.count == 2)
        // Whose trial has failed is out all the same.
        #expect(race.standings[2].losses == [nil] && race.standings[2].mean == nil)
        #expect(race.ranking == [0, 1, 2])
    }

    @Test func lossesBelowNothingAreComparedAlike() {
        // Of metrics that are to be high.
        let race = race([[-0.30, -0.31, -0.3], [-0.20, -0.2, -0.2], [-0.295, -0.305, -0.3]])
        #expect(race.best == 0)
        #expect(race.standings[1].droppedAfter == 1)
        #expect(race.standings[2].droppedAfter == 2)
    }

    @Test func allMayFail() {
        let race = race([[nil], [nil]])
        #expect(race.best == nil && race.running.isEmpty)
        #expect(race.ranking == [0, 1])
    }
}
