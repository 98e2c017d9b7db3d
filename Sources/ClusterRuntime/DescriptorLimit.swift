// Why: whoever can reach the port can connect, and each connection takes a descriptor until its handshake is over or
// 5 s have passed. At the usual limit of 1024 a stranger would have them all within a second, and no worker could come
// any more.

import Glibc

/// How many files and connections this process may have open.
enum DescriptorLimit {
    /// Far more than the workers that can be; at some 5 KiB a connection in libzmq, 80 MiB.
    private static let most: rlim_t = 1 << 14

    /// Raises it as far as the system lets it, and sense allows.
    static func raise() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < most else { return }
        limit.rlim_cur = min(limit.rlim_max, most)
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
