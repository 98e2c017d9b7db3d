// Why: a second copy of a block is worth it when the first is overdue, and only then.

import Cluster
import Testing

@Suite struct StragglersTests {
    private static func stragglers(_ seconds: [Int]) -> Stragglers {
        var stragglers = Stragglers()
        for second in seconds { stragglers.note(.seconds(second)) }
        return stragglers
    }

    private static func choose(
        _ stragglers: Stragglers, _ candidates: [(block: Int, since: Int)], at now: Int, sent: Bool = false
    ) -> Int? {
        stragglers.choose(
            candidates.map { .init(block: $0.block, since: .seconds($0.since)) }, now: .seconds(now)
        ) { _ in !sent }?.block
    }

    @Test func nothingIsOverdueBeforeAnyBlockWasSolved() {
        #expect(Self.choose(Stragglers(), [(1, 0)], at: 1_000_000) == nil)
    }

    /// The median, so that one slow block does not hide the next.
    @Test func overdueIsMeasuredAgainstTheMedian() {
        let stragglers = Self.stragglers([10, 10, 1000, 10, 1])
        #expect(Self.choose(stragglers, [(7, 100)], at: 115) == nil)
        #expect(Self.choose(stragglers, [(7, 100)], at: 116) == 7)
        #expect(Self.choose(stragglers, [(7, 100)], at: 125, sent: true) == nil)
        #expect(Self.choose(stragglers, [(7, 100)], at: 126, sent: true) == 7)
    }

    @Test func theOneThatIsOutTheLongestGoesFirst() {
        let stragglers = Self.stragglers([10])
        #expect(Self.choose(stragglers, [(1, 50), (2, 20), (3, 20), (4, 30)], at: 100) == 2)
    }

    /// Ratings that are here make up for a shorter delay.
    @Test func whatIsHereIsTakenSooner() {
        let stragglers = Self.stragglers([10])
        let candidates = [(1, 0), (2, 5)].map { Stragglers.Candidate(block: $0.0, since: .seconds($0.1)) }
        #expect(stragglers.choose(candidates, now: .seconds(22)) { $0 == 2 }?.block == 2)
        #expect(stragglers.choose(candidates, now: .seconds(26)) { $0 == 2 }?.block == 1)
    }

    @Test func onlyTheLatestBlocksCount() {
        let stragglers = Self.stragglers(Array(repeating: 1, count: 200) + Array(repeating: 10, count: 63))
        #expect(Self.choose(stragglers, [(1, 0)], at: 15) == nil)
        #expect(Self.choose(stragglers, [(1, 0)], at: 16) == 1)
    }
}
