// Why: reading or making a hundred million ratings takes a while: how far it is, how fast and how long yet. On a
// terminal that is one live line; elsewhere a plain line now and then, so that short work says nothing at all.

import Foundation
import Synchronization

/// Shows on standard error how far a piece of work is.
public final class WorkProgress: Sendable {
    /// What is counted.
    public enum Unit: Sendable {
        case bytes
        case ratings

        func amount(_ count: Double) -> String {
            switch self {
            case .bytes where count >= 1e9: ProgressView.decimal(count / 1e9, 1) + " GB"
            case .bytes: ProgressView.decimal(count / 1e6, 1) + " MB"
            case .ratings: ProgressView.rate(count) + " ratings"
            }
        }

        func rate(_ perSecond: Double) -> String {
            switch self {
            case .bytes: ProgressView.decimal(perSecond / 1e6, 0) + " MB/s"
            case .ratings: ProgressView.rate(perSecond) + " ratings/s"
            }
        }
    }

    private struct State {
        var start = ContinuousClock.now
        var lastShown = ContinuousClock.now
    }

    private let unit: Unit
    private let isTerminal: Bool
    private let interval: Duration
    private let state = Mutex(State())

    private static let clearLine = "\r\u{1B}[K"

    /// - Parameter isTerminal: whether standard error is one.
    public init(_ unit: Unit, isTerminal: Bool = isatty(STDERR_FILENO) == 1) {
        self.unit = unit
        self.isTerminal = isTerminal
        interval = isTerminal ? .milliseconds(100) : .seconds(10)
    }

    /// Says that `done` of `total` are through; any thread may.
    @Sendable public func update(_ action: String, _ done: Int, _ total: Int) {
        guard total > 0 else { return }
        let now = ContinuousClock.now
        let start = state.withLock { state -> ContinuousClock.Instant? in
            guard now - state.lastShown >= interval else { return nil }
            state.lastShown = now
            return state.start
        }
        guard let start else { return }
        let seconds = max((now - start) / .seconds(1), 1e-3)
        let left = seconds * Double(total - done) / Double(max(done, 1))
        let fraction = Double(done) / Double(total)
        let share = isTerminal ? ProgressView.bar(fraction) : "\(Int(100 * fraction))%"
        show(
            "\(action) \(share) of \(unit.amount(Double(total))), "
                + "\(unit.rate(Double(done) / seconds)), ETA \(ProgressView.clockTime(left))")
    }

    /// Says what is done now, on a terminal.
    public func stage(_ action: String) {
        if isTerminal { show(action) }
    }

    /// Takes the live line away.
    public func finish() {
        if isTerminal { write(Self.clearLine) }
    }

    private func show(_ text: String) { write(isTerminal ? Self.clearLine + text : text + "\n") }

    private func write(_ text: String) { StandardError.write(text) }
}
