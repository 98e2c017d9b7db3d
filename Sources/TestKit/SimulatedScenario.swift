// Why: what a simulation starts from is one value, so that a run can be had again.

import ArrayFiles
import Cluster
import Ratings
import Training

extension SimulatedCluster {
    /// What is simulated.
    public struct Scenario: Sendable {
        public var configuration: JobConfiguration
        public var data: JobData
        public var seed: UInt64
        public var workers: Int
        /// Threads of each worker's solver.
        public var threads: Int
        public var settings: CoordinatorSettings
        /// How many workers crash, each after a number of solved blocks drawn at random. Each is replaced by a new one
        /// if `replacesCrashed`.
        public var crashes: Int
        public var replacesCrashed: Bool
        /// How many times the coordinator crashes, each after a number of solved blocks drawn at random.
        public var coordinatorCrashes = 0
        /// What else happens, and when; nil for nothing.
        public var faults: SimulatedFaults?
        /// So many workers read their messages late.
        public var slowReaders: Int
        /// One in so many messages, either way, is damaged on the way (until the end of `faults`, if there are any);
        /// nil for none.
        public var damagesOneIn: Int?
        /// How long a message is under way, beside its bytes.
        public var latency = Duration.microseconds(1) ... .microseconds(2000)
        /// What passes over a connection, either way; nil for any number.
        public var bytesPerSecond: Int?
        /// How long a block takes.
        public var solving = Duration.microseconds(100) ... .microseconds(3000)
        /// A block that ends the process of whoever solves it.
        public var deadly: (Side, Int)?
        /// The memory limit of each worker.
        public var memoryLimit: ByteSize?
        /// Whether workers may map the store; each draws if it does.
        public var mayMapStore: Bool
        /// What is on the disk that all workers share, when they keep ratings on one; nil when they do not.
        public var disk: SimulatedDisk?
        /// Whether faults and the coordinator's events are printed.
        public var isTraced = false
        /// So long after the last fault the job must be over.
        public var patience = Duration.seconds(2000)

        public init(
            configuration: JobConfiguration, data: JobData, seed: UInt64, workers: Int, threads: Int = 1,
            crashes: Int = 0, replacesCrashed: Bool = false, faults: SimulatedFaults? = nil, slowReaders: Int = 0,
            damagesOneIn: Int? = nil, memoryLimit: ByteSize? = nil, mayMapStore: Bool = true, disk: SimulatedDisk? = nil
        ) {
            self.configuration = configuration
            self.data = data
            self.seed = seed
            self.workers = workers
            self.threads = threads
            settings = CoordinatorSettings(minWorkers: workers)
            self.crashes = crashes
            self.replacesCrashed = replacesCrashed
            self.faults = faults
            self.slowReaders = slowReaders
            self.damagesOneIn = damagesOneIn
            self.memoryLimit = memoryLimit
            self.mayMapStore = mayMapStore
            self.disk = disk
        }

        /// A scenario in which a seed draws everything: how many workers, how fast, over what links, with what faults.
        public static func random(configuration: JobConfiguration, data: JobData, seed: UInt64) -> Scenario {
            var generator = SeededGenerator(seed: seed &* 0x9E37_79B9 &+ 1)
            var scenario = Scenario(
                configuration: configuration, data: data, seed: seed,
                workers: Int.random(in: 1...5, using: &generator), faults: .random(using: &generator))
            // Workers that are cut off at the start are not waited for.
            scenario.settings.minWorkers = Int.random(in: 1...2, using: &generator)
            scenario.settings.progressTimeout = .seconds(40)
            scenario.settings.workerTimeout = .seconds(100_000)
            let latency = [1, 20, 200].randomElement(using: &generator)!
            scenario.latency = .microseconds(10) ... .milliseconds(latency)
            let solving = [10, 100, 500].randomElement(using: &generator)!
            scenario.solving = .milliseconds(1) ... .milliseconds(solving)
            if Int.random(in: 0..<4, using: &generator) == 0 {
                scenario.bytesPerSecond = Int.random(in: 3000...100_000, using: &generator)
            }
            if Int.random(in: 0..<4, using: &generator) == 0 {
                scenario.damagesOneIn = Int.random(in: 20...200, using: &generator)
            }
            scenario.mayMapStore = Int.random(in: 0..<3, using: &generator) > 0
            if Int.random(in: 0..<4, using: &generator) == 0 { scenario.disk = SimulatedDisk() }
            return scenario
        }
    }
}

/// Ratings of blocks on a disk.
public struct SimulatedDisk: Sendable {
    public var blocks: BySide<[Int: Payload]> = BySide(user: [:], item: [:])

    public init() {}
}

extension JobData {
    /// The mean of the training ratings, added in row order.
    public var mean: Double {
        let count = ratings.count
        guard count > 0 else { return 0 }
        return withUnsafeTemporaryAllocation(of: Float.self, capacity: count) { values in
            ratings.byUser.values.decode(0..<count, minus: 0, to: values.baseAddress!)
            return values.reduce(0.0) { $0 + Double($1) } / Double(count)
        }
    }
}

extension JobOutcome {
    /// The checksum of both sides' factors, when the job is done.
    public var factorChecksum: UInt64? {
        guard case .done(let factors, _, _, _) = self else { return nil }
        var checksum = Checksum()
        for payload in factors.user + factors.item { checksum.update(payload.bytes) }
        return checksum.value
    }
}
