// Why: who comes between two jobs is to be in the next, and who has gone is not.

import Cluster
import Testing

@Suite struct LobbyTests {
    private static func hello(_ name: String) -> Parcel<WorkerMessage> {
        parcel(
            .hello(WorkerMessage.Hello(name: name, threads: 1, kernelLevels: ["portable"], credit: 8, memoryLimit: nil))
        )
    }

    private static func parcel(_ message: WorkerMessage) -> Parcel<WorkerMessage> {
        Parcel(message, payload: nil, envelope: .none)
    }

    private let first = WorkerID([1, 2])
    private let second = WorkerID([3, 4])

    @Test func whoSaysHelloIsAnsweredAndKept() {
        var lobby = Lobby()
        #expect(lobby.receive(Self.hello("b"), from: second) == .heartbeat(sent: 0))
        #expect(lobby.receive(Self.hello("a"), from: first) == .heartbeat(sent: 0))
        // Said again.
        #expect(lobby.receive(Self.hello("a"), from: first) == .heartbeat(sent: 0))
        let guests = lobby.leave()
        #expect(guests.map(\.id) == [first, second])
        #expect(guests.map(\.hello.message) == [Self.hello("a").message, Self.hello("b").message])
        #expect(lobby.leave().isEmpty)
    }

    @Test func whoHasGoneIsForgotten() {
        var lobby = Lobby()
        for id in [first, second] { _ = lobby.receive(Self.hello("x"), from: id) }
        #expect(lobby.receive(Self.parcel(.goodbye(reason: "SIGTERM", peakMemory: 0)), from: first) == nil)
        #expect(!lobby.knows(first) && lobby.knows(second))
        lobby.forget(second)
        #expect(!lobby.knows(second))
        #expect(lobby.leave().isEmpty)
    }

    /// Left over from a membership in the last job.
    @Test func otherMessagesAreIgnored() {
        var lobby = Lobby()
        #expect(lobby.receive(Self.parcel(.heartbeat(progress: 0, sent: 3)), from: first) == nil)
        #expect(lobby.receive(Self.parcel(.credit(4)), from: first) == nil)
        #expect(lobby.leave().isEmpty)
    }

    @Test func thereIsRoomForSoManyAsAJobTakes() {
        var lobby = Lobby()
        func id(_ number: Int) -> WorkerID { WorkerID([UInt8(number & 255), UInt8(number >> 8), 1]) }
        for number in 0..<Limits.workerCount { _ = lobby.receive(Self.hello("x"), from: id(number)) }
        #expect(lobby.receive(Self.hello("y"), from: id(Limits.workerCount)) == nil)
        #expect(lobby.receive(Self.hello("x"), from: id(0)) == .heartbeat(sent: 0))
        #expect(lobby.leave().count == Limits.workerCount)
    }
}
