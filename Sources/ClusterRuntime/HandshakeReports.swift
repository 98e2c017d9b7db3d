// Why: a worker with a wrong key tries again for ever, and so does a port scanner. Each is worth one line that says who
// and why, not a line a try.
//
// libzmq tells that a handshake failed and, right after it, which connection ended; where that was is asked of the
// connection when it is accepted. It says nothing of peers that speak ZMTP 1 or 2, so of these, and of all that never
// came to a handshake, there is only the end of a connection that had not succeeded. Nor does it say which connection's
// handshake succeeded: where one ends while another is at its own, the other's outcome, or its time, tells.

import Failures
import Foundation
import ZeroMQ

/// Makes words of what a coordinator's ``SocketMonitor`` and ``Authenticator`` tell, each once.
package struct HandshakeReports {
    /// Whether this end has keys.
    let hasKeys: Bool
    private struct Connection {
        let address: String
        let accepted: Duration
        /// Whether its handshake is known to be over.
        var isSettled = false
    }
    private var connections: [Int32: Connection] = [:]
    /// Handshakes whose end was not told, be it that the connection ended.
    private var unfinishedCount = 0
    /// Where those were that have ended perhaps without a handshake.
    private var suspects: [String] = []
    /// Where those are whose keys were denied and who have not hung up yet, as it is for them to do.
    private var denied: [String: Int] = [:]
    private var failure: SocketMonitor.HandshakeFailure?
    /// Failures of those who were gone before they could be asked where they are, and since when: they are likely to
    /// try again, and then are told of with their address.
    private var nameless: [SocketMonitor.HandshakeFailure: Duration] = [:]
    /// The causes that were told of, each with the addresses; an empty one where that was over already.
    private var said: [String: Set<String>] = [:]
    private var saidCount = 0
    /// All handshakes that failed, said or not.
    package private(set) var failedCount = 0

    /// So many are told of; a scanner with many addresses is not to fill the disk.
    private static let most = 256
    /// More connections than a process can have: those that libzmq has forgotten to end.
    private static let mostConnections = 1 << 16
    /// A connection that ends later has had its handshake.
    private static let handshakeTime = Duration.seconds(6)
    /// A worker tries again within a second.
    private static let returnTime = Duration.seconds(3)

    package init(hasKeys: Bool) { self.hasKeys = hasKeys }

    /// Takes in an event.
    /// - Parameters:
    ///   - now: of any monotonic clock.
    ///   - address: asked where the other end of a connection is.
    /// - Returns: what is to be said.
    package mutating func take(_ event: SocketMonitor.Event, now: Duration, address: (Int32) -> String) -> [String] {
        switch event {
        case .accepted(let descriptor):
            if connections.count >= Self.mostConnections { connections = [:] }
            connections[descriptor] = Connection(address: address(descriptor), accepted: now)
            unfinishedCount += 1
        case .succeeded:
            unfinishedCount = max(0, unfinishedCount - 1)
            if suspects.count > unfinishedCount { suspects.removeFirst() }
            if unfinishedCount == 0 { settleAll() }
        case .failed(let failure):
            unfinishedCount = max(0, unfinishedCount - 1)
            // Of the others, the end of the connection follows at once.
            if failure != .denied { self.failure = failure }
        case .disconnected(let descriptor):
            let connection = connections.removeValue(forKey: descriptor)
            let address = connection?.address ?? ""
            if let failure {
                self.failure = nil
                failedCount += 1
                // Which end hangs up first is chance: it may be one of whom more was known the time before.
                if failure == .ended, said.values.contains(where: { $0.contains(address) }) { return [] }
                guard !address.isEmpty else {
                    if nameless[failure] == nil { nameless[failure] = now }
                    return []
                }
                (nameless[failure], nameless[.ended]) = (nil, nil)
                return [say("a connection", at: address, cause(of: failure))].compactMap(\.self)
            }
            // The authenticator, which knew the key, has told of it.
            if let count = denied[address] {
                denied[address] = count > 1 ? count - 1 : nil
                return []
            }
            guard unfinishedCount > 0, let connection, isUnsettled(connection, now) else { return [] }
            suspects.append(address)
            return settleSuspects(now)
        }
        return []
    }

    /// Says what time has shown of those that have ended.
    package mutating func settle(now: Duration) -> [String] {
        settleSuspects(now) + settleNameless(now)
    }

    private mutating func settleNameless(_ now: Duration) -> [String] {
        let due = nameless.filter { now - $0.value > Self.returnTime }.keys
        for failure in due { nameless[failure] = nil }
        return due.map(cause).sorted().compactMap { say("a connection", at: "", $0) }
    }

    private mutating func settleSuspects(_ now: Duration) -> [String] {
        let underWay = connections.values.count { isUnsettled($0, now) }
        guard !suspects.isEmpty, underWay == 0 || unfinishedCount >= suspects.count + underWay else { return [] }
        let failed = suspects.prefix(unfinishedCount)
        suspects = []
        unfinishedCount -= failed.count
        failedCount += failed.count
        if underWay == 0 { settleAll() }
        return failed.compactMap { say("a connection", at: $0, Self.isNoPeer) }
    }

    private func isUnsettled(_ connection: Connection, _ now: Duration) -> Bool {
        !connection.isSettled && now - connection.accepted < Self.handshakeTime
    }

    /// Takes all handshakes for ended.
    private mutating func settleAll() {
        unfinishedCount = 0
        suspects = []
        for descriptor in connections.keys { connections[descriptor]!.isSettled = true }
    }

    /// Takes in that the key of one at `address` was denied.
    package mutating func noteDenial(at address: String) {
        if denied.count < Self.mostConnections { denied[address, default: 0] += 1 }
    }

    /// - Returns: what is to be said of a key that was denied.
    mutating func take(_ decision: Authenticator.Decision, list: String) -> String? {
        failedCount += 1
        return say(
            "the key that begins with \(decision.key.z85.prefix(6))", at: decision.address,
            "it is not in \(list): copy the worker's .key file there if it is one of yours")
    }

    private static let isNoPeer = "it does not speak this protocol (ZMTP 3), or is of another version"

    private func cause(of failure: SocketMonitor.HandshakeFailure) -> String {
        switch failure {
        case .denied: "its key is not on the list"
        case .mechanism where hasKeys:
            "it has no key: start the worker with --key and --coordinator-key"
        case .mechanism: "it has a key, and this coordinator has none: start it with --key and --allow"
        case .cryptography:
            "it was given another coordinator's key: give the worker this one's .key file as --coordinator-key"
        case .protocolError: Self.isNoPeer
        case .ended where hasKeys:
            "it ended before it had proved who it is: one without a key, no peer of ours, or one that gave up"
        case .ended: "it ended before it had said who it is: no peer of ours, or one that gave up"
        }
    }

    private mutating func say(_ who: String, at address: String, _ cause: String) -> String? {
        let topic = "\(who): \(cause)"
        if address.isEmpty, said[topic] != nil { return nil }
        guard saidCount < Self.most, said[topic, default: []].insert(address).inserted else { return nil }
        saidCount += 1
        let end = saidCount == Self.most ? "; whoever is denied from now on is not told of" : ""
        return "denied \(who)\(address.isEmpty ? "" : " from \(address)"): \(cause)\(end)"
    }
}

/// The IP address at the other end of a connection; empty when there is none.
func peerAddress(_ descriptor: Int32) -> String {
    var address = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutableBytes(of: &address) { bytes in
        let generic = bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
        guard getpeername(descriptor, generic, &length) == 0,
            [AF_INET, AF_INET6].contains(Int32(generic.pointee.sa_family))
        else { return "" }
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        guard getnameinfo(generic, length, &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST) == 0 else { return "" }
        return String(decoding: host.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
