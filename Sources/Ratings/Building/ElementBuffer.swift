// Why: importing fills arrays of a billion elements from several threads, in places that are known beforehand;
// Swift arrays would be zeroed first and copied on the way to an ArrayView.

import ArrayFiles

/// Memory for a fixed number of elements, not initialized. The one unchecked type of this module's parallel writes.
final class ElementBuffer<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
    // Unchecked: whoever fills a buffer in parallel gives each thread its own places in it, and all are filled
    // before anything is read (`concurrently` returns after its last piece); from then on nobody writes.
    let elements: UnsafeMutableBufferPointer<Element>

    init(count: Int) {
        elements = .allocate(capacity: count)
    }

    convenience init(count: Int, repeating element: Element) {
        self.init(count: count)
        elements.initialize(repeating: element)
    }

    /// A copy of `source`.
    convenience init(_ source: UnsafeBufferPointer<Element>) {
        self.init(count: source.count)
        _ = elements.initialize(fromContentsOf: source)
    }

    deinit { elements.deallocate() }

    var count: Int { elements.count }
    var pointer: UnsafeMutablePointer<Element> { elements.baseAddress! }
    var prefix: UnsafeBufferPointer<Element> { UnsafeBufferPointer(elements) }
}

extension ElementBuffer where Element: ArrayElement {
    /// The elements, once all are there.
    var view: ArrayView<Element> { ArrayView(UnsafeBufferPointer(elements), owner: self) }
}
