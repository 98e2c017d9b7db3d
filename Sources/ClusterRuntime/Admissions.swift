// Why: libzmq judges a key once, when a connection begins. A key that is taken off the list afterwards has to be judged
// with each message, and what its worker was doing has to go to others. It also names the worker: what a worker calls
// itself proves nothing.

import Cluster
import ZeroMQ

/// The keys of a coordinator.
public struct CoordinatorKeys: Sendable {
    public var own: SecretKey
    /// Who may take part.
    public var workers: AllowList

    public init(own: SecretKey, workers: AllowList) {
        self.own = own
        self.workers = workers
    }
}

/// The keys of a worker.
public struct WorkerKeys: Sendable {
    public var own: SecretKey
    /// Of the only coordinator that it talks to.
    public var coordinator: PublicKey

    public init(own: SecretKey, coordinator: PublicKey) {
        self.own = own
        self.coordinator = coordinator
    }
}

/// Which key each worker has come in by.
package struct Admissions {
    static let reason = "its key is not on the coordinator's list (any more)"

    private let list: AllowList
    private var keys: [WorkerID: PublicKey] = [:]
    private var generation: Int

    package init(_ list: AllowList) {
        self.list = list
        generation = list.generation
    }

    /// - Parameter key: by which the sender of a message has come in.
    /// - Returns: what its holder is called; nil when it may not speak, or not as `id`, which came in by another.
    package mutating func name(of id: WorkerID, with key: PublicKey?) -> String? {
        guard let key, let name = list.name(of: key), keys[id] ?? key == key else { return nil }
        keys[id] = key
        return name
    }

    /// Those whose keys have been taken off the list since this was asked last.
    package mutating func takeRevoked() -> [WorkerID] {
        let present = list.generation
        guard present != generation else { return [] }
        generation = present
        return keys.filter { list.name(of: $0.value) == nil }.keys.sorted()
    }

    /// Keeps nothing of those who are gone.
    package mutating func forget(unless isHere: (WorkerID) -> Bool) { keys = keys.filter { isHere($0.key) } }
}

extension WorkerMessage {
    /// A hello says who it is from: the name of the key, and what the worker calls itself in brackets.
    func signed(_ name: String) -> WorkerMessage {
        guard case .hello(var hello) = self else { return self }
        hello.name = "\(name) (\(hello.name))"
        return .hello(hello)
    }
}
