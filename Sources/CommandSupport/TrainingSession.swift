// Why: a search is many jobs, one after another, and their workers are to stay: on other hosts nobody would start them
// anew. So one thread owns the coordinator's socket for as long as the session lasts. It runs the jobs that it is
// given, and between them keeps the workers that wait.

import Cluster
import ClusterRuntime
import DequeModule
import Failures
import Foundation
import Logging
import Synchronization
import ZeroMQ

/// Jobs that run one after another over the same workers.
public final class TrainingSession: Sendable {
    private struct Order: Sendable {
        let run: TrainingRun
        let answer: @Sendable (Result<TrainingRun.Report, Failure>) -> Void
    }

    private struct State {
        var orders: Deque<Order> = []
        /// Why no job is taken any more.
        var end: Failure?
        /// Told of the end.
        var onEnd: (@Sendable (Failure) -> Void)?
    }

    private let state = Mutex(State())
    private let stop: StopRequest

    private init(stop: StopRequest) { self.stop = stop }

    /// Opens a session for as long as `body` runs; then its workers are told that there is no other job.
    /// - Parameters:
    ///   - options: of the coordinator; its jobs have successors, whatever the settings say.
    ///   - observe: told what happens, on the coordinator's thread.
    ///   - listening: told the endpoint once workers can connect, on that thread.
    /// - Throws: what `body` throws.
    public static func whileOpen<Result: Sendable>(
        _ options: CoordinatorRuntime.Options, stop: StopRequest, logger: Logger,
        observe: @escaping @Sendable (JobEvent) -> Void = { _ in },
        listening: @escaping @Sendable (_ endpoint: String) -> Void = { _ in },
        _ body: @Sendable (TrainingSession) async throws -> Result
    ) async throws -> Result {
        var options = options
        options.settings.hasSuccessor = true
        let session = TrainingSession(stop: stop)
        let (openings, announcement) = AsyncStream.makeStream(of: Void.self)
        async let ended: Void = session.serve(
            options, logger, observe,
            {
                listening($0)
                announcement.yield()
            }, { announcement.finish() })
        let outcome: Swift.Result<Result, any Error>
        do {
            // What stands in the way of listening is told of before the work begins.
            for await _ in openings { break }
            if let end = session.state.withLock({ $0.end }) { throw end }
            outcome = .success(try await body(session))
        } catch {
            outcome = .failure(error)
        }
        session.close(Failure(.software, "the session is over"))
        await ended
        return try outcome.get()
    }

    /// Runs a job to its end and writes its model.
    /// - Throws: a ``Failure``, as ``TrainingRun/run(_:stop:logger:observe:listening:)``, or what has ended the
    ///   session.
    public func train(_ run: TrainingRun) async throws(Failure) -> TrainingRun.Report {
        let result = await withCheckedContinuation { continuation in
            let end = state.withLock { state -> Failure? in
                if state.end == nil { state.orders.append(Order(run: run) { continuation.resume(returning: $0) }) }
                return state.end
            }
            if let end { continuation.resume(returning: .failure(end)) } else { stop.wake() }
        }
        return try result.get()
    }

    /// Does what is to be done between two jobs, one such thing at a time, on a thread of its own.
    /// - Throws: what `work` throws, or what has ended the session: then at once, and nobody waits for `work` any more,
    ///   which may go on until the process ends.
    public func perform<Value: Sendable>(
        _ work: @escaping @Sendable () throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let (results, answer) = AsyncStream.makeStream(of: Result<Value, Failure>.self)
        let end = state.withLock { state -> Failure? in
            if state.end == nil { state.onEnd = { answer.yield(.failure($0)) } }
            return state.end
        }
        if let end { throw end }
        defer { state.withLock { $0.onEnd = nil } }
        let thread = Thread {
            do throws(Failure) {
                answer.yield(.success(try work()))
            } catch {
                answer.yield(.failure(error))
            }
        }
        thread.name = "session"
        thread.start()
        guard let result = await results.first(where: { _ in true }) else { throw Failure(.tryAgain, "stopped") }
        return try result.get()
    }

    /// Takes no job any more; only the first reason counts.
    private func close(_ end: Failure) {
        let (orders, onEnd) = state.withLock { state in
            if state.end == nil { state.end = end }
            defer { state.orders = [] }
            return (state.orders, state.onEnd)
        }
        for order in orders { order.answer(.failure(end)) }
        onEnd?(end)
        stop.wake()
    }

    private func serve(
        _ options: CoordinatorRuntime.Options, _ logger: Logger, _ observe: @escaping @Sendable (JobEvent) -> Void,
        _ listening: @escaping @Sendable (String) -> Void, _ ended: @Sendable () -> Void
    ) async {
        defer { ended() }
        do throws(Failure) {
            try await onDedicatedThread(named: "coordinator") { () throws(Failure) in
                try Context.use { context throws(Failure) in
                    let coordinator = try CoordinatorRuntime(options, context: context)
                    listening(coordinator.endpoint)
                    try self.runJobs(on: coordinator, options.failpoints, logger, observe)
                }
            }
        } catch {
            close(error)
        }
    }

    /// Runs jobs until the session is closed.
    private func runJobs(
        on coordinator: CoordinatorRuntime, _ failpoints: Failpoints, _ logger: Logger,
        _ observe: @Sendable (JobEvent) -> Void
    ) throws(Failure) {
        while true {
            // A job that comes after the stop hears of it as one that was running.
            try coordinator.wait(stop: stop, until: { !self.isIdle }) { event in
                if case .warning(let text) = event { logger.warning("\(text)") }
                observe(event)
            }
            if let order = state.withLock({ $0.orders.popFirst() }) {
                do throws(Failure) {
                    order.answer(
                        .success(
                            try order.run.run(on: coordinator, failpoints, stop: stop, logger: logger, observe: observe)
                        ))
                } catch {
                    order.answer(.failure(error))
                }
            } else if let reason = stop.requested {
                close(Failure(.tryAgain, "stopped by \(reason)"))
                return try coordinator.dismiss(.stopped, reason: reason, stop: stop)
            } else if state.withLock({ $0.end }) != nil {
                return try coordinator.dismiss(.done, reason: "there is no other job", stop: stop)
            }
        }
    }

    /// Whether there is nothing to do.
    private var isIdle: Bool { state.withLock { $0.orders.isEmpty && $0.end == nil } }
}
