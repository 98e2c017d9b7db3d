// Why: a memory limit decides who may take part and how often ratings are sent, and never what comes out.

import Cluster
import Failures
import Foundation
import LeastSquares
import Ratings
import TestKit
import Testing
import Training

@Suite struct MemoryLimitTests {
    private static let configuration = ManyBlocks.configuration()
    private static let data = ManyBlocks.data

    private static let ratings = RatingsNeed(data)

    private static let need = MemoryNeed(
        rowCounts: data.plan.map(\.rowCount), solver: configuration.solverConfiguration(mean: 0), threads: 1,
        longestRow: ratings.longestRow)

    private static func run(
        seed: UInt64, workers: Int, room: Int?, crashes: Int = 0, damagesOneIn: Int? = nil
    ) throws -> SimulatedCluster.Result {
        try SimulatedCluster.run(
            .init(
                configuration: configuration, data: data, seed: seed, workers: workers, crashes: crashes,
                damagesOneIn: damagesOneIn, memoryLimit: room.map { ByteSize(need.total + $0) }, mayMapStore: false))
    }

    private static let reference = try? run(seed: 0, workers: 1, room: nil)

    @Test func withRoomForAllOfThemRatingsAreSentOnce() throws {
        let result = try Self.run(seed: 1, workers: 1, room: Self.ratings.total)
        #expect(result.outcome.factorChecksum != nil)
        #expect(result.outcome.factorChecksum == Self.reference?.outcome.factorChecksum)
        #expect(result.ratingsByteCount == Self.ratings.total)
        #expect(result.released == 0)
    }

    /// Workers that cannot hold their share are sent ratings again, and never keep more than they have room for.
    @Test(arguments: 0..<30 as Range<UInt64>)
    func ratingsThatFindNoRoomAreSentAgain(seed: UInt64) throws {
        let least = Self.ratings.least(blocksInFlight: Limits.blocksInFlight)
        let room = seed % 2 == 0 ? least : least + Self.ratings.total / 4
        try #require(room < Self.ratings.total)
        // Those that crash leave others with more than their share.
        let workers = 1 + Int(seed) % 3
        let result = try Self.run(
            seed: seed, workers: workers, room: room, crashes: workers - 1, damagesOneIn: seed % 3 == 0 ? 40 : nil)
        #expect(result.outcome.factorChecksum == Self.reference?.outcome.factorChecksum, "seed \(seed)")
        #expect(result.mostRatingsKept <= room, "seed \(seed)")
        #expect(result.released > 0, "seed \(seed)")
        #expect(result.ratingsByteCount > Self.ratings.total, "seed \(seed)")
    }

    /// Half the room saves about half the sending: what is released is not just what comes next.
    @Test func whatStaysIsNotSentAgain() throws {
        let result = try Self.run(seed: 4, workers: 1, room: Self.ratings.total / 2)
        let (bytes, all) = (result.ratingsByteCount, Self.ratings.total)
        #expect(bytes > all && bytes < all * 3, "\(bytes) of \(4 * all)")
    }

    /// A worker that has more blocks than it keeps gives up those that others have solved last.
    @Test func ratingsThatMovedAwayAreGivenUp() throws {
        let result = try Self.run(seed: 2, workers: 3, room: nil)
        #expect(result.released > 0)
        #expect(result.outcome.factorChecksum == Self.reference?.outcome.factorChecksum)
    }

    // MARK: Refusals

    private static let envelope = Envelope(job: 1, epoch: 1)

    private static func coordinator(minWorkers: Int = 1, hasSuccessor: Bool = false) -> Coordinator {
        Coordinator(
            configuration: configuration,
            settings: CoordinatorSettings(minWorkers: minWorkers, hasSuccessor: hasSuccessor), data: data, mean: 3,
            storePath: "", storeFingerprint: "", envelope: envelope, now: .zero)
    }

    private static func hello(limit: Int?, name: String = "w") -> WorkerMessage {
        .hello(
            .init(
                name: name, threads: 1, kernelLevels: KernelLevel.available.map(\.rawValue), credit: 8,
                memoryLimit: limit.map { ByteSize($0) }))
    }

    private static func refusal(_ actions: [Coordinator.Action]) -> String? {
        for case .send(_, .refused(.unfit, let reason), _) in actions { return reason }
        return nil
    }

    @Test func aWorkerWithTooLittleIsRefusedBeforeTheJobBegins() throws {
        var coordinator = Self.coordinator()
        let say = { (message: WorkerMessage, id: UInt8) in
            coordinator.receive(Parcel(message, envelope: Self.envelope), from: WorkerID([id]), now: .zero)
        }
        let reason = try #require(Self.refusal(say(Self.hello(limit: Self.need.total - 1), 1)))
        #expect(reason.contains("\(ByteSize(Self.need.total))") && reason.contains("--memory-limit"))
        // One that maps the store can do with just this.
        let begun = say(Self.hello(limit: Self.need.total), 2)
        #expect(Self.refusal(begun) == nil)
        #expect(begun.contains { if case .report(.jobBegan(Self.need, _, 1)) = $0 { true } else { false } })
        #expect(Self.refusal(say(.ready(mapsStore: true), 2)) == nil)
    }

    @Test func aWorkerThatMustBeSentRatingsNeedsRoomForThem() throws {
        var coordinator = Self.coordinator()
        let say = { (message: WorkerMessage, id: UInt8) in
            coordinator.receive(Parcel(message, envelope: Self.envelope), from: WorkerID([id]), now: .zero)
        }
        let least = Self.ratings.least(blocksInFlight: Limits.blocksInFlight)
        _ = say(Self.hello(limit: Self.need.total + least - 1), 1)
        #expect(Self.refusal(say(.ready(mapsStore: false), 1))?.contains("for ratings") == true)
        _ = say(Self.hello(limit: Self.need.total + least), 2)
        let actions = say(.ready(mapsStore: false), 2)
        #expect(Self.refusal(actions) == nil)
        #expect(actions.contains { if case .report(.workerIsShortOfMemory) = $0 { true } else { false } })
    }

