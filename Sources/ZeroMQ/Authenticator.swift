// Why: CURVE proves that a peer has the key that it shows, and lets in whoever has any. Who may come in is asked, for
// each handshake, of whoever answers at one address of the context (ZAP, ZeroMQ RFC 27):
//
//     request: version, request id, domain, peer's address, routing id, mechanism, credentials (the public key)
//     reply:   version, request id, status code, status text, user id, metadata
//
// libzmq lets in everybody when nobody answers there. So this is bound before anything else is, and who reads messages
// asks for the user id that only an answer of ours can have given them.

import CZeroMQ
import Failures

/// Answers libzmq's question whether a key may come in.
public struct Authenticator: ~Copyable {
    package static let domain = "swift-mf"
    private static let endpoint = "inproc://zeromq.zap.01"
    private static let version = Array("1.0".utf8)

    /// A key that was shown, and what became of it.
    public struct Decision: Sendable, Hashable {
        public var key: PublicKey
        /// Where the peer is: an IP address, or nothing over `ipc://`.
        public var address: String
        public var isAdmitted: Bool
    }

    let socket: Socket

    /// - Throws: a ``Failure`` of kind `software` when the context has one already.
    public init(in context: Context) throws(Failure) {
        let reply = try Socket(.reply, in: context)
        reply.setLinger(milliseconds: 0)
        guard zmq_bind(reply.handle, Self.endpoint) == 0 else {
            throw Failure(zeroMQ: "answer for keys", at: Self.endpoint, kind: .software)
        }
        socket = reply
    }

    /// Answers the next question.
    /// - Returns: what was decided, if it was about a key; nil when nothing waits or something else was asked.
    public func answer(_ isAllowed: (PublicKey) -> Bool) throws(Failure) -> (waited: Bool, decision: Decision?) {
        guard let frames = try socket.receive(maximumFrames: 8) else { return (false, nil) }
        let request = frames.map { frame in withExtendedLifetime(frame) { Array(frame.bytes) } }
        let decision = Self.decide(request, isAllowed)
        let isAdmitted = decision?.isAdmitted == true
        // The user id is the key itself: it stays what it is while names in the list may change.
        let reply: [[UInt8]] = [
            Self.version, request.count > 1 ? request[1] : [], Array((isAdmitted ? "200" : "400").utf8),
            Array((isAdmitted ? "" : "this key is not on the list").utf8),
            isAdmitted ? Array(decision!.key.z85.utf8) : [], [],
        ]
        _ = try socket.send(reply.map { .copied($0) })
        return (true, decision)
    }

    /// - Returns: nil when `request` is not about a key of ours.
    package static func decide(_ request: [[UInt8]], _ isAllowed: (PublicKey) -> Bool) -> Decision? {
        guard request.count == 7, request[0] == version, request[2] == Array(domain.utf8),
            request[5] == Array("CURVE".utf8), let key = PublicKey(request[6])
        else { return nil }
        return Decision(
            key: key, address: String(decoding: request[3], as: UTF8.self), isAdmitted: isAllowed(key))
    }
}

extension Message {
    /// The key of the peer that this came from, as an ``Authenticator`` has admitted it; nil when none has.
    ///
    /// Ask a body frame: the frame with the routing id may have lost it (libzmq 4.3.4).
    public var peerKey: PublicKey? {
        guard let text = zmq_msg_gets(storage, "User-Id") else { return nil }
        return PublicKey(z85: String(cString: text))
    }
}
