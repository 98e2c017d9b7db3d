// Why: sockets are not thread-safe and must be closed exactly once. A move-only, non-Sendable value makes the
// compiler see to both.

import CZeroMQ
import Failures
import Glibc

/// A libzmq socket, closed when it goes out of scope.
public struct Socket: ~Copyable {
    public enum Kind: Sendable {
        /// Addresses each peer by its routing id; binds.
        case router
        /// Speaks to one router; connects.
        case dealer
        /// Answers each message before it reads the next.
        case reply
        /// Speaks to one other of its kind.
        case pair

        var code: Int32 {
            switch self {
            case .router: ZMQ_ROUTER
            case .dealer: ZMQ_DEALER
            case .reply: ZMQ_REP
            case .pair: ZMQ_PAIR
            }
        }
    }

    /// What became of a message that was to be sent.
    public enum SendOutcome: Sendable, Hashable {
        case sent
        /// The queue to the peer is full, or the peer is not connected yet.
        case wouldBlock
        /// No peer has this routing id (any more).
        case unreachable
    }

    let handle: UnsafeMutableRawPointer
    private let context: Context

    public init(_ kind: Kind, in context: Context) throws(Failure) {
        guard let handle = zmq_socket(context.handle, kind.code) else {
            throw Failure(zeroMQ: "create a socket", at: "")
        }
        self.handle = handle
        self.context = context
    }

    deinit { zmq_close(handle) }

    // MARK: Options

    /// Sets an integer option of `zmq_setsockopt`.
    private func set(_ option: Int32, _ value: Int) {
        var value = Int32(clamping: value)
        let result = zmq_setsockopt(handle, option, &value, MemoryLayout<Int32>.size)
        precondition(result == 0, "zmq_setsockopt \(option) = \(value): \(String(cString: zmq_strerror(zmq_errno())))")
    }

    /// How long unsent messages are kept when the socket closes, in milliseconds.
    public func setLinger(milliseconds: Int) { set(ZMQ_LINGER, milliseconds) }

    /// Drops longer messages, and the peers that send them, before memory is taken for them.
    public func setMaximumMessageByteCount(_ count: Int) {
        var value = Int64(count)
        let result = zmq_setsockopt(handle, ZMQ_MAXMSGSIZE, &value, MemoryLayout<Int64>.size)
        precondition(result == 0, "zmq_setsockopt ZMQ_MAXMSGSIZE")
    }

    /// Messages from one peer that wait to be received, at most.
    public func setReceiveQueueLimit(messages: Int) { set(ZMQ_RCVHWM, messages) }

    /// Router: sending to an unknown peer is an outcome instead of a silent loss.
    public func setMandatoryRouting() { set(ZMQ_ROUTER_MANDATORY, 1) }

    /// Dealer: the name by which the router knows this socket; set before connecting.
    public func setRoutingID(_ id: [UInt8]) {
        let result = zmq_setsockopt(handle, ZMQ_ROUTING_ID, id, id.count)
        precondition(result == 0, "a routing id has 1 to 255 bytes")
    }

    /// Dealer: queue nothing while there is no connection, and try to connect again every 100 ms, then less often
    /// up to every 5 s.
    public func setReconnecting() {
        set(ZMQ_IMMEDIATE, 1)
        set(ZMQ_RECONNECT_IVL, 100)
        set(ZMQ_RECONNECT_IVL_MAX, 5000)
    }

    /// Finds half-open connections, and peers that never finish the handshake, on the I/O thread.
    public func setConnectionTimeouts() {
        set(ZMQ_HEARTBEAT_IVL, 2000)
        // A megabyte must pass in this time, or a slow link would be taken for a dead one.
        set(ZMQ_HEARTBEAT_TIMEOUT, 30000)
        set(ZMQ_HANDSHAKE_IVL, 5000)
    }

    // MARK: Endpoints

