// Why: whoever listens for workers of other hosts takes the same options for it, be it for one job or a search.

import ArgumentParser
import Cluster
import ClusterRuntime
import Failures
import Logging

/// How a coordinator deals with workers that were started elsewhere.
public struct CoordinatorOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Begin when so many workers are there. (default: 1)", valueName: "n"))
    public var minWorkers: Int?

    @Option(
        help: ArgumentHelp(
            "Fail after so long without any worker, or without enough to begin. (default: 300)", valueName: "seconds"))
    public var workerTimeout: Int?

    @Option(
        help: ArgumentHelp(
            "Give the blocks of a worker that was silent for so long to others too. (default: 5)", valueName: "seconds")
    )
    public var suspectAfter: Int?

    @Option(
        help: ArgumentHelp("Take a worker that was silent for so long for dead. (default: 30)", valueName: "seconds"))
    public var evictAfter: Int?

    @Option(
        help: ArgumentHelp(
            "Give up a worker that has blocks to solve and does not get on for so long. (default: 300)",
            valueName: "seconds"))
    public var progressTimeout: Int?

    @Option(help: ArgumentHelp("This coordinator's secret key, NAME.key_secret of mf keygen.", valueName: "file"))
    public var key: String?

    @Option(
        help: ArgumentHelp(
            "The folder with the .key files of the workers that may take part; read again whenever it changes.",
            valueName: "folder"))
    public var allow: String?

    @Flag(help: "Listen where strangers can connect, although there are no keys.")
    public var insecure = false

    public init() {}

    /// The first option that was given, if any was.
    public var given: String? {
        let options: [(String, Bool)] = [
            ("--min-workers", minWorkers != nil), ("--worker-timeout", workerTimeout != nil),
            ("--suspect-after", suspectAfter != nil), ("--evict-after", evictAfter != nil),
            ("--progress-timeout", progressTimeout != nil), ("--key", key != nil), ("--allow", allow != nil),
            ("--insecure", insecure),
        ]
        return options.first(where: \.1)?.0
    }

    /// What a coordinator needs to listen at `listen`; says in the log who may come.
    /// - Throws: a ``Failure`` of kind `usage` when a number is out of its range, or strangers could connect; as
    ///   ``KeyFiles`` when a key cannot be used.
    public func coordinator(
        listen: String, kernels: KernelOptions, logger: Logger
    ) throws(Failure) -> CoordinatorRuntime.Options {
        var settings = CoordinatorSettings(minWorkers: minWorkers ?? 1, kernelLevel: try kernels.level())
        try requireCount(settings.minWorkers, atMost: Limits.workerCount, option: "--min-workers")
        if let workerTimeout {
            try requireCount(workerTimeout, atMost: 1_000_000, option: "--worker-timeout")
            settings.workerTimeout = .seconds(workerTimeout)
        }
        func set(_ path: WritableKeyPath<CoordinatorSettings, Duration>, _ seconds: Int?, _ option: String)
            throws(Failure)
        {
            guard let seconds else { return }
            try requireCount(seconds, from: 2, atMost: 1_000_000, option: option)
            settings[keyPath: path] = .seconds(seconds)
        }
        try set(\.suspicionTimeout, suspectAfter, "--suspect-after")
        try set(\.silenceTimeout, evictAfter, "--evict-after")
        try set(\.progressTimeout, progressTimeout, "--progress-timeout")
        let endpoint = try Endpoint(listen)
        let keys = try readKeys()
        try endpoint.requireSafeToListen(hasKeys: keys != nil, isInsecure: insecure)
        if let keys, keys.workers.count == 0 {
            logger.warning("no worker may take part yet: there is no key in \(keys.workers.folder)")
        } else if let keys {
            logger.info("workers with one of the \(keys.workers.count) keys in \(keys.workers.folder) may take part")
        }
        if insecure { logger.warning("--insecure: whoever can connect to \(listen) can take part in this job") }
        return CoordinatorRuntime.Options(
            listen: endpoint, keys: keys, isInsecure: insecure, settings: settings, failpoints: try .fromEnvironment())
    }

    /// - Throws: a ``Failure`` when only one of the two is given, or one cannot be used.
    private func readKeys() throws(Failure) -> CoordinatorKeys? {
        switch (key, allow) {
        case (nil, nil): return nil
        case (let key?, let allow?):
            guard !insecure else {
                throw Failure(.usage, "there are keys", at: "--insecure", remedy: "leave the option out")
            }
            return CoordinatorKeys(own: try KeyFiles.readSecret(key), workers: try AllowList(folder: allow))
        default:
            throw Failure(
                .usage, "a coordinator with keys has its own and those of its workers",
                at: key == nil ? "--allow" : "--key", remedy: "give both --key and --allow")
        }
    }
}
