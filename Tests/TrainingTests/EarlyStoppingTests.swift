// Why: early stopping must keep the best sweep and not the last, and must not give up too soon.

import Testing
import Training

@Suite("Early stopping")
struct EarlyStoppingTests {
    private func verdicts(_ errors: [Double], patience: Int) -> [EarlyStopping.Verdict] {
        var watch = EarlyStopping(patience: patience)
        return errors.enumerated().map { watch.take(sweep: $0.offset + 1, error: $0.element) }
    }

    @Test("Stops when so many sweeps in a row were no better than the best")
    func stops() {
        #expect(verdicts([1, 0.9, 0.9, 0.95], patience: 2) == [.best, .best, .worse, .stop])
        #expect(verdicts([1, 1.1], patience: 1) == [.best, .stop])
        #expect(verdicts([1, 1.1, 0.9, 1, 1, 1], patience: 3) == [.best, .worse, .best, .worse, .worse, .stop])
    }

    @Test("Remembers the best sweep, the earlier one of two equal ones")
    func best() {
        var watch = EarlyStopping(patience: 5)
        #expect(watch.bestSweep == nil)
        for (index, error) in [1, 0.8, 0.8, 0.9].enumerated() { _ = watch.take(sweep: index + 1, error: error) }
        #expect(watch.bestSweep == 2)
    }
}
