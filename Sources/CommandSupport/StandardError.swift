// Why: what is said to a person must never end the work that it is about. A log on a full disk, or a standard error
// that was closed, costs the words; Foundation's handle would end the process.

import Glibc

/// Where messages go that are no results.
public enum StandardError {
    /// Writes `text` as far as it can be written.
    public static func write(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let count = Glibc.write(STDERR_FILENO, rest.baseAddress!, rest.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return }
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
        }
    }
}
