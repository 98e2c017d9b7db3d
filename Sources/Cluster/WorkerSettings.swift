// Why: all that a worker can be told beside its coordinator, with the defaults in one place.

/// How a worker is run.
public struct WorkerSettings: Sendable, Hashable {
    /// For people: host and process.
    public var name: String
    public var threads: Int
    /// Raw values of the kernel levels that this worker may use.
    public var kernelLevels: [String]
    /// The most memory that it may take, mapped files aside; nil for no limit.
    public var memoryLimit: ByteSize?
    /// Whether it keeps the ratings that it is sent on disk.
    public var cachesRatings: Bool
    public var heartbeatInterval: Duration
    /// A coordinator that was silent for so long is joined anew, under a new routing id.
    public var silenceTimeout: Duration

    public init(
        name: String, threads: Int, kernelLevels: [String], memoryLimit: ByteSize? = nil,
        cachesRatings: Bool = false, heartbeatInterval: Duration = .seconds(1), silenceTimeout: Duration = .seconds(30)
    ) {
        self.name = name
        self.threads = threads
        self.kernelLevels = kernelLevels
        self.memoryLimit = memoryLimit
        self.cachesRatings = cachesRatings
        self.heartbeatInterval = heartbeatInterval
        self.silenceTimeout = silenceTimeout
    }
}
