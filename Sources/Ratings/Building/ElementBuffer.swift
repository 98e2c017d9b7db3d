// Why: importing fills arrays of a billion elements from several threads, in places that are known beforehand;
// Swift arrays would be zeroed first and copied on the way to an ArrayView.
//
// Large buffers are mapped from the system: what is freed goes back at once, so that the peak is what is alive and
// not what malloc keeps for later; and huge pages make the scattered writes of sorting cheaper.

import ArrayFiles
import Failures
import Glibc

/// Memory for a fixed number of elements, not initialized. The one unchecked type of this module's parallel writes.
final class ElementBuffer<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
    // Unchecked: whoever fills a buffer in parallel gives each thread its own places in it, and all are filled
    // before anything is read (`concurrently` returns after its last piece); from then on nobody writes.
    let elements: UnsafeMutableBufferPointer<Element>
    private let isMapped: Bool

    /// From this size on, in bytes, buffers are mapped; from the other on, in huge pages where the system has them.
    private static var mappedByteCount: Int { 1 << 18 }
    private static var hugePagesByteCount: Int { 1 << 24 }

    /// - Throws: a ``Failure`` of kind `system` when a large buffer cannot be had.
    init(count: Int) throws(Failure) {
        let byteCount = count * MemoryLayout<Element>.stride
        if byteCount >= Self.mappedByteCount {
            let memory = try SystemMemory.map(byteCount, for: "ratings")
            if byteCount >= Self.hugePagesByteCount { madvise(memory, byteCount, MADV_HUGEPAGE) }
            elements = UnsafeMutableBufferPointer(
                start: memory.bindMemory(to: Element.self, capacity: count), count: count)
            isMapped = true
        } else {
            elements = .allocate(capacity: count)
            isMapped = false
        }
    }

    /// Memory for few elements, taken from the heap.
    init(few count: Int) {
        elements = .allocate(capacity: count)
        isMapped = false
    }

    convenience init(count: Int, repeating element: Element) throws(Failure) {
        try self.init(count: count)
        elements.initialize(repeating: element)
    }

    /// A copy of `source`.
    convenience init(_ source: UnsafeBufferPointer<Element>) throws(Failure) {
        try self.init(count: source.count)
        _ = elements.initialize(fromContentsOf: source)
    }

    deinit {
        if isMapped {
            munmap(elements.baseAddress, elements.count * MemoryLayout<Element>.stride)
        } else {
            elements.deallocate()
        }
    }

    var count: Int { elements.count }
    var pointer: UnsafeMutablePointer<Element> { elements.baseAddress! }
    var prefix: UnsafeBufferPointer<Element> { UnsafeBufferPointer(elements) }
}

extension ElementBuffer where Element: ArrayElement {
    /// The elements, once all are there.
    var view: ArrayView<Element> { ArrayView(UnsafeBufferPointer(elements), owner: self) }
}
