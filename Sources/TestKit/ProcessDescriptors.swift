// Why: programs that run out of descriptors are tested by taking the descriptors from them while they run.

import CLinux
import ClusterRuntime
import Failures
import Foundation

/// The files and connections that a process has open.
public enum ProcessDescriptors {
    /// How many; 0 of a process that has ended.
    public static func count(of pid: Int32) -> Int {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd")) ?? []).count
    }

    /// Whether a thread can have descriptors of its own here, as Linux lets it from 5.9 on.
    public static let canBeOfOneThread: Bool = {
        let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer { close(descriptor) }
        return withOwnDescriptors { fcntl(descriptor, F_GETFD) } == -1
    }()

    /// Lets a running process have so many at most, whatever it asks for.
    /// - Throws: a ``Failure``.
    public static func limit(_ pid: Int32, to count: Int) throws(Failure) {
        var limit = rlimit(rlim_cur: rlim_t(count), rlim_max: rlim_t(count))
        try systemCall("limit the open files", at: "process \(pid)") {
            prlimit(pid, Int32(RLIMIT_NOFILE.rawValue), &limit, nil)
        }
    }
}
