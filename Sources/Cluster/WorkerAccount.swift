// Why: what a job costs is told worker by worker, and the coordinator is the one that sees all of them.

/// What one membership of a worker came to.
public struct WorkerAccount: Sendable, Hashable {
    /// As the worker said it: host and process.
    public let name: String
    /// Bytes that it sent, from its hello on: headers and payloads, without what the transport adds.
    public var bytesSent = 0
    /// Bytes that it was sent.
    public var bytesReceived = 0
    /// The most memory that it had resident, mapped files included, in bytes; nil when it did not say.
    public var peakMemory: Int?

    init(name: String) { self.name = name }
}
