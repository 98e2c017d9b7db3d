// Why: which candidate wins must follow from the losses alone, and none may be dropped that could still win.

import Testing
import Tuning

@Suite struct RaceTests {
    /// Runs a race in which `losses[candidate][fold]`.
    private func race(_ losses: [[Double?]], keepsAll: Bool = false) -> Race {
        var race = Race(count: losses.count, keepsAll: keepsAll)
        for fold in 0..<losses[0].count {
            for candidate in race.running { race.take(losses[candidate][fold], of: candidate) }
            race.endFold(fold + 1)
        }
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
        let race = race([[0.90, 0.95, 0.92], [0.96, 0.99, 0.97], [0.91, 0.965, 0.93], [0.8999, 0.9501, 0.92]])
        // 6.7% behind on the first fold.
        #expect(race.standings[1].droppedAfter == 1)
        #expect(race.standings[1].losses.count == 1)
        // 0.01 and 0.015 behind: mean 0.0125, standard error 0.0025.
        #expect(race.standings[2].droppedAfter == 2)
        // As good as the best.
        #expect(race.standings[3].droppedAfter == nil)
        #expect(race.ranking.suffix(2) == [2, 1])
    }

    @Test func differencesBetweenFoldsDoNotHideThoseOfCandidates() {
        // Every fold is another world, and the second candidate is a percent worse in each.
        let race = race([[0.5, 1.5, 0.9, 1.1], [0.505, 1.515, 0.909, 1.111]])
        #expect(race.standings[1].droppedAfter == 2)
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
        let race = race([[-0.30, -0.31], [-0.20, -0.2], [-0.295, -0.305]])
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
