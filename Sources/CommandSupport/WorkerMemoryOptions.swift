// Why: what a worker may take of memory, and keep on disk, is told to `mf-worker`, or to `mf train` for the workers
// that it starts.

import ArgumentParser
import Cluster
import ClusterRuntime
import Failures

/// A worker's bounds on memory, and its folder of ratings.
public struct WorkerMemoryOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            The most memory that a worker takes, mapped files aside: a whole number with K, M, G or T, such as 512M or \
            2G. A job that needs more is not joined.
            """,
            valueName: "size"))
    public var memoryLimit: ByteSize?

    @Option(
        help: ArgumentHelp(
            """
            Keep the ratings that a worker is sent, because it does not map the store, in this folder for the next \
            time. It only grows.
            """,
            valueName: "dir"))
    public var cache: String?

    public init() {}

    public func validate() throws {
        // Whoever writes 512 means megabytes.
        if let memoryLimit, memoryLimit.bytes < 1 << 20 {
            throw ValidationError("--memory-limit is less than 1M: give a whole number with M, G or T, such as 512M.")
        }
    }

    /// The folder, made if there is none.
    public func ratingsCache() throws(Failure) -> RatingsCache? {
        try cache.map { path throws(Failure) in try RatingsCache(path: path) }
    }

    /// These options, for the command line of a worker.
    public var arguments: [String] {
        (memoryLimit.map { ["--memory-limit", "\($0.bytes)"] } ?? []) + (cache.map { ["--cache", $0] } ?? [])
    }
}
