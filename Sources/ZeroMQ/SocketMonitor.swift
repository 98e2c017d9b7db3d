// Why: libzmq says nothing when a handshake fails; the two ends try again in silence, for ever. Its monitor tells of
// it, over a socket of its own, in two frames: number UInt16 and value UInt32 in the machine's byte order, and our own
// address.

import CZeroMQ
import Failures

/// Tells what happens to the connections of a socket.
public struct SocketMonitor: ~Copyable {
    /// Why a handshake did not come to its end.
    public enum HandshakeFailure: Sendable, Hashable {
        /// The other end does not accept our key.
        case denied
        /// One end has keys and the other has not.
        case mechanism
        /// What was encrypted cannot be read with the keys that this end has.
        case cryptography
        /// The other end speaks another protocol.
        case protocolError
        /// The connection ended, or the time was up.
        case ended
    }

    public enum Event: Sendable, Hashable {
        case accepted(descriptor: Int32)
        case succeeded
        case failed(HandshakeFailure)
        case disconnected(descriptor: Int32)
    }

    private static let events =
        ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED
        | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH

    let socket: Socket

    /// Begins to monitor `target`, which has neither been bound nor connected yet.
    ///
    /// Call ``Socket/stopMonitoring()`` on `target` before this goes: libzmq waits for whoever reads the events.
    public init(of target: borrowing Socket, in context: Context) throws(Failure) {
        let address = "inproc://swift-mf.monitor.\(UInt(bitPattern: target.handle))"
        guard zmq_socket_monitor(target.handle, address, Self.events) == 0 else {
            throw Failure(zeroMQ: "monitor a socket", at: address)
        }
        do throws(Failure) {
            socket = try Self.listen(at: address, context)
        } catch {
            target.stopMonitoring()
            throw error
        }
    }

    private static func listen(at address: String, _ context: Context) throws(Failure) -> Socket {
        let pair = try Socket(.pair, in: context)
        pair.setLinger(milliseconds: 0)
        // Without a limit, for libzmq's own thread would stand still at it.
        pair.setReceiveQueueLimit(messages: 0)
        try pair.connect(address)
        return pair
    }

    /// The next event that is of interest, or nil when none is waiting.
    public func next() throws(Failure) -> Event? {
        while let frames = try socket.receive(maximumFrames: 2) {
            // The frame must outlive the reading of it.
            if let event = withExtendedLifetime(frames, { Self.event(frames[0].bytes) }) { return event }
        }
        return nil
    }

    /// Waits until there is an event, `waker` is woken, or the time is up.
    public func wait(milliseconds: Int, or waker: Waker) throws(Failure) {
        try socket.wait(milliseconds: milliseconds, or: waker)
    }

    private static func event(_ bytes: UnsafeRawBufferPointer) -> Event? {
        guard bytes.count >= 6 else { return nil }
        let value = bytes.loadUnaligned(fromByteOffset: 2, as: UInt32.self)
        switch Int32(bytes.loadUnaligned(as: UInt16.self)) {
        case ZMQ_EVENT_ACCEPTED: return .accepted(descriptor: Int32(bitPattern: value))
        case ZMQ_EVENT_DISCONNECTED: return .disconnected(descriptor: Int32(bitPattern: value))
        case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: return .succeeded
        case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: return .failed(.denied)
        case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL: return .failed(.ended)
        case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
            switch Int32(bitPattern: value) {
            case ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH: return .failed(.mechanism)
            case ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC: return .failed(.cryptography)
            default: return .failed(.protocolError)
            }
        default: return nil
        }
    }
}

extension Socket {
    /// Ends what a ``SocketMonitor`` has begun.
    public func stopMonitoring() { zmq_socket_monitor(handle, nil, 0) }
}

/// Waits until there is a message, the monitor has an event, `waker` is woken, or the time is up.
public func wait(
    for socket: borrowing Socket, _ monitor: borrowing SocketMonitor, milliseconds: Int, or waker: Waker
) throws(Failure) {
    try Socket.wait(for: [socket.handle, monitor.socket.handle], milliseconds: milliseconds, or: waker)
}

/// Waits until someone asks the authenticator, the monitor has an event, `waker` is woken, or the time is up.
public func wait(
    for authenticator: borrowing Authenticator, _ monitor: borrowing SocketMonitor, milliseconds: Int, or waker: Waker
) throws(Failure) {
    try Socket.wait(for: [authenticator.socket.handle, monitor.socket.handle], milliseconds: milliseconds, or: waker)
}
