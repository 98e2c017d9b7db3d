import Cluster
import ClusterRuntime
import Failures
import Foundation
import TestKit
import Testing
import ZeroMQ

/// A router behind a doorkeeper, and dealers with and without keys.
@Suite(.serialized) struct DoorkeeperTests {
    /// A list that can be changed, and its folder.
    private struct Keys {
        let folder: TemporaryFolder
        let list: AllowList
        let server: SecretKey
        let worker: SecretKey

        init() throws {
            folder = try TemporaryFolder()
            server = try .random()
            worker = try .random()
            try (worker.publicKey.z85 + "\n").write(toFile: folder("gpu1.key"), atomically: false, encoding: .utf8)
            list = try AllowList(folder: folder.path)
        }
    }

    /// The next message, if one comes.
    private static func receive(_ socket: borrowing Socket, tries: Int = 100) throws -> [Message]? {
        let waker = try Waker()
        for _ in 0..<tries {
            if let frames = try socket.receive(maximumFrames: 3) { return frames }
            try socket.wait(milliseconds: 50, or: waker)
        }
        return nil
    }

    private static func withRouter(
        _ keys: Keys, _ body: (Context, borrowing Socket, Doorkeeper, String) throws -> Void
    ) throws {
        let context = try Context()
        let router = try Socket(.router, in: context)
        router.setConnectionTimeouts()
        router.setMaximumMessageByteCount(1 << 20)
        let doorkeeper = try Doorkeeper(at: router, list: keys.list, context: context)
        defer { doorkeeper.close(router) }
        try router.serveCurve(keys.server)
        let endpoint = try router.bind("tcp://127.0.0.1:*")
        try body(context, router, doorkeeper, endpoint)
    }

    @Test func messagesTellWhoseKeyTheyCameBy() throws {
        let keys = try Keys()
        try Self.withRouter(keys) { context, router, doorkeeper, endpoint in
            let dealer = try Socket(.dealer, in: context)
            try dealer.useCurve(keys.worker, server: keys.server.publicKey)
            try dealer.connect(endpoint)
            #expect(try dealer.send([.copied([1]), .copied([2])]) == .sent)
            let frames = try #require(try Self.receive(router))
            #expect(frames.last?.peerKey == keys.worker.publicKey)
            #expect(doorkeeper.takeReports() == [])
        }
    }

    @Test func theTestAtTheStartSeesADenialAndAnOpenDoor() throws {
        let keys = try Keys()
        try Self.withRouter(keys) { context, router, doorkeeper, endpoint in
            try doorkeeper.requireDenial(at: endpoint, server: keys.server.publicKey, context: context)
            #expect(doorkeeper.takeReports() == [])
            // A door that lets in whoever encrypts.
            let open = try Context()
            let other = try Socket(.router, in: open)
            try other.serveCurve(keys.server)
            let openEndpoint = try other.bind("tcp://127.0.0.1:*")
            do throws(Failure) {
                try doorkeeper.requireDenial(at: openEndpoint, server: keys.server.publicKey, context: context)
                Issue.record("an open door was not noticed")
            } catch {
                #expect(error.kind == .software)
                #expect(error.what.contains("it was admitted"))
            }
        }
    }

    /// A hundred who knock and run at every stage of the handshake; then one who may come in does.
    @Test func strangersInAHurryDoNoHarm() throws {
        let keys = try Keys()
        try Self.withRouter(keys) { context, router, doorkeeper, endpoint in
            let waker = try Waker()
            for round in 0..<100 {
                let stranger = try Socket(.dealer, in: context)
                stranger.setLinger(milliseconds: 0)
                try stranger.useCurve(try .random(), server: keys.server.publicKey)
                try stranger.connect(endpoint)
                try router.wait(milliseconds: round % 5, or: waker)
            }
            let dealer = try Socket(.dealer, in: context)
            try dealer.useCurve(keys.worker, server: keys.server.publicKey)
            try dealer.connect(endpoint)
            _ = try dealer.send([.copied([1])])
            #expect(try Self.receive(router)?.last?.peerKey == keys.worker.publicKey)
        }
    }

    /// Nobody who may come in can make the coordinator take in more than the longest message.
    @Test func aMessageBeyondTheLimitIsNotRead() throws {
        let keys = try Keys()
        try Self.withRouter(keys) { context, router, doorkeeper, endpoint in
            for byteCount in [1 << 26, 1 << 10] {
                let dealer = try Socket(.dealer, in: context)
                dealer.setLinger(milliseconds: 0)
                try dealer.useCurve(keys.worker, server: keys.server.publicKey)
                try dealer.connect(endpoint)
                #expect(try dealer.send([.copied([UInt8](repeating: 7, count: byteCount))]) == .sent)
                let frames = try Self.receive(router, tries: byteCount > 1 << 20 ? 10 : 100)
                #expect(frames?.last?.bytes.count == (byteCount > 1 << 20 ? nil : byteCount))
            }
        }
    }

