// Why: what a job takes as a whole, and of what: solving, waiting for one another, or the exchange between processes.
// It is the job of `mf train`, through the same code; only its model goes nowhere.

import ArgumentParser
import Cluster
import ClusterRuntime
import CommandSupport
import Failures
import Foundation
import Ratings
import Subprocess
import Synchronization

struct BenchTrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Times a job with its coordinator and workers, and tells what the time, bytes and memory went into.",
        discussion: """
            Runs what mf train runs, to its end, and throws the model away. Seconds count from the start of \
            coordinator and workers, with the ratings open, to the end of a sweep.

            A half-step's seconds are those that a worker's solver was busy (solve), those in which nothing was left \
            for the worker while others still solved (wait), and the rest, in which factors, ratings, orders and \
            results were on their way (exchange): means over the workers.

            Bytes are headers and payloads of messages. Peak memory is the most that was resident in a process; \
            mapped files, which processes share, count in each that touched them. --generate holds a tenth out.

            Examples:
              mf bench train --ratings store --rank 64 --workers 2 --target-rmse 0.90
              mf bench train --generate 138000x27000x20000000 --workers 2 --sweeps 6 \\
                  --tolerance 0 --json
              mf bench train --ratings store --workers 2 --listen 'tcp://127.0.0.1:*' \\
                  --curve
            """)

    @Option(help: ArgumentHelp("A rating store, or a rating file.", valueName: "store-or-file"))
    var ratings: String?

    @Option(
        help: ArgumentHelp("Generated ratings with the marginals of Netflix's.", valueName: "users x items x ratings"))
    var generate: String?

    @OptionGroup var format: RatingFormatOptions

    @OptionGroup var job: JobOptions

    @OptionGroup var workers: LocalWorkerOptions

    @Option(
        help: ArgumentHelp(
            """
            Where the workers connect: tcp://127.0.0.1:PORT (port * for a free one) or ipc://PATH; by default a socket \
            of the job's own.
            """,
            valueName: "endpoint"))
    var listen: String?

    @Flag(help: "Encrypt and authenticate with CURVE keys, which are made for the job.")
    var curve = false

    @Option(help: ArgumentHelp("Tell when the held-out RMSE was this or less for the first time.", valueName: "x"))
    var targetRmse: Double?

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var logging: LoggingOptions

    func validate() throws {
        if (ratings == nil) == (generate == nil) { throw ValidationError("Give either --ratings or --generate.") }
        if let generate, GeneratorConfiguration(size: generate) == nil {
            throw ValidationError("--generate takes USERSxITEMSxRATINGS.")
        }
        if let targetRmse, !(targetRmse > 0 && targetRmse.isFinite) {
            throw ValidationError("--target-rmse must be above 0.")
        }
    }

    func run() async throws {
        let endpoint = try listen.map { text throws(Failure) in try Endpoint(text) }
        let connection = LocalConnection(listen: endpoint, hasKeys: curve)
        let local = try LocalTraining(workers, connection: connection, logging: logging)
        let configuration = try job.configuration()
        let folder = try ScratchFolder()
        defer { withExtendedLifetime(folder) {} }
        let store = try await source(folder)
        let run = try TrainingRun(
            configuration, ratings: store, format: generate == nil ? format.format : nil, model: folder("model"))
        if targetRmse != nil, configuration.implicit != nil {
            throw Failure(
                .usage, "the scores of the implicit loss are no ratings", at: "--target-rmse", remedy: "leave it out")
        }
        if targetRmse != nil, run.store.holdout?.count ?? 0 == 0 {
            throw Failure(
                .usage, "a target needs held-out ratings, and there are none", at: "--target-rmse",
                remedy: "import the ratings with --holdout 0.1 or --test, and give that store")
        }
        let record = JobRecord()
        let result = try await local.run(run) { record.note($0) }
        let report = TrainReport(
            result, rank: configuration.rank, workers: local.workers, threads: local.threads, connection: connection,
            record: record.taken, coordinatorMemory: peakResidentByteCount(), targetRMSE: targetRmse)
        if json { try printJSON(report) } else { for line in report.lines { print(line) } }
    }

    /// The ratings; generated ones by a process of its own, whose memory is not that of the job.
    private func source(_ folder: ScratchFolder) async throws -> String {
        guard let generate, let size = GeneratorConfiguration(size: generate) else { return ratings! }
        let result = try await Subprocess.run(
            .path("/proc/self/exe"),
            arguments: [
                "generate", "--users", "\(size.users)", "--items", "\(size.items)", "--ratings", "\(size.ratings)",
                "--output", folder("store"),
            ], output: .discarded, error: .currentStandardError)
        switch result.terminationStatus {
        case .exited(0): return folder("store")
        // It has said why.
        case .exited(let code): throw ExitCode(code)
        case .signaled(let signal): throw ExitCode(128 + signal)
        }
    }
}

/// What happens in a job, as far as it is reported; noted on the coordinator's thread and taken when that has ended.
final class JobRecord: Sendable {
    struct Content {
        var sweeps: [TrainReport.Sweep] = []
        var halfSteps: [TrainReport.HalfStepRow] = []
        var workers: [WorkerAccount] = []
    }

    private let content = Mutex(Content())
    private let start = ContinuousClock.now

    var taken: Content { content.withLock { $0 } }

    func note(_ event: JobEvent) {
        switch event {
        case .halfStepEnded(let halfStep, _, let time):
            content.withLock { $0.halfSteps.append(TrainReport.HalfStepRow(halfStep, time)) }
        case .sweepEnded(let sweep):
            let seconds = start.duration(to: .now) / .seconds(1)
            content.withLock { $0.sweeps.append(TrainReport.Sweep(sweep, endedAfter: seconds)) }
        case .membershipEnded(let account): content.withLock { $0.workers.append(account) }
        default: break
        }
    }
}
