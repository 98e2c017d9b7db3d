// Why: between two jobs there is nobody to take in a worker, and it must neither give up nor be forgotten: its hello is
// kept for the next job.

/// The workers that have come since the last job ended.
public struct Lobby: Sendable {
    private var hellos: [WorkerID: Parcel<WorkerMessage>] = [:]

    public init() {}

    /// Takes in a message.
    /// - Returns: the answer, if there is one.
    public mutating func receive(_ parcel: Parcel<WorkerMessage>, from id: WorkerID) -> CoordinatorMessage? {
        switch parcel.message {
        case .hello:
            guard hellos[id] != nil || hellos.count < Limits.workerCount else { return nil }
            hellos[id] = parcel
            return .heartbeat(sent: 0)
        case .goodbye:
            hellos[id] = nil
            return nil
        // Of a membership in the last job.
        default: return nil
        }
    }

    /// Forgets a worker that cannot be reached, or may not take part any more.
    public mutating func forget(_ id: WorkerID) { hellos[id] = nil }

    /// Whether the hello of `id` is kept.
    public func knows(_ id: WorkerID) -> Bool { hellos[id] != nil }

    /// Lets everyone out, in the order of their ids.
    public mutating func leave() -> [(id: WorkerID, hello: Parcel<WorkerMessage>)] {
        defer { hellos = [:] }
        return hellos.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}