    /// Listens on `endpoint`.
    /// - Returns: the endpoint with a port that was `*` filled in.
    /// - Throws: a ``Failure`` that names the endpoint and what to do.
    public func bind(_ endpoint: String) throws(Failure) -> String {
        allowIPv6(endpoint)
        guard zmq_bind(handle, endpoint) == 0 else { throw Failure(zeroMQ: "listen", at: endpoint) }
        var buffer = [CChar](repeating: 0, count: 1024)
        var count = buffer.count
        guard zmq_getsockopt(handle, ZMQ_LAST_ENDPOINT, &buffer, &count) == 0 else { return endpoint }
        return String(decoding: buffer.prefix(max(0, count - 1)).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Connects to `endpoint`, now or when something listens there.
    public func connect(_ endpoint: String) throws(Failure) {
        allowIPv6(endpoint)
        guard zmq_connect(handle, endpoint) == 0 else { throw Failure(zeroMQ: "connect", at: endpoint) }
    }

    /// IPv6 addresses are written in brackets. For others it stays off: it would turn IPv4 addresses into mapped ones.
    private func allowIPv6(_ endpoint: String) { if endpoint.contains("[") { set(ZMQ_IPV6, 1) } }

    // MARK: Messages

    /// Sends the frames as one message, without waiting.
    ///
    /// Either all frames are queued or none.
    public func send(_ frames: [Frame]) throws(Failure) -> SendOutcome {
        let storage = UnsafeMutablePointer<zmq_msg_t>.allocate(capacity: 1)
        defer { storage.deallocate() }
        for (index, frame) in frames.enumerated() {
            guard frame.initialize(storage) else { throw Failure(zeroMQ: "make a message", at: "") }
            let flags = ZMQ_DONTWAIT | (index < frames.count - 1 ? ZMQ_SNDMORE : 0)
            while zmq_msg_send(storage, handle, flags) == -1 {
                let code = zmq_errno()
                if code == EINTR { continue }
                zmq_msg_close(storage)
                switch code {
                // At a later frame, when the connection ends between two: libzmq then drops the whole message.
                case EAGAIN: return .wouldBlock
                case EHOSTUNREACH where index == 0: return .unreachable
                default: throw Failure(zeroMQ: "send", at: "")
                }
            }
        }
        return .sent
    }

    /// The next message's frames, or nil when none is waiting.
    ///
    /// Frames beyond `maximumFrames` are read and dropped. (libzmq has held the whole message until then.)
    public func receive(maximumFrames: Int) throws(Failure) -> [Message]? {
        var frames: [Message] = []
        while true {
            let message = Message()
            while zmq_msg_recv(message.storage, handle, ZMQ_DONTWAIT) == -1 {
                switch zmq_errno() {
                case EINTR: continue
                case EAGAIN where frames.isEmpty: return nil
                default: throw Failure(zeroMQ: "receive", at: "")
                }
            }
            if frames.count < maximumFrames { frames.append(message) }
            if !message.hasMore { return frames }
        }
    }

    /// Waits until a message can be received, `waker` is woken, or the time is up.
    public func wait(milliseconds: Int, or waker: Waker) throws(Failure) {
        try Self.wait(for: [handle], milliseconds: milliseconds, or: waker)
    }

    /// Waits until a message can be received from one of the sockets, `waker` is woken, or the time is up.
    static func wait(for handles: [UnsafeMutableRawPointer], milliseconds: Int, or waker: Waker) throws(Failure) {
        var items = handles.map { zmq_pollitem_t(socket: $0, fd: 0, events: Int16(ZMQ_POLLIN), revents: 0) }
        items.append(zmq_pollitem_t(socket: nil, fd: waker.descriptor, events: Int16(ZMQ_POLLIN), revents: 0))
        if zmq_poll(&items, Int32(items.count), milliseconds) == -1, zmq_errno() != EINTR {
            throw Failure(zeroMQ: "wait for messages", at: "")
        }
        if items[handles.count].revents != 0 { waker.reset() }
    }
}
