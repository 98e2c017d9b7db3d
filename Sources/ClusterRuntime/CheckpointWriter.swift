// Why: disks are slow, and the coordinator's thread must not wait for one. Checkpoints are written on a queue of their
// own while the next half-step runs. When the disk is slower than the half-steps, only the newest waits: of several
// that are due, the last is the one worth having.

import Cluster
import Dispatch
import Failures
import Synchronization
import Training
import ZeroMQ

/// Writes a job's checkpoints into their folder.
final class CheckpointWriter: Sendable {
    private struct State {
        var waiting: Checkpoint?
        var isWriting = false
        var failure: Failure?
        /// The newest checkpoint, if it was not due.
        var spare: Checkpoint?
        var hasFinished = false
    }

    let folder: CheckpointFolder
    let envelope: Envelope
    private let every: Int
    private let waker: Waker
    private let failpoints: Failpoints
    private let queue = DispatchQueue(label: "checkpoints")
    private let state = Mutex(State())

    /// - Parameters:
    ///   - every: a checkpoint is due after so many half-steps.
    ///   - waker: woken when one cannot be written.
    init(_ folder: CheckpointFolder, envelope: Envelope, every: Int, waker: Waker, failpoints: Failpoints) {
        self.folder = folder
        self.envelope = envelope
        self.every = every
        self.waker = waker
        self.failpoints = failpoints
    }

    /// Why no more checkpoints are written; nil when all is well.
    var failure: Failure? { state.withLock { $0.failure } }

    /// Takes in a checkpoint, which is written soon if it is due.
    func take(_ checkpoint: Checkpoint) {
        let isDue = checkpoint.record.next.index.isMultiple(of: every)
        let mustStart = state.withLock { state in
            state.spare = isDue ? nil : checkpoint
            guard isDue else { return false }
            state.waiting = checkpoint
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if mustStart { queue.async { [self] in write() } }
    }

    /// Writes what is not written yet, and waits for it, for so long: the coordinator ends.
    /// - Returns: what is wrong when the last state of the job is not on disk.
    func finish() -> Failure? {
        let isFirst = state.withLock { state in
            defer { state.hasFinished = true }
            if let spare = state.spare { (state.spare, state.waiting) = (nil, spare) }
            return !state.hasFinished
        }
        guard isFirst else { return failure }
        let done = DispatchSemaphore(value: 0)
        queue.async { [self] in
            write()
            done.signal()
        }
        guard done.wait(timeout: .now() + Self.patience) == .success else {
            return Failure(
                .inputOutput, "the last checkpoint could not be written within \(Int(Self.patience)) s",
                at: folder.path,
                remedy: "see whether the disk still answers; then start it again with --resume, from the one before")
        }
        return failure
    }

    /// Seconds: a coordinator that is told to end shall do so within ten.
    private static let patience = 6.0

    private func write() {
        while let checkpoint = state.withLock({ state -> Checkpoint? in
            defer { state.waiting = nil }
            if state.waiting == nil || state.failure != nil { state.isWriting = false }
            return state.failure == nil ? state.waiting : nil
        }) {
            do throws(Failure) {
                try withOwnDescriptors { () throws(Failure) in
                    try folder.write(checkpoint, of: envelope, failpoints: failpoints)
                }
            } catch {
                state.withLock { state in
                    state.failure = Failure(
                        error.kind, "a checkpoint cannot be written: \(error.what)", at: error.place,
                        remedy: [
                            error.remedy, "then start it again with --resume: the checkpoints before it are whole",
                        ]
                        .filter { !$0.isEmpty }.joined(separator: ", "))
                }
                waker.wake()
            }
        }
    }
}
