// Why: who comes in has to be answered while the coordinator's own thread is busy, and libzmq's thread must never wait
// for somebody to read what it tells. So a thread of its own stands at the door: it answers for keys, keeps the list of
// them fresh, and collects what is to be said of those who could not come in.

import Failures
import Foundation
import Synchronization
import ZeroMQ

/// The thread that admits workers to a coordinator's socket.
package final class Doorkeeper: Sendable {
    private struct State {
        var isClosed = false
        var reports: [String] = []
        var handshakes: HandshakeReports
        /// The key of the test at the start, of which nothing is said.
        var expected: PublicKey?
    }

    /// What the thread takes over.
    private final class Sockets: @unchecked Sendable {
        // Unchecked: filled before the thread starts, emptied by it, and touched by nobody else.
        var authenticator: Authenticator?
        var monitor: SocketMonitor?

        init(_ authenticator: consuming Authenticator, _ monitor: consuming SocketMonitor) {
            self.authenticator = consume authenticator
            self.monitor = consume monitor
        }
    }

    private let list: AllowList?
    private let state: Mutex<State>
    private let waker: Waker
    private let ended = DispatchSemaphore(value: 0)
    private let began = ContinuousClock.now

    private static let refreshInterval = Duration.milliseconds(500)
    /// Events taken in before questions about keys are answered again.
    private static let batch = 256
    /// Reports that nobody has taken yet.
    private static let mostReports = 1024

    /// Begins to stand at the door of `router`, which is not bound yet.
    /// - Parameter list: the keys that may come in; nil where there are no keys.
    package init(at router: borrowing Socket, list: AllowList?, context: Context) throws(Failure) {
        self.list = list
        state = Mutex(State(handshakes: HandshakeReports(hasKeys: list != nil)))
        waker = try Waker()
        let sockets = Sockets(try Authenticator(in: context), try SocketMonitor(of: router, in: context))
        let thread = Thread { [self] in
            let authenticator = sockets.authenticator.take()!
            let monitor = sockets.monitor.take()!
            serve(authenticator, monitor)
        }
        thread.name = "doorkeeper"
        thread.start()
    }

    /// Ends the thread, and waits for it; once.
    package func close(_ router: borrowing Socket) {
        // Before nobody reads the events any more.
        router.stopMonitoring()
        let isFirst = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard isFirst else { return }
        waker.wake()
        ended.wait()
    }

    /// What is to be said of those who did not come in, since it was asked last.
    package func takeReports() -> [String] {
        state.withLock { state in
            let reports = state.reports
            state.reports = []
            return reports
        }
    }

    private func serve(_ authenticator: consuming Authenticator, _ monitor: consuming SocketMonitor) {
        do throws(Failure) {
            var refreshed = ContinuousClock.now
            while !state.withLock({ $0.isClosed }) {
                try answerAll(authenticator)
                // Not all at once: strangers may make them faster than they are taken in.
                for _ in 0..<Self.batch {
                    guard let event = try monitor.next() else { break }
                    take(event)
                }
                report(state.withLock { $0.handshakes.settle(now: began.duration(to: .now)) })
                if let list, ContinuousClock.now - refreshed > Self.refreshInterval {
                    report(withOwnDescriptors { list.refresh() })
                    refreshed = ContinuousClock.now
                }
                try ZeroMQ.wait(for: authenticator, monitor, milliseconds: 500, or: waker)
            }
        } catch {
            // Nobody comes in from now on, for nobody answers; those who are here may stay.
            report(["no more workers can join: \(error)"])
            while !state.withLock({ $0.isClosed }) { Thread.sleep(forTimeInterval: 0.1) }
        }
        discard(authenticator, monitor)
        ended.signal()
    }

    private func discard(_ authenticator: consuming Authenticator, _ monitor: consuming SocketMonitor) {}

    private func answerAll(_ authenticator: borrowing Authenticator) throws(Failure) {
        while true {
            let answer = try authenticator.answer { list?.name(of: $0) != nil }
            guard answer.waited else { return }
            guard let decision = answer.decision, !decision.isAdmitted else { continue }
            state.withLock { state in
                state.handshakes.noteDenial(at: decision.address)
                if decision.key == state.expected { return }
                if let text = state.handshakes.take(decision, list: list?.folder ?? "") { Self.add([text], to: &state) }
            }
        }
    }

    private func take(_ event: SocketMonitor.Event) {
        state.withLock { state in
            Self.add(state.handshakes.take(event, now: began.duration(to: .now), address: peerAddress), to: &state)
        }
    }

    private func report(_ texts: [String]) { state.withLock { Self.add(texts, to: &$0) } }

    private static func add(_ texts: [String], to state: inout State) {
        state.reports += texts.prefix(max(0, mostReports - state.reports.count))
    }
}

extension Doorkeeper {
    /// Requires that a key which nobody knows is denied at `endpoint`, so that a job never runs with an open door.
    /// - Parameter server: the coordinator's key.
    /// - Throws: a ``Failure`` of kind `software` when it is not.
    package func requireDenial(at endpoint: String, server: PublicKey, context: Context) throws(Failure) {
        let stranger = try SecretKey.random()
        state.withLock { $0.expected = stranger.publicKey }
        let socket = try Socket(.dealer, in: context)
        let monitor = try SocketMonitor(of: socket, in: context)
        // Before the monitor's own socket goes.
        defer { socket.stopMonitoring() }
        socket.setLinger(milliseconds: 0)
        try socket.useCurve(stranger, server: server)
        try socket.connect(endpoint)
        let end = ContinuousClock.now + .seconds(10)
        let never = try Waker()
        var outcome = "nobody answered"
        while ContinuousClock.now < end {
            switch try monitor.next() {
            case .failed(.denied): return
            case .succeeded: outcome = "it was admitted"
            case .some, nil: break
            }
            if outcome == "it was admitted" { break }
            try monitor.wait(milliseconds: 50, or: never)
        }
        throw Failure(
            .software, "a key that nobody knows was not denied: \(outcome)", at: endpoint,
            remedy: "do not use this build of libzmq, and report it")
    }
}
