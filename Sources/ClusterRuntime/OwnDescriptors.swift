// Why: whoever can reach the port can connect until every descriptor that the system's limit allows is taken, and then
// neither a checkpoint nor the model could be written, nor the list of keys be read. The limit is one on each table of
// descriptors, and on Linux a thread can have a table of its own: what it opens there, connections cannot take from it.

import CLinux
import Glibc

/// Runs `body` on a new thread that has no descriptors but the three standard ones, and waits for it.
///
/// What `body` opens it has to close, and what others have opened it must not use, nor let go of: the numbers mean
/// something else there, or nothing. Threads that it started would have its table for as long as they live. Where the
/// system knows no such tables (Linux before 5.9), or gives no thread, everything is shared as usual.
public func withOwnDescriptors<Result, Problem: Error>(
    _ body: () throws(Problem) -> Result
) throws(Problem) -> Result {
    var outcome: Swift.Result<Result, Problem>?
    withoutActuallyEscaping({
        do throws(Problem) {
            outcome = .success(try body())
        } catch {
            outcome = .failure(error)
        }
    }) { run in
        let errand = Unmanaged.passRetained(Errand(run))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { errand in
                _ = clinux_own_descriptors()
                // Let go of before the thread ends: whoever waits for it then has the last reference again.
                Unmanaged<Errand>.fromOpaque(errand!).takeRetainedValue().run()
                return nil
            }, errand.toOpaque())
        if code == 0 {
            pthread_join(thread, nil)
        } else {
            errand.takeRetainedValue().run()
        }
    }
    return try outcome!.get()
}

/// What a thread is to do.
private final class Errand {
    let run: () -> Void

    init(_ run: @escaping () -> Void) { self.run = run }
}
