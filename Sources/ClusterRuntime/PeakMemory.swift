// Why: what a command took of memory, in its own report, needs no other tool to measure.

import Foundation

/// The most memory that this process has had resident so far, in bytes; nil where the kernel does not say.
///
/// Pages of mapped files count while they are resident, though the system may take them back.
public func peakResidentByteCount() -> Int? {
    guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
        let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
        let kilobytes = line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Int($0) })
    else { return nil }
    return kilobytes << 10
}
