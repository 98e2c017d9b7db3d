// Why: whoever can reach the port can connect until every descriptor that the system's limit allows is taken, and then
// a checkpoint or the model could not be written, nor the list of keys be read. The limit is one on each table of descriptors, and on Linux a thread
// can have a table of its own: what files it opens there, connections cannot take from it.

import CLinux
import Foundation

/// Runs `body` on a new thread that has no descriptors but the three standard ones, and waits for it. What it opens it
/// has to close: nobody else can. Where the system knows no such threads (Linux before 5.9) it shares descriptors with
/// all others.
public func withOwnDescriptors<Result: Sendable, Problem: Error>(
    _ body: @escaping @Sendable () throws(Problem) -> Result
) throws(Problem) -> Result {
    let outcome = Outcome<Result, Problem>()
    let thread = Thread {
        _ = clinux_own_descriptors()
        do throws(Problem) {
            outcome.result = .success(try body())
        } catch {
            outcome.result = .failure(error)
        }
        outcome.isThere.signal()
    }
    thread.name = "files"
    thread.start()
    outcome.isThere.wait()
    return try outcome.result!.get()
}

/// What comes of a thread that is waited for: written before the signal, read after it.
private final class Outcome<Value: Sendable, Problem: Error>: @unchecked Sendable {
    let isThere = DispatchSemaphore(value: 0)
    var result: Result<Value, Problem>?
}
