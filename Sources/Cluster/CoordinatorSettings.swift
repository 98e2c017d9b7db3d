// Why: all that a coordinator can be told beside its job, with the defaults in one place.

import LeastSquares

/// What is not part of the job but of how it is run.
public struct CoordinatorSettings: Sendable, Hashable {
    /// The job begins when so many workers have said hello.
    public var minWorkers: Int
    /// The kernels that the job must run with; nil for the best that all the first workers have.
    public var kernelLevel: KernelLevel?
    /// The blocks of a worker that was silent for so long are given to others too.
    public var suspicionTimeout: Duration
    /// A worker that was silent for so long is taken for dead.
    public var silenceTimeout: Duration
    /// A worker that has blocks and did not get on for so long is taken for wedged.
    public var progressTimeout: Duration
    /// Without any worker for so long, or before the job begins without enough of them, the job fails.
    public var workerTimeout: Duration
    /// A worker is sent something at least this often.
    public var heartbeatInterval: Duration
    /// Blocks that a worker has at a time.
    public var blocksInFlight: Int
    /// Whether the workers are to stay for another job, unless this one is stopped.
    public var hasSuccessor: Bool

    public init(
        minWorkers: Int, kernelLevel: KernelLevel? = nil, suspicionTimeout: Duration = .seconds(5),
        silenceTimeout: Duration = .seconds(30), progressTimeout: Duration = .seconds(300),
        workerTimeout: Duration = .seconds(300), heartbeatInterval: Duration = .seconds(1),
        blocksInFlight: Int = Limits.blocksInFlight, hasSuccessor: Bool = false
    ) {
        self.minWorkers = minWorkers
        self.kernelLevel = kernelLevel
        self.suspicionTimeout = suspicionTimeout
        self.silenceTimeout = silenceTimeout
        self.progressTimeout = progressTimeout
        self.workerTimeout = workerTimeout
        self.heartbeatInterval = heartbeatInterval
        self.blocksInFlight = blocksInFlight
        self.hasSuccessor = hasSuccessor
    }

    var faultTimeouts: FaultDetector.Timeouts {
        .init(suspicion: suspicionTimeout, silence: silenceTimeout, progress: progressTimeout)
    }
}
