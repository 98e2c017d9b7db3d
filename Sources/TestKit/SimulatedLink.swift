// Why: what a connection over libzmq does to messages: it keeps their order, it may be slow, stalled or half-open, and
// when it breaks, it is mended in silence and what was under way is lost.

import Cluster
import DequeModule

/// A message on its way.
struct Letter {
    let header: [UInt8]
    let payload: Payload?

    init(_ parcel: Parcel<some WireMessage>) {
        header = parcel.header
        payload = parcel.payload
    }

    func open<Message>(as type: Message.Type) throws(WireError) -> Parcel<Message> {
        var outcome: Swift.Result<Parcel<Message>, WireError>!
        header.withUnsafeBytes { bytes in
            do throws(WireError) { outcome = .success(try Parcel(header: bytes, payload: payload)) } catch {
                outcome = .failure(error)
            }
        }
        return try outcome.get()
    }
}

/// A simulated connection between the coordinator and one worker.
struct SimulatedLink {
    typealias Path = WritableKeyPath<SimulatedLink, Direction>

    /// After so long a silence libzmq closes a connection.
    static let timeout = Duration.seconds(30)
    /// Messages that libzmq takes for a peer that does not read.
    static let queueLimit = 1000

    struct Direction {
        var letters: Deque<Letter> = []
        var lastArrival = Duration.zero
        /// Nothing gets through for now; so many letters would have arrived.
        var isBlocked = false
        var overdueCount = 0
    }

    /// Whether there is a connection; without one a send fails at once.
    var isUp = true
    /// Tells the letters of one connection from those of the next.
    var generation = 0
    var toWorker = Direction()
    var toCoordinator = Direction()

    static func path(toWorker: Bool) -> Path {
        if toWorker { return \.toWorker }
        return \.toCoordinator
    }

    /// Puts a letter on its way.
    /// - Returns: when it arrives.
    mutating func send(
        _ letter: Letter, along path: Path, delay: Duration, now: Duration
    ) -> Duration {
        let arrival = max(self[keyPath: path].lastArrival, now) + delay
        self[keyPath: path].lastArrival = arrival
        self[keyPath: path].letters.append(letter)
        return arrival
    }

    /// Breaks the connection: all that is under way is lost.
    mutating func breakDown() {
        isUp = false
        generation += 1
        toWorker = Direction()
        toCoordinator = Direction()
    }
}
