// Why: `mf train` starts its own workers, and they must never outlive it or be left unnoticed when they die.

import ClusterRuntime
import CommandSupport
import Failures
import Foundation
import LeastSquares
import Logging
import Subprocess

/// The worker processes of one command.
struct WorkerProcesses {
    private let executable: String
    private let arguments: [String]
    /// A list a worker, of what it has for itself.
    private let ownArguments: [[String]]

    /// The coordinator is this process, with which the workers end; it may be stopped for as long as its user likes.
    private static let coordinatorTimeoutSeconds = 1_000_000
    /// How long the workers have to end by themselves once the job is over: all that took part know already.
    private static let farewellSeconds = 1

    init(
        threads: Int, kernels: KernelLevel?, memory: WorkerMemoryOptions, logLevel: Logger.Level,
        ownArguments: [[String]]
    ) throws(Failure) {
        self.ownArguments = ownArguments
        let folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        executable = folder.appendingPathComponent("mf-worker").path
        guard FileManager.default.isExecutableFile(atPath: executable) else {
            throw Failure(
                .unavailable, "the worker program is missing", at: executable,
                remedy: "build or install mf-worker beside mf")
        }
        // Workers say from the level of notice on what the coordinator would not know.
        let level = max(logLevel, .notice)
        arguments =
            [
                "--threads", "\(threads)", "--coordinator-timeout", "\(Self.coordinatorTimeoutSeconds)",
                "--end-with-parent", "\(getpid())", "--log-level", level.rawValue,
            ] + (kernels.map { ["--kernels", $0.rawValue] } ?? []) + memory.arguments
    }

    /// Tells where the coordinator listens.
    typealias Announcement = @Sendable (_ endpoint: String) -> Void

    /// Runs the workers as long as `body` runs, from when it has told where the coordinator listens.
    ///
    /// When `body` returns they have been told to end by the coordinator; one that does not is terminated. When all
    /// of them end before, `stop` ends the coordinator, for no others can come.
    /// - Parameter reason: why the last worker left, if that is known.
    func whileRunning<Result: Sendable>(
        stop: StopRequest, logger: Logger, reason: () -> String?,
        _ body: @escaping @Sendable (_ listening: @escaping Announcement) async throws -> Result
    ) async throws -> Result {
        return try await withThrowingTaskGroup(of: Event<Result>.self) { group in
            let (endpoints, announcement) = AsyncStream.makeStream(of: String.self)
            group.addTask { .listening(await endpoints.first { _ in true }) }
            group.addTask {
                defer { announcement.finish() }
                do {
                    return .done(.success(try await body { announcement.yield($0) }))
                } catch {
                    return .done(.failure(error))
                }
            }
            var remaining = 0
            var abandoned: WorkerDefect?
            var outcome: Swift.Result<Result, any Error>?
            for try await event in group {
                switch event {
                case .listening(let endpoint):
                    guard let endpoint, outcome == nil else { break }
                    remaining = ownArguments.count
                    for own in ownArguments {
                        group.addTask { .workerEnded(try await runWorker(["--coordinator", endpoint] + own)) }
                    }
                case .done(let result):
                    outcome = result
                    if remaining == 0 { break }
                    group.addTask {
                        try? await Task.sleep(for: .seconds(Self.farewellSeconds))
                        return .timeUp
                    }
                case .timeUp: group.cancelAll()
                case .workerEnded(let defect):
                    remaining -= 1
                    if let defect, outcome == nil {
                        logger.warning("a worker process ended: \(defect.what)")
                        if remaining == 0 {
                            abandoned = defect
                            stop.stop(reason: "the end of every worker process")
                        }
                    }
                    if remaining == 0, outcome != nil { group.cancelAll() }
                }
            }
            if let abandoned, case .failure = outcome {
                // One that was killed has not said why.
                let reason = abandoned.hasExited ? reason() : nil
                throw Failure(
                    abandoned.kind,
                    "every worker process ended before there was a model" + (reason.map { ": \($0)" } ?? ""),
                    remedy: reason == nil ? "see what they said above" : "")
            }
            return try outcome!.get()
        }
    }

    /// - Returns: nil when the worker ended because the job was over.
    private func runWorker(_ ownArguments: [String]) async throws -> WorkerDefect? {
        var options = PlatformOptions()
        // Out of the terminal's foreground group: Ctrl-C reaches mf alone, which tells its workers.
        options.processGroupID = 0
        options.teardownSequence = [.send(signal: .terminate, allowedDurationToNextStep: .seconds(2))]
        do {
            let result = try await Subprocess.run(
                .path(.init(executable)), arguments: Arguments(arguments + ownArguments), platformOptions: options,
                input: .none,
                output: .currentStandardError, error: .currentStandardError)
            switch result.terminationStatus {
            case .exited(0): return nil
            case .exited(let code):
                return WorkerDefect(
                    what: "exit code \(code)", kind: Failure.Kind(rawValue: code) ?? .unavailable, hasExited: true)
            case .signaled(let signal): return WorkerDefect(what: "signal \(signal)")
            }
        } catch let error as SubprocessError {
            return WorkerDefect(what: "could not be run: \(error)")
        }
    }
}

/// How a worker process ended that did not end with its job.
private struct WorkerDefect: Sendable {
    let what: String
    /// As its exit code says, if that is one of ours.
    var kind = Failure.Kind.unavailable
    var hasExited = false
}

/// What can happen while workers run.
private enum Event<Result: Sendable>: Sendable {
    /// Where the coordinator listens; nil when it never came to it.
    case listening(String?)
    /// With what was wrong, if anything was.
    case workerEnded(WorkerDefect?)
    case done(Swift.Result<Result, any Error>)
    /// The workers have had the time to end by themselves.
    case timeUp
}
