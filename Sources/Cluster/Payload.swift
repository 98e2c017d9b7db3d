// Why: bulk content goes from a solver to the coordinator and on to every worker without being copied: an immutable
// run of bytes and whatever keeps it alive. The coordinator's factors are such payloads, one a block, so a block
// that is still being sent is never overwritten.

import ArrayFiles
import Foundation
import Synchronization

/// Immutable bytes, aligned to 8, and their owner.
public final class Payload: Sendable {
    // Safe to share: nobody writes the bytes once the payload is made.
    nonisolated(unsafe) public let bytes: UnsafeRawBufferPointer
    private let owner: (any AnyObject & Sendable)?
    private let knownChecksum = Mutex<UInt64?>(nil)

    static let alignment = 8

    /// A payload of `bytes`, which `owner` keeps alive; copied if they are not aligned.
    public init(_ bytes: UnsafeRawBufferPointer, owner: any AnyObject & Sendable) {
        if UInt(bitPattern: bytes.baseAddress) % UInt(Self.alignment) == 0 {
            self.bytes = bytes
            self.owner = owner
        } else {
            let copy = OwnedBytes(byteCount: bytes.count)
            copy.bytes.copyMemory(from: bytes)
            self.bytes = UnsafeRawBufferPointer(copy.bytes)
            self.owner = copy
        }
    }

    /// XXH64 of the bytes, computed once, when it is asked for.
    public var checksum: UInt64 {
        if let known = knownChecksum.withLock({ $0 }) { return known }
        let checksum = Checksum.of(bytes)
        knownChecksum.withLock { $0 = checksum }
        return checksum
    }

    /// A payload of `byteCount` bytes that `fill` writes.
    public convenience init<E: Error>(
        byteCount: Int, _ fill: (UnsafeMutableRawBufferPointer) throws(E) -> Void
    ) throws(E) {
        let memory = OwnedBytes(byteCount: byteCount)
        try fill(memory.bytes)
        self.init(UnsafeRawBufferPointer(memory.bytes), owner: memory)
    }

    /// A payload that shares the bytes `range` of this one.
    public func slice(_ range: Range<Int>) -> Payload {
        Payload(UnsafeRawBufferPointer(rebasing: bytes[range]), owner: self)
    }

    /// A payload of the bytes of `parts`, one after the other.
    convenience init(joining parts: [Payload]) {
        self.init(byteCount: parts.reduce(0) { $0 + $1.bytes.count }) { bytes in
            var cursor = bytes.baseAddress!
            for part in parts {
                if let start = part.bytes.baseAddress { cursor.copyMemory(from: start, byteCount: part.bytes.count) }
                cursor += part.bytes.count
            }
        }
    }

    /// The bytes as single-precision numbers.
    public var floats: UnsafeBufferPointer<Float> { bytes.bindMemory(to: Float.self) }

    /// Whether all of these are finite.
    var isFinite: Bool { floats.allSatisfy(\.isFinite) }
}

/// Memory of our own.
private final class OwnedBytes: Sendable {
    nonisolated(unsafe) let bytes: UnsafeMutableRawBufferPointer

    init(byteCount: Int) {
        // Zero, so that no padding tells what stood there; aligned to 16 by the C library.
        bytes = UnsafeMutableRawBufferPointer(start: calloc(max(byteCount, 1), 1)!, count: byteCount)
    }

    deinit { free(bytes.baseAddress) }
}
