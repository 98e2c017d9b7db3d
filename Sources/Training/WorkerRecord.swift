// Why: who made a model is a question that comes up later, when one of the workers turns out to be none to trust. The
// answer is kept beside the model, and is no part of it: the same job gives the same factors whoever takes part.

/// A worker that took part in a job: one that solved a block of it.
public struct WorkerRecord: Sendable, Hashable, Codable {
    /// As the log calls it: host and process, in brackets behind the name of its key where there are keys.
    public var name: String
    /// Threads of its solver; of the last membership, when it joined more than once.
    public var threads: Int
    /// Blocks that it solved, over all half-steps; of one that several workers solved, the first result counts.
    public var blocks: Int

    public init(name: String, threads: Int, blocks: Int) {
        self.name = name
        self.threads = threads
        self.blocks = blocks
    }
}
