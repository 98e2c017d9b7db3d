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

    /// A payload of a copy of `bytes`; nil when the operating system does not give the memory.
    package convenience init?(copying bytes: UnsafeRawBufferPointer) {
        guard let memory = OwnedBytes(trying: bytes.count) else { return nil }
        memory.bytes.copyMemory(from: bytes)
        self.init(UnsafeRawBufferPointer(memory.bytes), owner: memory)
    }

    /// A payload that shares the bytes `range` of this one.
    public func slice(_ range: Range<Int>) -> Payload {
        Payload(UnsafeRawBufferPointer(rebasing: bytes[range]), owner: self)
    }

    /// The bytes as single-precision numbers.
    public var floats: UnsafeBufferPointer<Float> { bytes.bindMemory(to: Float.self) }

    /// Whether all of these are finite.
    var isFinite: Bool {
        // Without a branch a number, so that it runs as fast as the memory; all exponent bits are set in what is not
        // finite.
        let greatest = bytes.bindMemory(to: Int32.self).reduce(0) { max($0, $1 & 0x7FFF_FFFF) }
        return greatest < 0x7F80_0000
    }
}

/// A payload that comes in parts, of a length that is known before. The parts are copied, so that they do not take
/// memory beside the whole.
struct PayloadAssembly {
    private let memory: OwnedBytes
    private(set) var filled = 0

    /// - Returns: nil when the operating system does not give the memory.
    init?(byteCount: Int) {
        guard let memory = OwnedBytes(trying: byteCount) else { return nil }
        self.memory = memory
    }

    var isWhole: Bool { filled == memory.bytes.count }

    /// - Precondition: `part` is not longer than what is missing.
    mutating func append(_ part: Payload) {
        let place = UnsafeMutableRawBufferPointer(rebasing: memory.bytes[filled..<filled + part.bytes.count])
        place.copyMemory(from: part.bytes)
        filled += part.bytes.count
    }

    /// The whole, which is not written to any more.
    var payload: Payload { Payload(UnsafeRawBufferPointer(memory.bytes), owner: memory) }
}

/// Memory of our own.
private final class OwnedBytes: Sendable {
    nonisolated(unsafe) let bytes: UnsafeMutableRawBufferPointer

    init(byteCount: Int) {
        bytes = Self.allocate(byteCount)!
    }

    init?(trying byteCount: Int) {
        guard let bytes = Self.allocate(byteCount) else { return nil }
        self.bytes = bytes
    }

    /// Zero, so that no padding tells what stood there; aligned to 16 by the C library.
    private static func allocate(_ byteCount: Int) -> UnsafeMutableRawBufferPointer? {
        calloc(max(byteCount, 1), 1).map { UnsafeMutableRawBufferPointer(start: $0, count: byteCount) }
    }

    deinit { free(bytes.baseAddress) }
}
