// Why: a person wants to see that it goes on, how fast, and whether the fit gets better. On a terminal there is one
// live line for the present half-step and a table of sweeps; elsewhere the same in plain log lines.

import Cluster
import Foundation
import Logging
import Ratings
import Training

/// Shows the events of a job on standard error.
public final class ProgressView {
    private let logger: Logger
    private let isTerminal: Bool
    private let sweeps: Int
    private let clock = ContinuousClock()
    private var halfStepBegan: ContinuousClock.Instant
    private var lastDrawn: ContinuousClock.Instant?
    private var hasTableHead = false

    private static let drawInterval = Duration.milliseconds(100)
    private static let barWidth = 24
    private static let clearLine = "\r\u{1B}[K"

    /// - Parameters:
    ///   - sweeps: the most sweeps of the job.
    ///   - isTerminal: whether standard error is one; a logger that says less than `info` has no live line either.
    public init(logger: Logger, sweeps: Int, isTerminal: Bool = isatty(STDERR_FILENO) == 1) {
        self.logger = logger
        self.sweeps = sweeps
        self.isTerminal = isTerminal && logger.logLevel <= .info
        halfStepBegan = clock.now
    }

    /// Shows an event.
    public func show(_ event: JobEvent) {
        switch event {
        case .workerJoined(let name, let threads, let mapsStore, let workers):
            let source = mapsStore ? "maps the store" : "is sent its ratings"
            log(.info, "worker \(name) joined: \(counted(threads, "thread")), \(source); \(counted(workers, "worker"))")
        case .workerWaits(let name, let workers, let needed):
            log(.info, "worker \(name) is here: \(workers) of the \(needed) with which the job begins")
        case .jobBegan(let need, let ratings, let workers):
            let rest = ByteSize(need.traffic + MemoryNeed.process)
            log(
                .info,
                """
                each worker needs about \(ByteSize(need.total)): factors \(ByteSize(need.factors)), \
                workspaces \(ByteSize(need.workspaces)), messages and the program \(rest); \
                one that does not map the store also up to \(ratings) of ratings, shared by \(workers)
                """)
        case .workerIsShortOfMemory(let name, let room, let share):
            log(
                .warning,
                """
                worker \(name) has room for \(room) of the \(share) of ratings that are its share, so it is sent some \
                again in every sweep; to avoid that, raise its --memory-limit or start more workers
                """)
        case .workerLeft(let name, let reason, let workers):
            log(.warning, "worker \(name) left: \(reason); its blocks go to others; workers that remain: \(workers)")
        case .workerRefused(let name, let reason, let workers):
            log(.warning, "worker \(name) refused: \(reason); workers that are here: \(workers)")
        case .workerSuspected(let name, let silence):
            log(.warning, "worker \(name) was not heard of for \(silence): its blocks go to others too")
        case .workerRecovered(let name): log(.info, "worker \(name) is heard again")
        case .blockCopied(let side, let block, let from, let to):
            log(.debug, "worker \(from) is overdue with \(side) block \(block): worker \(to) solves it too")
        case .extrapolationWithdrawn(let sweep):
            log(.info, "sweep \(sweep): extrapolation did not help and is off from here on; solving the users again")
        case .stoppedEarly(let sweep, let kept):
            log(
                .info,
                "sweep \(sweep): no better on the held-out ratings than sweep \(kept), whose factors are the model")
        case .warning(let text): log(.warning, text)
        case .resumed(let halfStep, let sweeps):
            log(
                .info,
                "going on from the checkpoint before the \(halfStep.side)s of sweep \(halfStep.sweep); done before:")
            for record in sweeps { isTerminal ? row(record) : line(record) }
        case .halfStepBegan:
            halfStepBegan = clock.now
            lastDrawn = nil
        case .halfStepProgressed(let halfStep, let rows, let fraction): draw(halfStep, rows, fraction)
        case .halfStepEnded(let halfStep, let objective, let time):
            logger.debug(
                "half-step ended",
                metadata: [
                    "sweep": "\(halfStep.sweep)", "side": "\(halfStep.side)", "objective": "\(objective.value)",
                    "seconds": "\(time.seconds)",
                ])
        case .membershipEnded: break
        case .sweepEnded(let record): isTerminal ? row(record) : line(record)
        }
    }

    /// Takes the live line away.
    public func finish() { if isTerminal { write(Self.clearLine) } }

    private func write(_ text: String) { StandardError.write(text) }

    private func log(_ level: Logger.Level, _ text: String) {
        if isTerminal, level >= logger.logLevel { write(Self.clearLine) }
        logger.log(level: level, "\(text)")
    }

    // MARK: Terminal

    private func draw(_ halfStep: HalfStep, _ rows: Int, _ fraction: Double) {
        guard isTerminal else { return }
        let now = clock.now
        if let lastDrawn, now - lastDrawn < Self.drawInterval, fraction < 1 { return }
        lastDrawn = now
        let seconds = max((now - halfStepBegan) / .seconds(1), 1e-9)
        let left = seconds * (1 - fraction) / max(fraction, 1e-9)
        write(
            Self.clearLine + "sweep \(halfStep.sweep)/\(sweeps) \(halfStep.side)s \(Self.bar(fraction)) "
                + "\(Self.rate(Double(rows) / seconds)) rows/s ETA \(Self.clockTime(left))")
    }

    private func row(_ record: SweepRecord) {
        let lines = sweepTable([record]).lines
        for line in hasTableHead ? lines.dropFirst() : lines[...] { write(Self.clearLine + line + "\n") }
        hasTableHead = true
    }

    // MARK: Plain

    private func line(_ record: SweepRecord) {
        let errors = errorText(
            trainRMSE: record.trainRMSE, validationRMSE: record.validationRMSE, recall: record.validationRecall,
            ndcg: record.validationNDCG)
        logger.info(
            """
            sweep \(record.sweep): objective \(Self.decimal(record.objective, 1))\(errors), \
            \(Self.decimal(record.userSeconds, 3)) s users, \(Self.decimal(record.itemSeconds, 3)) s items, \
            \(counted(record.workers, "worker"))
            """)
    }

    /// `[######------------------] 25%`
    static func bar(_ fraction: Double) -> String {
        let filled = Int(fraction * Double(barWidth))
        let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: barWidth - filled)
        return "[\(bar)] \(Int(fraction * 100))%"
    }

    // MARK: Numbers

    /// `value` with `places` decimal places.
    static func decimal(_ value: Double, _ places: Int) -> String { String(format: "%.\(places)f", value) }

    static func rate(_ rate: Double) -> String {
        switch rate {
        case 1e6...: decimal(rate / 1e6, 1) + "M"
        case 1e3...: decimal(rate / 1e3, 1) + "k"
        default: decimal(rate, 0)
        }
    }

    static func clockTime(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds < 360_000 else { return "--:--" }
        let whole = Int(seconds.rounded(.up))
        return String(format: "%d:%02d", whole / 60, whole % 60)
    }
}
