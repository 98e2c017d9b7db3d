// Why: strangers who speak no protocol of ours do not use our sockets, so these tests speak to the port byte by byte.
// Each comes from an address of its own, so that the log tells them apart.

import Foundation
import TestKit
import Testing

/// Someone who connects to a coordinator, says something, and waits to be turned away.
struct RawKnock: Sendable {
    /// In 127.0.0.0/8.
    let address: String
    /// What the coordinator says of it.
    let reason: String
    let bytes: [UInt8]
    /// So many zeros follow.
    var zeros = 0

    private static let isNoPeer = "it does not speak this protocol"

    /// All that a coordinator with keys turns away.
    static let strangers = [
        RawKnock(address: "127.0.0.11", reason: isNoPeer, bytes: [1, 0]),
        RawKnock(address: "127.0.0.12", reason: isNoPeer, bytes: [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 1, 5, 0, 0]),
        RawKnock(address: "127.0.0.13", reason: isNoPeer, bytes: Array("GET / HTTP/1.0\r\n\r\n".utf8)),
        RawKnock(address: "127.0.0.14", reason: isNoPeer, bytes: random),
        // A command of a gigabyte before the handshake.
        RawKnock(
            address: "127.0.0.15", reason: isNoPeer, bytes: greeting("CURVE") + [6, 0, 0, 0, 0, 0x40, 0, 0, 0],
            zeros: 1 << 30),
        // Nothing, until the time for a handshake is over.
        RawKnock(address: "127.0.0.16", reason: "it ended before it had proved who it is", bytes: []),
    ]

    /// A message of a gigabyte after a handshake without keys.
    static let gigabyteMessage = RawKnock(
        address: "127.0.0.17", reason: "",
        bytes: greeting("NULL") + [4, 28, 5] + Array("READY".utf8) + [11] + Array("Socket-Type".utf8) + [0, 0, 0, 6]
            + Array("DEALER".utf8) + [2, 0, 0, 0, 0, 0x40, 0, 0, 0],
        zeros: 1 << 30)

    /// How ZMTP 3 begins: signature, version, mechanism, whether it is a server, filler; 64 bytes.
    private static func greeting(_ mechanism: String) -> [UInt8] {
        let name = Array(mechanism.utf8)
        return [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 0] + name + [UInt8](repeating: 0, count: 20 - name.count + 32)
    }

    private static var random: [UInt8] {
        var generator = SeededGenerator(seed: 7)
        return (0..<3000).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }

    /// Says it, and waits until the coordinator hangs up: within 8 seconds, and before much of a gigabyte is sent.
    func come(to port: UInt16) async throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        try #require(fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0)
        try withAddress(address, port: 0) { try #require(bind(descriptor, $0, $1) == 0) }
        try withAddress("127.0.0.1", port: port) {
            let result = connect(descriptor, $0, $1)
            try #require(result == 0 || errno == EINPROGRESS)
        }
        // So that the coordinator has looked who it is.
        try await Task.sleep(for: .milliseconds(300))
        let piece = [UInt8](repeating: 0, count: 1 << 20)
        var (sent, buffer) = (0, piece)
        let end = ContinuousClock.now + .seconds(8)
        while ContinuousClock.now < end {
            let rest = sent < bytes.count ? Array(bytes[sent...]) : Array(piece.prefix(bytes.count + zeros - sent))
            let count = rest.isEmpty ? 0 : send(descriptor, rest, rest.count, Int32(MSG_NOSIGNAL))
            if count > 0 {
                sent += count
                continue
            }
            // The coordinator's own greeting comes first.
            let received = recv(descriptor, &buffer, buffer.count, 0)
            if received == 0 || received == -1 && errno != EAGAIN {
                #expect(sent < bytes.count + 64 << 20, "\(address) was heard for too long")
                return
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        Issue.record("\(address) was not turned away; it has sent \(sent) bytes")
    }

    private func withAddress(
        _ host: String, port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Void
    ) throws {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        try #require(inet_pton(AF_INET, host, &address.sin_addr) == 1)
        try withUnsafeBytes(of: &address) {
            try body($0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
        }
    }
}