    // MARK: Admissions

    @Test func anIDBelongsToTheKeyThatCameFirst() throws {
        let keys = try Keys()
        let second = try SecretKey.random().publicKey
        try (second.z85 + "\n").write(toFile: keys.folder("gpu2.key"), atomically: false, encoding: .utf8)
        #expect(keys.list.refresh() == [])
        var admissions = Admissions(keys.list)
        #expect(admissions.name(of: .init([1]), with: keys.worker.publicKey) == "gpu1")
        #expect(admissions.name(of: .init([1]), with: second) == nil)
        #expect(admissions.name(of: .init([2]), with: second) == "gpu2")
        #expect(admissions.name(of: .init([3]), with: nil) == nil)
        admissions.forget { $0 != .init([1]) }
        #expect(admissions.name(of: .init([1]), with: second) == "gpu2")
    }

    @Test func whoseKeyIsTakenOffTheListIsRevokedOnce() throws {
        let keys = try Keys()
        var admissions = Admissions(keys.list)
        _ = admissions.name(of: .init([1]), with: keys.worker.publicKey)
        #expect(admissions.takeRevoked() == [])
        unlink(keys.folder("gpu1.key"))
        _ = keys.list.refresh()
        #expect(admissions.takeRevoked() == [.init([1])])
        #expect(admissions.takeRevoked() == [])
        #expect(admissions.name(of: .init([1]), with: keys.worker.publicKey) == nil)
    }

    // MARK: Reports

    @Test func eachCauseIsToldOnceAnAddress() {
        var reports = HandshakeReports(hasKeys: true)
        func connection(_ descriptor: Int32, _ failure: SocketMonitor.HandshakeFailure?, from address: String)
            -> String?
        {
            _ = reports.take(.accepted(descriptor: descriptor), now: .zero) { _ in address }
            if let failure { _ = reports.take(.failed(failure), now: .zero) { _ in "" } }
            return reports.take(.disconnected(descriptor: descriptor), now: .seconds(1)) { _ in "" }.first
        }
        #expect(connection(5, .mechanism, from: "10.0.0.1")?.contains("from 10.0.0.1: it has no key") == true)
        #expect(connection(5, .mechanism, from: "10.0.0.1") == nil)
        #expect(connection(5, .mechanism, from: "10.0.0.2") != nil)
        #expect(connection(5, .cryptography, from: "10.0.0.1")?.contains("another coordinator's key") == true)
        // Nothing new of one of whom something is known.
        #expect(connection(5, .ended, from: "10.0.0.1") == nil)
        #expect(connection(5, .ended, from: "10.0.0.3")?.contains("before it had proved who it is") == true)
        // ZMTP 1 and 2: nothing but an end.
        #expect(connection(6, nil, from: "10.0.0.1")?.contains("does not speak this protocol") == true)
        #expect(connection(6, nil, from: "10.0.0.1") == nil)
        #expect(reports.failedCount == 8)
        // A key that is denied while somebody else is still at its handshake: only the authenticator tells of it.
        _ = reports.take(.accepted(descriptor: 8), now: .zero) { _ in "10.0.0.8" }
        reports.noteDenial(at: "10.0.0.7")
        #expect(connection(9, .denied, from: "10.0.0.7") == nil)
        let other = reports.take(.disconnected(descriptor: 8), now: .seconds(1)) { _ in "" }.first
        #expect(other?.contains("from 10.0.0.8: it does not speak this protocol") == true)
        #expect(reports.failedCount == 9)
        // One that succeeded and leaves is no failure.
        _ = reports.take(.accepted(descriptor: 7), now: .zero) { _ in "10.0.0.9" }
        #expect(reports.take(.succeeded, now: .zero) { _ in "" }.isEmpty)
        #expect(reports.take(.disconnected(descriptor: 7), now: .seconds(1)) { _ in "" }.isEmpty)
        #expect(reports.failedCount == 9)
    }

