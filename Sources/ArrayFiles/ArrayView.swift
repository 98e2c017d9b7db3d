// Why: the rest of the program reads arrays in the same way whether they are mapped from a file, came in a
// message, or were made in memory.

import Failures

/// A read-only, contiguous array of one or two dimensions in C order, and whatever keeps its memory alive.
///
/// Copying a view copies no elements.
public struct ArrayView<Element: ArrayElement>: @unchecked Sendable {
    // Unchecked: the elements are never written while a view exists, and `owner` keeps them alive; an owner
    // is either one of our Sendable classes or a private box that nothing else refers to.
    /// Valid as long as a view of them is: keep the view in a variable, and not only in the expression that made it.
    public let elements: UnsafeBufferPointer<Element>
    public let shape: [Int]
    private let owner: AnyObject?

    /// A view of `elements`, which `owner` keeps alive and unchanged.
    public init(_ elements: UnsafeBufferPointer<Element>, shape: [Int]? = nil, owner: AnyObject?) {
        self.elements = elements
        self.shape = shape ?? [elements.count]
        self.owner = owner
        precondition(self.shape.reduce(1, *) == elements.count, "the shape does not fit the elements")
    }

    /// A view of a copy of `array`.
    public init(_ array: [Element], shape: [Int]? = nil) {
        let copy = OwnedElements(array)
        self.init(UnsafeBufferPointer(copy.elements), shape: shape, owner: copy)
    }

    /// Maps the `.npy` file at `path`.
    /// - Throws: a ``Failure``: `noInput` when it cannot be opened, `badData` when it is not an array of `Element`
    ///   with `dimensions` dimensions, or its length is not what its header says.
    public init(mapping path: String, dimensions: Int = 1) throws(Failure) {
        let file = try MappedFile(path: path)
        let (header, offset) = try ArrayHeader.decode(file.bytes, path: path)
        guard header.elementType == Element.elementType else {
            throw Failure(
                .badData, "elements are \(header.elementType.rawValue), not \(Element.elementType.rawValue)", at: path,
                remedy: "write the file again")
        }
        guard header.shape.count == dimensions else {
            throw Failure(
                .badData, "\(header.shape.count) dimensions, not \(dimensions)", at: path,
                remedy: "write the file again")
        }
        let stride = MemoryLayout<Element>.stride
        guard let count = header.elementCount, count <= Int.max / stride - offset,
            file.bytes.count == offset + count * stride
        else {
            throw Failure(
                .badData,
                "the file has \(file.bytes.count) bytes, not the number that its header \(header.shape) calls for",
                at: path, remedy: "the file was cut off or overwritten: write it again")
        }
        let elements = UnsafeRawBufferPointer(rebasing: file.bytes[offset...]).bindMemory(to: Element.self)
        self.init(elements, shape: header.shape, owner: file)
    }

    public var count: Int { elements.count }

    /// The file that the elements are mapped from; nil when they are in memory.
    public var file: MappedFile? { owner as? MappedFile }

    @inlinable
    public subscript(index: Int) -> Element { elements[index] }

    /// A view of part of a one-dimensional array.
    public func slice(_ range: Range<Int>) -> ArrayView {
        precondition(shape.count == 1)
        return ArrayView(UnsafeBufferPointer(rebasing: elements[range]), owner: owner)
    }

    /// XXH64 of the elements' bytes.
    public var checksum: UInt64 { Checksum.of(UnsafeRawBufferPointer(elements)) }
}

/// Elements in memory of their own.
private final class OwnedElements<Element: BitwiseCopyable> {
    let elements: UnsafeMutableBufferPointer<Element>

    init(_ array: [Element]) {
        elements = .allocate(capacity: array.count)
        _ = elements.initialize(from: array)
    }

    deinit { elements.deallocate() }
}
