// Why: real connections fail in ways that no process can be asked for: they are slow, stall, break, and flip bits. A
// proxy between a coordinator and a worker does all of that, without root and on any machine.

import Failures
import Foundation
import Glibc
import Synchronization

/// A TCP proxy on a free port of this machine, for as long as it lives.
public final class TCPProxy: Sendable {
    /// What it does to what passes, either way, from now on.
    public struct Behavior: Sendable {
        /// Each piece of up to 64 KiB is held back for so long.
        public var delay = Duration.zero
        /// The rate of each direction; nil for any.
        public var bytesPerSecond: Int?
        /// Nothing passes, and nobody is told, until this is false again.
        public var isBlackHole = false
        /// Of so many bytes, one has a bit flipped; nil for none.
        public var flipsOneIn: Int?

        public init() {}
    }

    private struct State {
        var behavior = Behavior()
        var connections: [Int: Connection] = [:]
        var nextConnection = 0
        var isClosed = false
        var flipped = 0
        var generator: SeededGenerator
    }

    /// Where to connect to.
    public let port: UInt16
    private let target: UInt16
    private let listener: Int32
    private let state: Mutex<State>

    /// - Parameters:
    ///   - target: the port on this machine that it forwards to.
    ///   - seed: draws the bits that are flipped.
    public init(to target: UInt16, seed: UInt64 = 1) throws {
        self.target = target
        state = Mutex(State(generator: SeededGenerator(seed: seed)))
        (listener, port) = try Self.listen()
        let (listener, weakly) = (listener, Weak(self))
        Self.start {
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { break }
                guard let proxy = weakly.proxy else {
                    close(client)
                    break
                }
                proxy.take(client)
            }
            close(listener)
        }
    }

    deinit {
        state.withLock { state in
            state.isClosed = true
            for connection in state.connections.values { connection.shutDown() }
        }
        shutdown(listener, Int32(SHUT_RDWR))
    }

    public var behavior: Behavior {
        get { state.withLock { $0.behavior } }
        set { state.withLock { $0.behavior = newValue } }
    }

    /// Bits flipped so far.
    public var flipped: Int { state.withLock { $0.flipped } }

    /// Breaks all connections; new ones can be made.
    public func cut() { state.withLock { for connection in $0.connections.values { connection.shutDown() } } }

    // MARK: Connections

    /// Two sockets, closed when nobody pumps any more.
    private final class Connection: Sendable {
        let client: Int32
        let server: Int32

        init(client: Int32, server: Int32) {
            self.client = client
            self.server = server
        }

        deinit {
            close(client)
            close(server)
        }

        func shutDown() {
            shutdown(client, Int32(SHUT_RDWR))
            shutdown(server, Int32(SHUT_RDWR))
        }
    }

    /// Threads hold the proxy only as long as they use it, or it would never go.
    private final class Weak: @unchecked Sendable {
        // Unchecked: set once, before the threads that read it begin; a weak reference is read atomically.
        weak var proxy: TCPProxy?
        init(_ proxy: TCPProxy) { self.proxy = proxy }
    }

    private func take(_ client: Int32) {
        guard let server = try? Self.connect(to: target) else {
            close(client)
            return
        }
        let connection = Connection(client: client, server: server)
        let number = state.withLock { state in
            state.nextConnection += 1
            state.connections[state.nextConnection] = connection
            return state.nextConnection
        }
        let weakly = Weak(self)
        for (source, sink) in [(client, server), (server, client)] {
            Self.start {
                Self.pump(from: source, to: sink, weakly)
                connection.shutDown()
                weakly.proxy?.state.withLock { _ = $0.connections.removeValue(forKey: number) }
            }
        }
    }

    private static func pump(from source: Int32, to sink: Int32, _ weakly: Weak) {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(source, &buffer, buffer.count)
            guard count > 0 else { return }
            while weakly.proxy?.behavior.isBlackHole == true { usleep(10_000) }
            guard let behavior = weakly.proxy?.treat(&buffer, count) else { return }
            var pause = behavior.delay
            if let rate = behavior.bytesPerSecond { pause += .seconds(Double(count) / Double(rate)) }
            if pause > .zero { usleep(UInt32(clamping: Int(pause / .microseconds(1)))) }
            var sent = 0
            while sent < count {
                let written = buffer.withUnsafeBytes {
                    send(sink, $0.baseAddress! + sent, count - sent, Int32(MSG_NOSIGNAL))
                }
                guard written > 0 else { return }
                sent += written
            }
        }
    }

    /// Flips bits of the first `count` bytes, if it is to.
    private func treat(_ buffer: inout [UInt8], _ count: Int) -> Behavior {
        state.withLock { state in
            guard let oneIn = state.behavior.flipsOneIn else { return state.behavior }
            // At most one in a piece, which is as good as any.
            if Int.random(in: 0..<oneIn, using: &state.generator) < count {
                let place = Int.random(in: 0..<count, using: &state.generator)
                buffer[place] ^= 1 << UInt8.random(in: 0..<8, using: &state.generator)
                state.flipped += 1
            }
            return state.behavior
        }
    }

    // MARK: Sockets

    private static func start(_ body: @escaping @Sendable () -> Void) {
        let thread = Thread(block: body)
        thread.name = "proxy"
        thread.start()
    }

    private static func address(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private static func makeSocket() throws(Failure) -> Int32 {
        try systemCall("make a socket", at: "TCPProxy") {
            socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        }
    }

    private static func with(
        _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        withUnsafePointer(to: address(port)) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    /// A connection to a port of this machine, for whoever wants to speak to a program without libzmq.
    public static func connect(to port: UInt16) throws(Failure) -> Int32 {
        let descriptor = try makeSocket()
        do throws(Failure) {
            try systemCall("connect", at: "127.0.0.1:\(port)") { with(port) { Glibc.connect(descriptor, $0, $1) } }
        } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }

    private static func listen() throws(Failure) -> (Int32, UInt16) {
        let descriptor = try makeSocket()
        try systemCall("bind", at: "127.0.0.1") { with(0) { Glibc.bind(descriptor, $0, $1) } }
        try systemCall("listen", at: "127.0.0.1") { Glibc.listen(descriptor, 64) }
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        try systemCall("read the port", at: "127.0.0.1") { status }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }
}
