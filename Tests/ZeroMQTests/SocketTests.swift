import Failures
import Testing
import ZeroMQ

/// A router and a dealer that talk over loopback.
@Suite struct SocketTests {
    private static func receive(_ socket: borrowing Socket, _ waker: Waker) throws -> [[UInt8]]? {
        for _ in 0..<100 {
            if let frames = try socket.receive(maximumFrames: 3) { return frames.map { Array($0.bytes) } }
            try socket.wait(milliseconds: 50, or: waker)
        }
        return nil
    }

    @Test func messagesTravelBothWays() throws {
        let context = try Context()
        let waker = try Waker()
        let router = try Socket(.router, in: context)
        router.setMandatoryRouting()
        let endpoint = try router.bind("tcp://127.0.0.1:*")
        #expect(!endpoint.hasSuffix("*"))
        let dealer = try Socket(.dealer, in: context)
        dealer.setRoutingID([1, 2, 3])
        try dealer.connect(endpoint)
        #expect(try dealer.send([.copied([7]), .copied([8, 9])]) == .sent)
        #expect(try Self.receive(router, waker) == [[1, 2, 3], [7], [8, 9]])
        #expect(try router.send([.copied([1, 2, 3]), .copied([5])]) == .sent)
        #expect(try Self.receive(dealer, waker) == [[5]])
    }

    @Test func sendingToAStrangerIsAnOutcome() throws {
        let context = try Context()
        let router = try Socket(.router, in: context)
        router.setMandatoryRouting()
        _ = try router.bind("tcp://127.0.0.1:*")
        #expect(try router.send([.copied([9, 9]), .copied([5])]) == .unreachable)
    }

    @Test func surplusFramesAreDropped() throws {
        let context = try Context()
        let waker = try Waker()
        let router = try Socket(.router, in: context)
        let endpoint = try router.bind("tcp://127.0.0.1:*")
        let dealer = try Socket(.dealer, in: context)
        dealer.setRoutingID([1])
        try dealer.connect(endpoint)
        _ = try dealer.send((0..<20).map { .copied([$0]) })
        _ = try dealer.send([.copied([42])])
        #expect(try Self.receive(router, waker) == [[1], [0], [1]])
        #expect(try Self.receive(router, waker) == [[1], [42]])
    }

    /// Tells when it goes.
    private final class Owner: Sendable {
        nonisolated(unsafe) let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 8)
        let waker: Waker
        init(_ waker: Waker) {
            self.waker = waker
            bytes.initializeMemory(as: UInt8.self, repeating: 3)
        }
        deinit {
            bytes.deallocate()
            waker.wake()
        }
    }

    @Test func sharedFramesKeepTheirOwnerUntilSent() throws {
        let context = try Context()
        let (waker, gone) = (try Waker(), try Waker())
        let router = try Socket(.router, in: context)
        let endpoint = try router.bind("tcp://127.0.0.1:*")
        let dealer = try Socket(.dealer, in: context)
        try dealer.connect(endpoint)
        weak var weakOwner: Owner?
        do {
            let owner = Owner(gone)
            weakOwner = owner
            _ = try dealer.send([.shared(UnsafeRawBufferPointer(owner.bytes), owner: owner)])
        }
        let received = try #require(try Self.receive(router, waker))
        #expect(received.last == [UInt8](repeating: 3, count: 1 << 20))
        for _ in 0..<100 where weakOwner != nil { try router.wait(milliseconds: 50, or: gone) }
        #expect(weakOwner == nil)
    }

    @Test func aPortInUseIsNamed() throws {
        let context = try Context()
        let first = try Socket(.router, in: context)
        let endpoint = try first.bind("tcp://127.0.0.1:*")
        let second = try Socket(.router, in: context)
        do {
            _ = try second.bind(endpoint)
            Issue.record("bound twice")
        } catch {
            #expect(error.exitCode == 69)
            #expect(error.place == endpoint)
            #expect(error.remedy.contains("another process listens there"))
        }
    }

    @Test func anOldLibraryIsRefused() throws {
        for version in [(4, 3, 3), (4, 3, 5), (4, 4, 0), (5, 0, 0)] { try Context.requireVersion(version) }
        for version in [(4, 3, 2), (4, 2, 9), (3, 9, 9), (0, 0, 0)] {
            do throws(Failure) {
                try Context.requireVersion(version)
                Issue.record("\(version) was accepted")
            } catch {
                #expect(error.kind == .unavailable && error.remedy.contains("libzmq3-dev"))
                #expect(error.what == "libzmq \(version.0).\(version.1).\(version.2) is older than 4.3.3")
            }
        }
    }

    @Test func wakersInterruptWaiting() throws {
        let context = try Context()
        let waker = try Waker()
        let socket = try Socket(.router, in: context)
        waker.wake()
        let clock = ContinuousClock()
        let elapsed = try clock.measure { try socket.wait(milliseconds: 20_000, or: waker) }
        #expect(elapsed < .seconds(10))
    }
}
