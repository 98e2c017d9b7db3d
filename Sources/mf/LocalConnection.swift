// Why: workers of this machine reach their coordinator by a socket in a folder that only this user can enter. A
// benchmark can have them reach it as those of a cluster do, over tcp and with keys, which are made for the job and go
// with it.

import ClusterRuntime
import Failures
import Glibc

/// How the workers of a local job reach its coordinator.
struct LocalConnection: Sendable {
    /// Where the coordinator listens; nil for a socket of the job's own.
    var listen: Endpoint?
    /// Whether both sides have keys.
    var hasKeys = false

    /// `tcp` or `ipc`.
    var transport: String { if case .tcp = listen?.transport { "tcp" } else { "ipc" } }

    /// What it takes for one job.
    struct Prepared: Sendable {
        let endpoint: Endpoint
        let keys: CoordinatorKeys?
        /// The options of `mf-worker` that each worker has for itself.
        let workerArguments: [[String]]
    }

    /// - Throws: a ``Failure`` of kind `usage` when workers of this machine are not all that can reach the address.
    func validate() throws(Failure) {
        guard let listen, !listen.isLocal else { return }
        throw Failure(
            .usage, "other machines can connect to this address, and the workers are processes of this one",
            at: "--listen \(listen)", remedy: "give tcp://127.0.0.1:* or ipc://PATH")
    }

    /// Makes the keys of a job with `workers` workers.
    /// - Parameter folder: where the keys are, and the socket.
    func prepare(workers: Int, in folder: ScratchFolder) throws(Failure) -> Prepared {
        let endpoint = if let listen { listen } else { try Endpoint("ipc://\(folder("coordinator"))") }
        guard hasKeys else {
            return Prepared(endpoint: endpoint, keys: nil, workerArguments: Array(repeating: [], count: workers))
        }
        let coordinator = try KeyFiles.create(folder("coordinator"))
        let list = folder("workers")
        try systemCall("make the folder", at: list, kind: .cannotCreate) { mkdir(list, 0o700) }
        var arguments: [[String]] = []
        for number in 1...workers {
            let own = try KeyFiles.create("\(list)/worker\(number)")
            arguments.append(["--key", own.secretKey, "--coordinator-key", coordinator.publicKey])
        }
        return Prepared(
            endpoint: endpoint,
            keys: CoordinatorKeys(
                own: try KeyFiles.readSecret(coordinator.secretKey), workers: try AllowList(folder: list)),
            workerArguments: arguments)
    }
}
