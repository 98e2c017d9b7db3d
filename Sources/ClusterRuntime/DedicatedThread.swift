// Why: the runtimes block in `Socket.wait`; a thread of Swift's cooperative pool must not.

import Failures
import Foundation

/// Runs `body` on a thread of its own and waits for it without blocking the caller's thread.
public func onDedicatedThread<Result: Sendable>(
    named name: String, _ body: @escaping @Sendable () throws(Failure) -> Result
) async throws(Failure) -> Result {
    let result = await withCheckedContinuation {
        (continuation: CheckedContinuation<Swift.Result<Result, Failure>, Never>) in
        let thread = Thread {
            do throws(Failure) {
                continuation.resume(returning: .success(try body()))
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        thread.name = name
        thread.start()
    }
    return try result.get()
}
