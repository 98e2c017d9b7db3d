// Why: the one place where the compiler takes our word that threads do not disturb each other.

import Dispatch

/// Runs `body` for 0, 1, ... `count - 1` at the same time and returns when all have ended; their writes are then seen.
///
/// `body` must write nothing that another index reads or writes, but for atomics.
package func performConcurrently(_ count: Int, _ body: (Int) -> Void) {
    if count == 1 { return body(0) }
    withoutActuallyEscaping(body) { body in
        let shared = SharedBody(run: body)
        DispatchQueue.concurrentPerform(iterations: count) { shared.run($0) }
    }
}

private struct SharedBody: @unchecked Sendable {
    // Unchecked: the caller's promise above.
    let run: (Int) -> Void
}
