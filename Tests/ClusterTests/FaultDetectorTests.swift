// Why: to wait for the dead and to give up the slow are both mistakes; which is made when is only a matter of times.

import Cluster
import Testing

@Suite struct FaultDetectorTests {
    private static let timeouts = FaultDetector.Timeouts(
        suspicion: .seconds(5), silence: .seconds(30), progress: .seconds(100))

    private static func judge(_ detector: inout FaultDetector, _ seconds: Int) -> FaultDetector.Verdict {
        detector.judge(timeouts, now: .seconds(seconds))
    }

    @Test func silenceIsSuspectedFirstAndFatalLater() {
        var detector = FaultDetector(now: .seconds(10))
        #expect(Self.judge(&detector, 15) == .alive)
        #expect(Self.judge(&detector, 16) == .suspected)
        #expect(Self.judge(&detector, 40) == .suspected)
        #expect(Self.judge(&detector, 41) == .dead)
    }

    @Test func whoeverSpeaksAgainIsNoLongerSuspected() {
        var detector = FaultDetector(now: .zero)
        let before = detector.hear(now: .seconds(1))
        #expect(Self.judge(&detector, 7) == .suspected)
        let (first, second) = (detector.hear(now: .seconds(8)), detector.hear(now: .seconds(8)))
        #expect([before, first, second] == [false, true, false])
        #expect(Self.judge(&detector, 13) == .alive)
    }

    @Test func aWorkerThatOwesAndDoesNotGetOnIsWedged() {
        var detector = FaultDetector(now: .zero)
        detector.tell(now: .seconds(50))
        detector.tell(now: .seconds(60))
        for second in stride(from: 50, through: 150, by: 2) {
            _ = detector.hear(now: .seconds(second))
            detector.report(progress: 0, now: .seconds(second))
            #expect(Self.judge(&detector, second) == .alive)
        }
        _ = detector.hear(now: .seconds(151))
        #expect(Self.judge(&detector, 151) == .wedged)
    }

    @Test(arguments: 0..<3) func resultsCreditAndProgressAreGettingOn(kind: Int) {
        var detector = FaultDetector(now: .zero)
        for _ in 0..<3 { detector.tell(now: .zero) }
        switch kind {
        case 0: detector.answer(now: .seconds(90))
        case 1: detector.progress(now: .seconds(90))
        default: detector.report(progress: 1, now: .seconds(90))
        }
        _ = detector.hear(now: .seconds(190))
        #expect(Self.judge(&detector, 190) == .alive)
        #expect(Self.judge(&detector, 191) == .wedged)
    }

    /// A worker may be idle for as long as there is nothing to do, also when its last block came to nothing.
    @Test func idleWorkersAreNotWedged() {
        var detector = FaultDetector(now: .zero)
        detector.tell(now: .zero)
        detector.report(progress: 1, now: .seconds(1))
        #expect(detector.owed == 0)
        _ = detector.hear(now: .seconds(1000))
        #expect(Self.judge(&detector, 1000) == .alive)
        detector.tell(now: .seconds(1000))
        _ = detector.hear(now: .seconds(1100))
        #expect(Self.judge(&detector, 1100) == .alive)
        #expect(Self.judge(&detector, 1101) == .wedged)
    }

    /// To read a large store takes longer than a block.
    @Test func takingInTheJobMayTakeFourTimesAsLong() {
        for isReady in [false, true] {
            var detector = FaultDetector(now: .zero)
            detector.beginPreparing(now: .zero)
            // Welcomed again, it is no younger.
            detector.beginPreparing(now: .seconds(300))
            if isReady { detector.endPreparing() }
            _ = detector.hear(now: .seconds(400))
            #expect(Self.judge(&detector, 400) == .alive)
            #expect(Self.judge(&detector, 401) == (isReady ? .alive : .wedged))
        }
    }

    @Test func countsThatCannotBeAreNotBelieved() {
        var detector = FaultDetector(now: .zero)
        detector.tell(now: .zero)
        detector.report(progress: .max, now: .seconds(1))
        detector.answer(now: .seconds(1))
        #expect(detector.owed == 0)
        detector.tell(now: .seconds(2))
        #expect(detector.owed == 1)
    }
}
