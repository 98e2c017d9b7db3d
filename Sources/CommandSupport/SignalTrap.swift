// Why: Ctrl-C and `kill` end a command cleanly: what it has begun is undone or finished, its processes are told.

import Dispatch
import Foundation
import Synchronization

/// While it lives, SIGINT, SIGTERM and SIGHUP call a handler instead of ending the process; a second SIGINT ends it at
/// once.
public final class SignalTrap: Sendable {
    /// The exit code of a command that a signal ended, as shells have it.
    public static func exitCode(of signal: Int32) -> Int32 { 128 + signal }

    // Safe to share: made in `init`, cancelled in `deinit`, and Dispatch's objects are thread-safe.
    nonisolated(unsafe) private let sources: [any DispatchSourceSignal]
    private let first = Mutex<Int32?>(nil)

    /// The first signal that came.
    public var received: Int32? { first.withLock { $0 } }

    /// - Parameter handler: called once, on a queue of Dispatch's, with the name of the signal.
    public init(_ handler: @escaping @Sendable (_ name: String) -> Void) {
        // Whoever started this with nohup wants it to outlive the terminal.
        let all = [(SIGINT, "SIGINT"), (SIGTERM, "SIGTERM"), (SIGHUP, "SIGHUP")]
        let names = all.filter { $0.0 != SIGHUP || !Self.isIgnored(SIGHUP) }
        sources = names.map { number, _ in
            signal(number, SIG_IGN)
            return DispatchSource.makeSignalSource(signal: number, queue: .global())
        }
        for (source, (number, name)) in zip(sources, names) {
            source.setEventHandler { [weak self] in
                guard let self else { return }
                let isFirst = self.first.withLock { first in
                    defer { if first == nil { first = number } }
                    return first == nil
                }
                if isFirst {
                    handler(name)
                } else if number == SIGINT {
                    _exit(Self.exitCode(of: SIGINT))
                }
            }
            source.resume()
        }
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0 else { return false }
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
            == unsafeBitCast(SIG_IGN, to: Int.self)
    }

    deinit {
        for source in sources { source.cancel() }
        signal(SIGINT, SIG_DFL)
        signal(SIGTERM, SIG_DFL)
        signal(SIGHUP, SIG_DFL)
    }
}
