// Why: a worker whose handshakes fail would try in silence for as long as it lives. What stands in its way is said
// once, and again as the reason when it gives up. After some failures libzmq does not try again by itself; a new socket
// does, a second later, so that a key that is put on the list lets its worker in without a restart.

import Failures
import ZeroMQ

/// What a worker learns of its handshakes with the coordinator.
struct CoordinatorDoor {
    /// Whether this end has keys.
    let hasKeys: Bool
    private var said: Set<String> = []
    /// What the last handshake failed of.
    private var cause: String?
    /// When to try again with a new socket.
    private var retry: Duration?

    private static let retryInterval = Duration.seconds(1)

    init(hasKeys: Bool) { self.hasKeys = hasKeys }

    /// Takes in an event.
    /// - Returns: what is to be said.
    mutating func take(_ event: SocketMonitor.Event, now: Duration) -> String? {
        switch event {
        case .accepted, .disconnected: return nil
        case .succeeded:
            (cause, retry) = (nil, nil)
            return nil
        case .failed(let failure):
            let text = text(of: failure)
            cause = text
            if failure != .ended { retry = now + Self.retryInterval }
            return said.insert(text).inserted ? text : nil
        }
    }

    /// Whether a new socket is to be made now.
    mutating func isShut(now: Duration) -> Bool {
        guard let retry, now >= retry else { return false }
        self.retry = nil
        return true
    }

    /// The end of a worker that has heard nothing of the coordinator for `time`.
    /// - Parameter host: what is wrong with its host's name.
    func silence(of coordinator: Endpoint, for time: Duration, host: String?) -> Failure {
        let reason = (cause ?? host).map { ": \($0)" } ?? ""
        return Failure(
            .unavailable, "the coordinator was not heard of for \(time)\(reason)", at: coordinator.description,
            remedy: cause == nil ? "start mf-coordinator there, or check the address" : "start this worker again then")
    }

    private func text(of failure: SocketMonitor.HandshakeFailure) -> String {
        switch failure {
        case .denied:
            "the coordinator denies this worker's key: copy its .key file into the coordinator's --allow folder"
        case .mechanism where hasKeys:
            "the coordinator has no key: it has to be started with --key and --allow"
        case .mechanism: "the coordinator demands a key: start this worker with --key and --coordinator-key"
        case .cryptography where hasKeys, .ended where hasKeys:
            """
            the handshake fails: check that --coordinator-key is the coordinator's .key file, that the coordinator \
            was started with --key and --allow, and the address
            """
        case .cryptography, .ended, .protocolError:
            "what listens there is no coordinator, or demands a key: check the address, --key and --coordinator-key"
        }
    }
}
