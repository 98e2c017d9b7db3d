// Why: bounds on memory are tested on running processes, by what the kernel says they take.

import Foundation

/// What processes take of memory, in bytes.
public struct ProcessMemory: Sendable, Hashable {
    /// The proportional set size: pages that several processes have count once, in parts.
    public var proportional = 0
    /// Of it, what is no file's content, and which the system cannot take back.
    public var anonymous = 0

    /// Of all `pids` together; of one that has ended, nothing.
    public init(of pids: some Sequence<Int32>) {
        for pid in pids {
            guard let text = try? String(contentsOfFile: "/proc/\(pid)/smaps_rollup", encoding: .utf8) else { continue }
            for line in text.split(separator: "\n") {
                let words = line.split(separator: " ")
                guard words.count == 3, let kilobytes = Int(words[1]) else { continue }
                switch words[0] {
                case "Pss:": proportional += kilobytes << 10
                case "Pss_Anon:": anonymous += kilobytes << 10
                default: break
                }
            }
        }
    }

    /// The most that a process has had resident so far, mapped files included; 0 of one that has ended.
    public static func peak(of pid: Int32) -> Int {
        let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
        let words = line.split(whereSeparator: \.isWhitespace)
        guard words.count == 3, let kilobytes = Int(words[1]) else { return 0 }
        return kilobytes << 10
    }

    /// A process and all that it has started, as far as they live.
    public static func family(of pid: Int32) -> [Int32] {
        let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
        let children = tasks.flatMap { task in
            ((try? String(contentsOfFile: "/proc/\(pid)/task/\(task)/children", encoding: .utf8)) ?? "")
                .split(separator: " ").compactMap { Int32($0) }
        }
        return [pid] + children.flatMap { family(of: $0) }
    }
}
