// Why: what a worker has on disk need not be sent to it, and whatever it finds there must not change the model.

import Cluster
import LeastSquares
import Ratings
import TestKit
import Testing
import Training

@Suite struct CachedRatingsTests {
    private static let configuration = ManyBlocks.configuration()
    private static let data = ManyBlocks.data

    private static let ratings = RatingsNeed(data)

    private static func run(
        seed: UInt64, workers: Int, disk: SimulatedDisk?, limit: ByteSize? = nil, crashes: Int = 0,
        damagesOneIn: Int? = nil
    ) throws -> SimulatedCluster.Result {
        try SimulatedCluster.run(
            .init(
                configuration: configuration, data: data, seed: seed, workers: workers, crashes: crashes,
                replacesCrashed: true, damagesOneIn: damagesOneIn, memoryLimit: limit, mayMapStore: false, disk: disk))
    }

    private static let reference = try? run(seed: 0, workers: 1, disk: nil)
    /// The disk of a worker that has solved every block.
    private static let filled = try? run(seed: 1, workers: 1, disk: SimulatedDisk()).disk

    @Test func everyBlockIsKept() throws {
        let disk = try #require(Self.filled)
        #expect(disk.blocks.user.count == Self.data.plan.user.count)
        #expect(disk.blocks.item.count == Self.data.plan.item.count)
        let bytes = [Side.user, .item].flatMap { disk.blocks[$0].values }.reduce(0) { $0 + $1.bytes.count }
        #expect(bytes == Self.ratings.total)
    }

    @Test(arguments: [1, 2, 3]) func whatIsOnDiskIsNotSent(workers: Int) throws {
        let result = try Self.run(seed: 2, workers: workers, disk: Self.filled)
        #expect(result.outcome.factorChecksum != nil)
        #expect(result.outcome.factorChecksum == Self.reference?.outcome.factorChecksum)
        #expect(result.ratingsByteCount == 0)
    }

    /// A worker with little memory fetches from disk what it had to release.
    @Test func whatWasReleasedIsFetchedFromDisk() throws {
        let need = MemoryNeed(
            rowCounts: Self.data.plan.map(\.rowCount), solver: Self.configuration.solverConfiguration(mean: 0),
            threads: 1,
            longestRow: Self.ratings.longestRow)
        let limit = ByteSize(need.total + Self.ratings.least(blocksInFlight: Limits.blocksInFlight))
        for disk in [Self.filled, SimulatedDisk()] {
            let result = try Self.run(seed: 3, workers: 1, disk: disk, limit: limit)
            #expect(result.outcome.factorChecksum == Self.reference?.outcome.factorChecksum)
            #expect(result.released > 0)
            #expect(result.ratingsByteCount < Self.ratings.total * 3 / 2)
        }
    }

    /// Files that are missing, foreign, cut off or damaged, crashes and lost messages: the same bytes.
    @Test(arguments: 0..<60 as Range<UInt64>)
    func nothingOnDiskChangesTheModel(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var disk = try #require(Self.filled)
        var spoilt = 0
        for side in Side.allCases {
            for (block, payload) in disk.blocks[side].sorted(by: { $0.key < $1.key }) {
                switch Int.random(in: 0..<8, using: &generator) {
                case 0: disk.blocks[side][block] = nil
                case 1: disk.blocks[side][block] = payload.slice(0..<payload.bytes.count / 16 * 8)
                case 2: disk.blocks[side][block] = Payload(byteCount: payload.bytes.count) { _ in }
                // That of another block: only the shell, which looks at the key, can tell rows of equal number apart.
                case 3 where Self.data.plan[side].rows(block) != Self.data.plan[side].rows(0):
                    let other = try #require(Self.filled?.blocks[side.other][0])
                    disk.blocks[side][block] = other
                default: continue
                }
                spoilt += 1
            }
        }
        let limited = seed % 2 == 0
        let need = MemoryNeed(
            rowCounts: Self.data.plan.map(\.rowCount), solver: Self.configuration.solverConfiguration(mean: 0),
            threads: 1,
            longestRow: Self.ratings.longestRow)
        let room = Self.ratings.least(blocksInFlight: Limits.blocksInFlight) + Self.ratings.total / 5
        let result = try Self.run(
            seed: seed, workers: 1 + Int(seed) % 3, disk: disk, limit: limited ? ByteSize(need.total + room) : nil,
            crashes: Int(seed) % 3, damagesOneIn: seed % 4 == 1 ? 40 : nil)
        #expect(spoilt > 0 && result.ratingsByteCount > 0, "seed \(seed)")
        #expect(result.outcome.factorChecksum == Self.reference?.outcome.factorChecksum, "seed \(seed)")
        if limited { #expect(result.mostRatingsKept <= room, "seed \(seed)") }
    }
}