    /// Who hangs up at once cannot be asked where it is; when it comes again, it often can.
    @Test func whoWasGoneAtOnceIsToldOfWhenItComesAgainOrNot() {
        var reports = HandshakeReports(hasKeys: true)
        func connection(_ failure: SocketMonitor.HandshakeFailure, from address: String, at seconds: Int) -> [String] {
            let now = Duration.seconds(seconds)
            _ = reports.take(.accepted(descriptor: 5), now: now) { _ in address }
            _ = reports.take(.failed(failure), now: now) { _ in "" }
            return reports.take(.disconnected(descriptor: 5), now: now) { _ in "" }
        }
        // Nothing is known of it, and then all.
        #expect(connection(.ended, from: "", at: 0).isEmpty)
        #expect(connection(.mechanism, from: "", at: 1).isEmpty)
        #expect(reports.settle(now: .seconds(2)).isEmpty)
        #expect(connection(.mechanism, from: "10.0.0.1", at: 2).map { $0.contains("from 10.0.0.1") } == [true])
        #expect(reports.settle(now: .seconds(60)).isEmpty)
        // One that never comes again is told of, once.
        #expect(connection(.cryptography, from: "", at: 70).isEmpty)
        #expect(connection(.cryptography, from: "", at: 71).isEmpty)
        #expect(
            reports.settle(now: .seconds(74)) == [
                "denied a connection: it was given another coordinator's key: give the worker this one's .key file as --coordinator-key"
            ])
        #expect(connection(.cryptography, from: "", at: 80).isEmpty)
        #expect(reports.settle(now: .seconds(90)).isEmpty)
    }

    private func accept(_ descriptor: Int32, _ reports: inout HandshakeReports, at seconds: Int) {
        _ = reports.take(.accepted(descriptor: descriptor), now: .seconds(seconds)) { "10.0.0.\($0)" }
    }
    private func end(_ descriptor: Int32, _ reports: inout HandshakeReports, at seconds: Int) -> [String] {
        reports.take(.disconnected(descriptor: descriptor), now: .seconds(seconds)) { _ in "" }
    }

    /// As a worker does that joins anew: its new connection is there before the old one is gone.
    @Test func whoLeavesWhileAnotherComesIsNoStranger() {
        var reports = HandshakeReports(hasKeys: false)
        accept(5, &reports, at: 0)
        _ = reports.take(.succeeded, now: .zero) { _ in "" }
        accept(6, &reports, at: 1)
        #expect(end(5, &reports, at: 1).isEmpty)
        _ = reports.take(.succeeded, now: .seconds(1)) { _ in "" }
        #expect(reports.settle(now: .seconds(60)).isEmpty)
        // Two at once, of whom the first leaves again before the second's handshake is over.
        accept(7, &reports, at: 2)
        accept(8, &reports, at: 2)
        _ = reports.take(.succeeded, now: .seconds(2)) { _ in "" }
        #expect(end(7, &reports, at: 2).isEmpty)
        _ = reports.take(.succeeded, now: .seconds(2)) { _ in "" }
        #expect(reports.settle(now: .seconds(60)).isEmpty)
        #expect(reports.failedCount == 0)
    }

    @Test func aStrangerAmongOthersIsToldOfWhenTheirsIsOver() {
        var reports = HandshakeReports(hasKeys: false)
        accept(5, &reports, at: 0)
        accept(6, &reports, at: 0)
        _ = reports.take(.succeeded, now: .zero) { _ in "" }
        // Which of the two it was is not known yet.
        #expect(end(6, &reports, at: 1).isEmpty)
        #expect(reports.settle(now: .seconds(2)).isEmpty)
        #expect(reports.settle(now: .seconds(7)).map { $0.contains("10.0.0.6") } == [true])
        #expect(reports.settle(now: .seconds(8)).isEmpty)
        // Both ended, and neither handshake did.
        accept(7, &reports, at: 10)
        accept(8, &reports, at: 10)
        #expect(end(7, &reports, at: 10).count + end(8, &reports, at: 10).count == 2)
    }

    @Test func aScannerDoesNotFillTheLog() {
        var reports = HandshakeReports(hasKeys: true)
        var said: [String] = []
        for index in 0..<10_000 {
            _ = reports.take(.accepted(descriptor: 5), now: .zero) { _ in "10.0.\(index >> 8).\(index & 255)" }
            _ = reports.take(.failed(.ended), now: .zero) { _ in "" }
            said += reports.take(.disconnected(descriptor: 5), now: .zero, address: { _ in "" })
        }
        #expect(said.count == 256)
        #expect(said.count { $0.contains("from now on is not told of") } == 1 && said.last!.hasSuffix("not told of"))
        #expect(reports.failedCount == 10_000)
    }
}
