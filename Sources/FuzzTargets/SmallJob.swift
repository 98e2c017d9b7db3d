// Why: files of ours are there to be used, so a fuzzer needs a job that they are of: two users, five items, and a
// worker that solves nothing but answers at once.

import ArrayFiles
import Cluster
import DequeModule
import Failures
import LeastSquares
import Model
import Ratings
import Training

/// A job that is over in no time.
enum SmallJob {
    static let configuration = JobConfiguration(
        rank: 2, regularization: 0.1, precision: .fp32, biasRegularization: 0.1, sweeps: 9, tolerance: 0, patience: 3)
    static let fingerprint = "fingerprint"
    static let plan = BySide(user: BlockPlan(bounds: [0, 1, 2])!, item: BlockPlan(bounds: [0, 5])!)

    /// User 0 has rated items 0 and 4, user 1 item 1.
    static let ratings = RatingMatrix(
        byUser: rows(offsets: [0, 2, 3], columns: [0, 4, 1], values: [2, 4, 6], others: 5),
        byItem: rows(offsets: [0, 1, 2, 2, 2, 3], columns: [0, 1, 0], values: [2, 6, 4], others: 2))
    /// User 1 will rate item 2.
    static let holdout = RatingMatrix(
        byUser: rows(offsets: [0, 0, 1], columns: [2], values: [8], others: 5),
        byItem: rows(offsets: [0, 0, 0, 1, 1, 1], columns: [1], values: [8], others: 2))

    private static func rows(offsets: [Int64], columns: [UInt32], values: [UInt8], others: Int) -> CompressedRows {
        CompressedRows(
            offsets: ArrayView(offsets), columns: ArrayView(columns), values: .uint8(ArrayView(values), denominator: 2),
            columnCount: others)
    }

    static func store() throws(Failure) -> RatingStore {
        try .inMemory(
            [
                Rating(user: "a", item: "0", value: 1), Rating(user: "a", item: "4", value: 2),
                Rating(user: "b", item: "1", value: 3),
            ],
            holdout: [Rating(user: "b", item: "2", value: 4)])
    }

    /// Its model, of two sweeps.
    static func writeModel(to path: String) throws(Failure) {
        let sweeps = (1...2).map { sweep in
            SweepRecord(
                sweep: sweep, objective: 5 / Double(sweep), trainRMSE: 0.5, validationRMSE: 0.6, userSeconds: 0.1,
                itemSeconds: 0.2, bytesSent: 10, bytesReceived: 20, workers: 1)
        }
        let (users, items) = (factors(rows: 2), factors(rows: 5))
        defer { withExtendedLifetime((users, items)) {} }
        try FactorModel.write(
            to: path, configuration: configuration, intercept: 2, kernelLevel: "portable",
            storeFingerprint: fingerprint, converged: true, keptSweep: 1, userIDs: IDMap(strings: ["a", "b"]),
            itemIDs: IDMap(integers: [0, 1, 2, 3, 4]), sweeps: sweeps,
            workers: [WorkerRecord(name: "gpu1 (host:1)", threads: 2, blocks: 6)], userRows: [users.floats],
            itemRows: [items.floats])
    }

    private static func factors(rows: Int) -> Payload {
        Payload(byteCount: rows * configuration.width * 4) { bytes in
            for (index, _) in bytes.bindMemory(to: Float.self).enumerated() {
                bytes.storeBytes(of: Float(index % 5) / 4, toByteOffset: 4 * index, as: Float.self)
            }
        }
    }

    /// The checkpoint before half-step 8, as the job's coordinator makes it.
    static func checkpoint() -> Checkpoint {
        run(resuming: nil, Envelope(job: 1, epoch: 1)).first { $0.record.next.index == 8 }!
    }

    /// Goes on from `checkpoint` to the end of the job.
    static func finish(from checkpoint: Checkpoint, _ envelope: Envelope) { _ = run(resuming: checkpoint, envelope) }

    /// Runs the job to its end.
    /// - Returns: its checkpoints.
    private static func run(resuming checkpoint: Checkpoint?, _ envelope: Envelope) -> [Checkpoint] {
        let id = WorkerID([1])
        let data = JobData(ratings: ratings, holdout: holdout, plan: checkpoint?.record.plan ?? plan)
        var coordinator = Coordinator(
            configuration: configuration, settings: CoordinatorSettings(minWorkers: 1), data: data, mean: 2,
            storePath: "", storeFingerprint: fingerprint, envelope: envelope, resuming: checkpoint, now: .zero)
        var checkpoints: [Checkpoint] = []
        var pending: Deque<Coordinator.Action> = []
        func say(_ message: WorkerMessage, _ payload: Payload? = nil) {
            pending += coordinator.receive(Parcel(message, payload: payload, envelope: envelope), from: id, now: .zero)
        }
        say(.hello(.init(name: "worker", threads: 1, kernelLevels: KernelLevel.allCases.map(\.rawValue), credit: 8)))
        while let action = pending.popFirst() {
            switch action {
            case .checkpoint(let checkpoint): checkpoints.append(checkpoint)
            case .end: return checkpoints
            case .send(_, .welcome, _): say(.ready(mapsStore: true))
            case .send(_, .factors, _): say(.credit(1))
            case .send(_, .finish, _): say(.goodbye(reason: "done"))
            case .send(_, .solve(let halfStep, let block), _):
                let counts = data.counts(halfStep.side, block)
                // Now less and now more, so that all that can follow does.
                let error = Double(halfStep.index * 5 % 7 + 1)
                let sums = BlockSums(
                    squaredError: error, penalty: error, holdoutSquaredError: error, ratingCount: counts.ratings,
                    holdoutCount: counts.holdout)
                say(
                    .solved(.init(halfStep: halfStep, block: block, sums: sums, seconds: 0)),
                    factors(rows: data.plan[halfStep.side].rows(block).count))
            case .send, .report, .postpone: break
            }
        }
        preconditionFailure("the job does not come to its end")
    }
}
