// Why: what a half-step's time is said to be spent on decides what one tries to make faster.

import Cluster
import Ratings
import Testing

@Suite struct HalfStepTimeTests {
    /// A worker that is ready at `ready` and whose results come at the given times, all in seconds.
    private static func worker(ready: Double = 0, _ results: [(seconds: Double, at: Double)]) -> WorkerTime {
        var time = WorkerTime()
        time.readySince = .seconds(ready)
        for result in results { time.solved(.user, seconds: result.seconds, now: .seconds(result.at)) }
        return time
    }

    private static func split(_ workers: [WorkerTime], began: Double = 10, ended: Double) -> HalfStepTime {
        HalfStepTime(of: workers, began: .seconds(began), ended: .seconds(ended))
    }

    private func expect(_ time: HalfStepTime, solve: Double, wait: Double, exchange: Double) {
        #expect(abs(time.solve - solve) < 1e-9 && abs(time.wait - wait) < 1e-9, "\(time)")
        #expect(abs(time.exchange - exchange) < 1e-9, "\(time)")
        #expect(abs(time.seconds - (time.solve + time.wait + time.exchange)) < 1e-9, "\(time)")
    }

    @Test func oneWorkerNeverWaits() {
        let worker = Self.worker([(1, 11.5), (2, 13.5), (1, 15)])
        expect(Self.split([worker], ended: 15), solve: 4, wait: 0, exchange: 1)
    }

    @Test func whoeverIsDoneBeforeWaitsForTheOthers() {
        let fast = Self.worker([(1, 11), (1, 12)])
        let slow = Self.worker([(5, 16)])
        expect(Self.split([fast, slow], ended: 16), solve: 3.5, wait: 2, exchange: 0.5)
    }

    @Test func oneWithoutBlocksWaits() {
        let busy = Self.worker([(4, 14)])
        expect(Self.split([busy, Self.worker([])], ended: 14), solve: 2, wait: 2, exchange: 0)
    }

    @Test func oneThatComesInBetweenWaitsUntilItIsReady() {
        let late = Self.worker(ready: 13, [(0.5, 14)])
        expect(Self.split([late], ended: 15), solve: 0.5, wait: 4, exchange: 0.5)
    }

    /// What a worker says of itself cannot make the parts more than the whole.
    @Test func noWorkerIsBelievedMoreThanCanBe() {
        expect(Self.split([Self.worker([(1e9, 12)])], ended: 13), solve: 2, wait: 1, exchange: 0)
    }

    @Test func withoutWorkersAllIsWaiting() {
        expect(Self.split([], ended: 12), solve: 0, wait: 2, exchange: 0)
    }

    @Test func aHalfStepBeginsAtNothingAndSpeedsStay() {
        var time = Self.worker([(1, 11), (3, 14)])
        #expect(time.secondsPerBlock.user == 2 && time.secondsPerBlock.item == nil)
        time.beginHalfStep()
        expect(Self.split([time], began: 14, ended: 15), solve: 0, wait: 1, exchange: 0)
        #expect(time.secondsPerBlock.user == 2)
        time.solved(.item, seconds: 0.5, now: .seconds(16))
        time.beginHalfStep()
        time.solved(.user, seconds: 6, now: .seconds(23))
        #expect(time.secondsPerBlock.user == 6 && time.secondsPerBlock.item == 0.5)
    }
}
