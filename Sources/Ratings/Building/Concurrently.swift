// Why: parsing, sorting and checking all run as independent pieces on every core, and any piece may fail.

import Dispatch
import Failures
import Synchronization

/// Runs `body` for 0, 1, ... `count - 1` in parallel.
/// - Returns: the results in order.
/// - Throws: the failure of the lowest number that failed; one of kind `system` when there is no memory for threads.
func concurrently<Result: Sendable>(
    _ count: Int, _ body: @Sendable (Int) throws(Failure) -> Result
) throws(Failure) -> [Result] {
    try SystemMemory.requireReserve()
    let outcomes = Mutex<[Swift.Result<Result, Failure>?]>(Array(repeating: nil, count: count))
    DispatchQueue.concurrentPerform(iterations: count) { index in
        let outcome: Swift.Result<Result, Failure>
        do throws(Failure) { outcome = .success(try body(index)) } catch { outcome = .failure(error) }
        outcomes.withLock { $0[index] = outcome }
    }
    var results: [Result] = []
    results.reserveCapacity(count)
    for outcome in outcomes.withLock({ $0 }) { results.append(try outcome!.get()) }
    return results
}
