// Why: what users run is the binaries, so tests run them too: as processes, with signals and exit codes.

import Foundation
import Subprocess
import Synchronization
import SystemPackage

/// One of the project's programs, as built for this test run.
public struct Program: Sendable {
    public static let mf = Program(name: "mf")
    public static let coordinator = Program(name: "mf-coordinator")
    public static let worker = Program(name: "mf-worker")

    public let name: String

    /// Its executable, in the folder of the built programs: that of the test runner itself.
    public var path: String {
        URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path + "/" + name
    }

    /// How a program ended.
    public struct Output: Sendable {
        /// The exit code, or 128 + the number of the signal that ended it.
        public var status: Int32
        public var standardOutput: String
        public var standardError: String
    }

    /// Runs the program to its end.
    /// - Parameters:
    ///   - environment: variables beside those of the test run. `TMPDIR` is a folder of the program's own unless they
    ///     say otherwise: what it leaves there when it is killed goes with it.
    ///   - deadline: after so long it is killed.
    public func run(
        _ arguments: [String], input: String? = nil, environment: [String: String] = [:],
        deadline: Duration = .seconds(120)
    ) async throws -> Output {
        try await start(arguments, input: input, environment: environment, deadline: deadline).ending
    }

    /// Starts the program.
    public func start(
        _ arguments: [String], input: String? = nil, environment: [String: String] = [:],
        deadline: Duration = .seconds(120)
    ) async throws -> RunningProgram {
        let folder = try TemporaryFolder()
        func create(_ name: String) throws -> FileDescriptor {
            try FileDescriptor.open(
                folder(name), .readWrite, options: [.create, .truncate, .closeOnExec], permissions: .ownerReadWrite)
        }
        let (output, error, inputFile) = (try create("output"), try create("error"), try create("input"))
        if let input {
            try inputFile.writeAll(input.utf8)
            try inputFile.seek(offset: 0, from: .start)
        }
        try FileManager.default.createDirectory(atPath: folder("tmp"), withIntermediateDirectories: false)
        let variables = ["TMPDIR": folder("tmp")].merging(environment) { $1 }
        let path = path
        let (pids, pidContinuation) = AsyncThrowingStream.makeStream(of: Int32.self)
        let ending = Task { () throws -> Output in
            defer {
                try? output.close()
                try? error.close()
                try? inputFile.close()
                pidContinuation.finish()
            }
            let result = try await Subprocess.run(
                .path(FilePath(path)), arguments: Arguments(arguments),
                environment: .inherit.updating(
                    Dictionary(
                        uniqueKeysWithValues: variables.map { (Environment.Key(stringLiteral: $0.key), $0.value) })),
                input: .fileDescriptor(inputFile, closeAfterSpawningProcess: false),
                output: .fileDescriptor(output, closeAfterSpawningProcess: false),
                error: .fileDescriptor(error, closeAfterSpawningProcess: false)
            ) { execution in
                pidContinuation.yield(execution.processIdentifier.value)
            }
            let status: Int32 =
                switch result.terminationStatus {
                case .exited(let code): code
                case .signaled(let signal): 128 + signal
                }
            return Output(
                status: status, standardOutput: Self.read(folder("output")), standardError: Self.read(folder("error")))
        }
        var pid: Int32?
        for try await value in pids {
            pid = value
            break
        }
        guard let pid else {
            _ = try await ending.value
            throw CancellationError()
        }
        return RunningProgram(pid: pid, folder: folder, task: ending, deadline: deadline)
    }

    fileprivate static func read(_ path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
}

/// A program that was started; killed, if it still runs, when this object goes.
public final class RunningProgram: Sendable {
    public let pid: Int32
    private let folder: TemporaryFolder
    private let task: Task<Program.Output, any Error>
    private let watchdog: Task<Void, Never>
    private let hasEnded = Mutex(false)

    init(pid: Int32, folder: TemporaryFolder, task: Task<Program.Output, any Error>, deadline: Duration) {
        self.pid = pid
        self.folder = folder
        self.task = task
        watchdog = Task {
            guard (try? await Task.sleep(for: deadline)) != nil else { return }
            kill(pid, SIGKILL)
        }
    }

    deinit {
        watchdog.cancel()
        guard !hasEnded.withLock({ $0 }) else { return }
        kill(pid, SIGKILL)
        // Not reaped here, but dead: it writes no more into folders that are about to be removed.
        var info = siginfo_t()
        waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT)
    }

    /// How it ended, once it has.
    public var ending: Program.Output {
        get async throws {
            let output = try await task.value
            hasEnded.withLock { $0 = true }
            watchdog.cancel()
            return output
        }
    }

    public func signal(_ signal: Int32) { kill(pid, signal) }

    /// What it has written to standard error so far.
    public var standardError: String { Program.read(folder("error")) }

    /// Waits until standard error contains `text`.
    /// - Returns: false when it does not within `deadline`.
    public func says(_ text: String, within deadline: Duration = .seconds(60)) async -> Bool {
        let end = ContinuousClock.now + deadline
        while ContinuousClock.now < end {
            if standardError.contains(text) { return true }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return false
    }
}
