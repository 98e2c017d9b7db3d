// Why: one bad number in one block would be in every factor of the model a sweep later. What cannot be a solver's
// result is not taken, and whoever sends it is put out.

import Cluster
import Foundation
import LeastSquares
import Ratings
import TestKit
import Testing
import Training

@Suite struct LyingWorkerTests {
    /// A coordinator with two workers, both of which have been told to solve.
    private struct Job {
        static let liar = WorkerID([1])
        static let other = WorkerID([2])
        private static let envelope = Envelope(job: 7, epoch: 1)

        var coordinator: Coordinator
        /// What the liar is to solve first.
        private(set) var told: (halfStep: HalfStep, block: Int)!

        init() {
            coordinator = Coordinator(
                configuration: ManyBlocks.configuration(), settings: CoordinatorSettings(minWorkers: 2),
                data: ManyBlocks.data, mean: 3, storePath: "", storeFingerprint: "fingerprint", envelope: Self.envelope,
                now: .zero)
            var actions: [Coordinator.Action] = []
            for id in [Self.liar, Self.other] {
                actions += say(
                    .hello(.init(name: "\(id.bytes[0])", threads: 1, kernelLevels: ["portable"], credit: 8)), as: id)
            }
            for id in [Self.liar, Self.other] { actions += say(.ready(mapsStore: true), as: id) }
            for case .send(Self.liar, .solve(let halfStep, let block), _) in actions where told == nil {
                told = (halfStep, block)
            }
        }

        mutating func say(
            _ message: WorkerMessage, _ payload: Payload? = nil, as id: WorkerID = liar
        ) -> [Coordinator.Action] {
            coordinator.receive(Parcel(message, payload: payload, envelope: Self.envelope), from: id, now: .seconds(1))
        }

        /// Answers with a result that is right but for what `change` does to it.
        mutating func answer(_ change: (inout BlockSums, inout [Float]) -> Void) -> [Coordinator.Action] {
            let (side, block) = (told.halfStep.side, told.block)
            let counts = ManyBlocks.data.counts(side, block)
            var sums = BlockSums(
                squaredError: 1, penalty: 1, holdoutSquaredError: 0, ratingCount: counts.ratings,
                holdoutCount: counts.holdout)
            let rows = ManyBlocks.data.plan[side].rows(block).count
            var factors = [Float](repeating: 0.5, count: rows * ManyBlocks.configuration().width)
            change(&sums, &factors)
            let payload = factors.withUnsafeBytes { bytes in
                Payload(byteCount: bytes.count) { $0.copyMemory(from: bytes) }
            }
            return say(.solved(.init(halfStep: told.halfStep, block: block, sums: sums, seconds: 0.1)), payload)
        }
    }

    /// It may have come while the last job was ending, and waits for the next.
    @Test func whoMayNotTakePartIsToldSoThoughUnknown() {
        var job = Job()
        let stranger = WorkerID([9])
        let actions = job.coordinator.expel(stranger, reason: "no key", now: .seconds(1))
        guard case .send(stranger, .refused(.unfit, reason: "no key"), nil)? = actions.first else {
            return #expect(Bool(false), "\(actions)")
        }
        #expect(actions.count == 1 && job.coordinator.knows(Job.liar))
    }

    private static func isTaken(_ actions: [Coordinator.Action]) -> Bool {
        actions.contains { if case .report(.halfStepProgressed) = $0 { true } else { false } }
    }

    @Test func whatIsRightIsTaken() {
        var job = Job()
        #expect(Self.isTaken(job.answer { _, _ in }))
        #expect(job.coordinator.dropped == [:])
    }

    private static let lies: [(String, @Sendable (inout BlockSums, inout [Float]) -> Void)] = [
        ("NaN", { $1[0] = .nan }), ("infinity", { $1[$1.count - 1] = .infinity }),
        ("minus infinity", { $1[$1.count / 2] = -.infinity }), ("too short", { $1.removeLast() }),
        ("too long", { $1.append(0) }), ("nothing", { $1 = [] }),
        ("a sum that is NaN", { sums, _ in sums.squaredError = .nan }),
        ("an infinite sum", { sums, _ in sums.penalty = .infinity }),
        ("sums that overflow", { sums, _ in (sums.squaredError, sums.penalty) = (1e308, 1e308) }),
        ("a negative sum", { sums, _ in sums.holdoutSquaredError = -1 }),
        ("more ratings", { sums, _ in sums.ratingCount += 1 }),
        ("held-out ratings", { sums, _ in sums.holdoutCount = .max }),
    ]

    @Test(arguments: lies.indices) func whoSendsWhatCannotBeIsPutOut(index: Int) {
        var job = Job()
        let actions = job.answer(Self.lies[index].1)
        let what = Comment(rawValue: Self.lies[index].0)
        #expect(!Self.isTaken(actions), what)
        #expect(job.coordinator.dropped == [.malformed: 1], what)
        #expect(!job.coordinator.knows(Job.liar) && job.coordinator.knows(Job.other), what)
        let reasons = actions.compactMap { if case .report(.workerLeft(_, let reason, _)) = $0 { reason } else { nil } }
        #expect(reasons == ["sent a result that cannot be right"], what)
    }
}
