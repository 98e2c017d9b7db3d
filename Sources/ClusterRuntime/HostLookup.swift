// Why: libzmq tries a host whose name means nothing again and again, in silence. A worker says so: once when it starts,
// and again as the reason when it gives up. The system's resolver may take half a minute, which nobody waits for.

import Foundation
import Synchronization

/// What comes of looking up the host of an address.
final class HostLookup: Sendable {
    private let found = Mutex<String?>(nil)

    /// Begins to look it up, where it has a name to look up.
    /// - Parameter warn: told, on a thread of its own, what is wrong.
    init(_ endpoint: Endpoint, warn: @escaping @Sendable (String) -> Void) {
        guard case .tcp(let host, _) = endpoint.transport, Endpoint.address(host) == nil,
            !host.contains("["), !host.contains(";")
        else { return }
        Thread.detachNewThread { [self] in
            guard let reason = Self.lookUp(host) else { return }
            found.withLock { $0 = "the host \(host) had no IPv4 address: \(reason)" }
            warn("the host \(host) has no IPv4 address: \(reason); trying on")
        }
    }

    /// What was wrong; nil as long as nothing is known to be.
    var defect: String? { found.withLock { $0 } }

    /// Takes in that the host was reached: by now its name means something.
    func dismiss() { found.withLock { $0 = nil } }

    /// - Returns: why `host` has no address; nil when it has one.
    private static func lookUp(_ host: String) -> String? {
        var hints = addrinfo()
        // libzmq looks for no others unless the address is written in brackets.
        hints.ai_family = AF_INET
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, nil, &hints, &found)
        guard code != 0 else {
            freeaddrinfo(found)
            return nil
        }
        return String(cString: gai_strerror(code))
    }
}
