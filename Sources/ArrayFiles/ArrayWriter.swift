// Why: arrays larger than memory are written piece by piece, and their checksum is known when the last piece is.

import Failures

/// Writes one `.npy` file of known shape, front to back.
public struct ArrayWriter<Element: ArrayElement>: ~Copyable {
    public var path: String { file.path }
    private let file: OutputFile
    private let elementCount: Int
    private var written = 0
    private var checksum = Checksum()

    /// Creates the file, which must not exist, and writes its header.
    public init(path: String, shape: [Int]) throws(Failure) {
        let file = try OutputFile(path: path)
        try file.write(ArrayHeader(elementType: Element.elementType, shape: shape).encoded)
        self.file = file
        elementCount = shape.reduce(1, *)
    }

    /// Writes the next elements.
    public mutating func append(_ elements: UnsafeBufferPointer<Element>) throws(Failure) {
        precondition(written + elements.count <= elementCount, "more elements than the shape holds")
        let bytes = UnsafeRawBufferPointer(elements)
        try file.write(bytes)
        checksum.update(bytes)
        written += elements.count
    }

    /// Syncs the file.
    /// - Returns: the checksum of the elements.
    public consuming func finish() throws(Failure) -> UInt64 {
        precondition(written == elementCount, "fewer elements than the shape holds")
        try file.sync()
        return checksum.value
    }

    /// Writes a whole array that will not be read soon, without a checksum, past the page cache (see `OutputFile`).
    /// - Parameter runs: its elements, in order.
    public static func archive(
        _ runs: some Sequence<UnsafeBufferPointer<Element>>, shape: [Int], to path: String
    ) throws(Failure) {
        let file = try OutputFile(path: path, isCached: false)
        try file.write(ArrayHeader(elementType: Element.elementType, shape: shape).encoded)
        var count = 0
        for run in runs {
            try file.write(UnsafeRawBufferPointer(run))
            count += run.count
        }
        precondition(count == shape.reduce(1, *), "the runs are not the array")
        try file.sync()
    }

    /// Writes a whole array at once.
    /// - Returns: the checksum of the elements.
    @discardableResult
    public static func write(
        _ elements: UnsafeBufferPointer<Element>, shape: [Int]? = nil, to path: String
    ) throws(Failure) -> UInt64 {
        var writer = try ArrayWriter(path: path, shape: shape ?? [elements.count])
        try writer.append(elements)
        return try writer.finish()
    }

    /// Writes a whole array at once.
    /// - Returns: the checksum of the elements.
    @discardableResult
    public static func write(_ array: [Element], shape: [Int]? = nil, to path: String) throws(Failure) -> UInt64 {
        try array.withUnsafeBufferThrowing { elements throws(Failure) in
            try write(elements, shape: shape, to: path)
        }
    }
}

/// Writes a file that is no array (JSON, text lines), which must not exist, and syncs it.
/// - Parameter head: what is to stand before `bytes`.
public func writeFile(_ bytes: UnsafeRawBufferPointer, after head: [UInt8] = [], to path: String) throws(Failure) {
    let file = try OutputFile(path: path)
    try file.write(head)
    try file.write(bytes)
    try file.sync()
}

/// Writes a file that is no array (JSON, text lines), which must not exist, and syncs it.
public func writeFile(_ bytes: [UInt8], to path: String) throws(Failure) {
    try bytes.withUnsafeBufferThrowing { elements throws(Failure) in
        try writeFile(UnsafeRawBufferPointer(elements), to: path)
    }
}

extension Array {
    // The standard library's `withUnsafeBufferPointer` loses the type of the error.
    func withUnsafeBufferThrowing<Result>(
        _ body: (UnsafeBufferPointer<Element>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var outcome: Swift.Result<Result, Failure>?
        withUnsafeBufferPointer { elements in
            do throws(Failure) { outcome = .success(try body(elements)) } catch { outcome = .failure(error) }
        }
        return try outcome!.get()
    }
}