    /// Whom a job of a search does not fit is left to the next, and the job fails only when it fits nobody.
    @Test func whereAnotherJobFollowsNobodyIsRefused() throws {
        var coordinator = Self.coordinator(minWorkers: 2, hasSuccessor: true)
        func say(_ id: UInt8, limit: Int, at seconds: Int) -> [Coordinator.Action] {
            coordinator.receive(
                Parcel(Self.hello(limit: limit, name: "w\(id)"), envelope: .none), from: WorkerID([id]),
                now: .seconds(seconds))
        }
        func failure(_ actions: [Coordinator.Action]) -> Failure? {
            for case .end(.failed(let failure)) in actions { return failure }
            return nil
        }
        let first = say(1, limit: Self.need.total - 1, at: 1)
        #expect(Self.refusal(first) == nil)
        #expect(first.contains { if case .postpone(_, WorkerID([1])) = $0 { true } else { false } })
        // One more is waited for, however long.
        #expect(coordinator.tick(now: .seconds(60)).isEmpty)
        // Said again, it is no news.
        _ = say(1, limit: Self.need.total - 1, at: 60)
        _ = say(2, limit: Self.need.total - 1, at: 60)
        #expect(coordinator.tick(now: .seconds(61)).isEmpty)
        let end = try #require(failure(coordinator.tick(now: .seconds(62))))
        #expect(end.kind == .badData && end.what.contains("no worker has room for this job; w1: it needs"), "\(end)")
    }

    @Test func aJobOfASearchBeginsWithThoseWhomItFits() throws {
        var coordinator = Self.coordinator(minWorkers: 2, hasSuccessor: true)
        for (id, limit) in [(UInt8(1), Self.need.total - 1), (2, Self.need.total)] {
            _ = coordinator.receive(
                Parcel(Self.hello(limit: limit, name: "w\(id)"), envelope: .none), from: WorkerID([id]), now: .zero)
        }
        #expect(coordinator.tick(now: .milliseconds(900)).isEmpty)
        let actions = coordinator.tick(now: .seconds(2))
        #expect(actions.contains { if case .report(.jobBegan(_, _, 1)) = $0 { true } else { false } })
        #expect(actions.contains { if case .send(WorkerID([2]), .welcome, _) = $0 { true } else { false } })
    }

    /// A coordinator that gives up says whom it refused, the last of them, each once.
    @Test func aJobWithoutWorkersNamesThoseItRefused() throws {
        var coordinator = Self.coordinator()
        let say = { (name: String, id: UInt8) in
            let hello = WorkerMessage.Hello(
                name: name, threads: 1, kernelLevels: ["portable"], credit: 8, memoryLimit: ByteSize(1 << 20))
            _ = coordinator.receive(Parcel(.hello(hello), envelope: .none), from: WorkerID([id]), now: .zero)
        }
        for (id, name) in ["first", "second", "third", "fourth", "third"].enumerated() { say(name, UInt8(id)) }
        var ending: Failure?
        for case .end(.failed(let failure)) in coordinator.tick(now: .seconds(301)) { ending = failure }
        let failure = try #require(ending)
        #expect(failure.kind == .unavailable && failure.what.contains("no model was written"))
        for name in ["second", "third", "fourth"] {
            #expect(
                failure.what.components(separatedBy: "worker \(name) was refused: it needs").count == 2, "\(failure)")
        }
        #expect(!failure.what.contains("first") && failure.what.contains("--memory-limit"))
    }

    /// A coordinator that does not care for the limit finds a worker that does.
    @Test func theWorkerKeepsToItsLimitItself() throws {
        let job = JobDescription(
            solver: Self.configuration.solverConfiguration(mean: 3), kernelLevel: .portable, seed: 1,
            plan: Self.data.plan, storePath: "", storeFingerprint: "")
        let need = job.memoryNeed(threads: 1)
        func worker(limit: Int) -> Worker {
            Worker(
                settings: WorkerSettings(
                    name: "w", threads: 1, kernelLevels: ["portable"], memoryLimit: ByteSize(limit)), now: .zero)
        }
        func ending(_ actions: [Worker.Action]) -> String? {
            for case .end(.failed(let failure)) in actions { return failure.what }
            return nil
        }
        func says(
            _ message: CoordinatorMessage, _ payload: Payload? = nil, to worker: inout Worker
        ) -> [Worker.Action] {
            worker.receive(Parcel(message, payload: payload, envelope: Self.envelope), now: .zero)
        }
        var small = worker(limit: need.total - 1)
        #expect(ending(says(.welcome(job, sent: 0), to: &small))?.contains("--memory-limit") == true)

        let ratings = Self.data.block(.user, 0).encoded()
        let chunk = CoordinatorMessage.RatingsChunk(
            side: .user, block: 0, totalByteCount: ratings.bytes.count, offset: 0)
        for (room, fits) in [(ratings.bytes.count, true), (ratings.bytes.count - 1, false)] {
            var other = worker(limit: need.total + room)
            #expect(ending(says(.welcome(job, sent: 0), to: &other)) == nil)
            _ = other.prepared(mapsStore: false, now: .zero)
            let actions = says(.ratings(chunk), ratings, to: &other)
            #expect((ending(actions) == nil) == fits)
            #expect(actions.contains { if case .installRatings = $0 { true } else { false } } == fits)
            let farewell = actions.contains { if case .send(.goodbye, _) = $0 { true } else { false } }
            #expect(farewell == !fits)
        }
    }
}
