// Why: anyone's NumPy opens our arrays, and nothing that is not exactly such an array is ever mapped.

import ArrayFiles
import Failures
import Foundation
import TestKit
import Testing

@Suite struct ArrayFileTests {
    @Test func theBytesAreThoseOfNumPy() throws {
        let folder = try TemporaryFolder()
        try ArrayWriter<Float>.write([1, 2, 3, 4, 5, -6.5], shape: [2, 3], to: folder("a.npy"))
        // numpy.save of the same array: the header is padded to 128 bytes.
        let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
        var expected: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0, 118, 0]
        expected += Array(text.utf8) + Array(repeating: 0x20, count: 118 - text.utf8.count - 1) + [0x0A]
        #expect(expected.count == 128)
        for value: Float in [1, 2, 3, 4, 5, -6.5] {
            expected += (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
        }
        #expect(Array(try Data(contentsOf: URL(fileURLWithPath: folder("a.npy")))) == expected)
    }

    @Test(arguments: [
        (ElementType.uint8, "|u1", 1), (.int16, "<i2", 2), (.uint32, "<u4", 4), (.int64, "<i8", 8),
        (.float32, "<f4", 4),
        (.float64, "<f8", 8),
    ])
    func headersNameTheTypeAndTheShape(_ type: ElementType, _ name: String, _ byteCount: Int) {
        #expect(type.rawValue == name && type.byteCount == byteCount)
        for (shape, tuple) in [
            ([7], "(7,)"), ([0], "(0,)"), ([3, 4], "(3, 4)"), ([123_456_789_012], "(123456789012,)"),
        ] {
            let bytes = ArrayHeader(elementType: type, shape: shape).encoded
            #expect(bytes.count % 64 == 0)
            #expect(
                String(decoding: bytes[10...], as: UTF8.self).hasPrefix(
                    "{'descr': '\(name)', 'fortran_order': False, 'shape': \(tuple), } "))
            #expect(bytes.last == 0x0A)
        }
    }

    /// Around the size of the buffer by way of which they are written, and in runs that do not fit it.
    @Test(arguments: [0, 1, 1000, 262_111, 262_112, 262_113, 600_000])
    func whatGoesPastThePageCacheHasTheSameBytes(count: Int) throws {
        let folder = try TemporaryFolder()
        let elements = (0..<count).map { Float($0) / 3 }
        try ArrayWriter<Float>.write(elements, to: folder("cached.npy"))
        try elements.withUnsafeBufferPointer { elements in
            let runs = stride(from: 0, to: count, by: 7001).map { start in
                UnsafeBufferPointer(rebasing: elements[start..<min(start + 7001, count)])
            }
            try ArrayWriter.archive(runs, shape: [count], to: folder("past.npy"))
        }
        #expect(
            try Data(contentsOf: URL(fileURLWithPath: folder("past.npy")))
                == Data(contentsOf: URL(fileURLWithPath: folder("cached.npy"))))
    }

    private func roundTrip<Element: ArrayElement & Equatable>(_ elements: [Element], _ folder: TemporaryFolder) throws {
        let path = folder("\(Element.self)-\(elements.count).npy")
        let checksum = try ArrayWriter<Element>.write(elements, to: path)
        let view = try ArrayView<Element>(mapping: path)
        #expect(Array(view.elements) == elements && view.shape == [elements.count])
        #expect(view.checksum == checksum && ArrayView(elements).checksum == checksum)
    }

    @Test func everyTypeIsReadBack() throws {
        let folder = try TemporaryFolder()
        for count in [0, 1, 1000] {
            try roundTrip((0..<count).map { UInt8($0 % 256) }, folder)
            try roundTrip((0..<count).map { Int16($0) - 500 }, folder)
            try roundTrip((0..<count).map { UInt32.max - UInt32($0) }, folder)
            try roundTrip((0..<count).map { Int64.min + Int64($0) }, folder)
            try roundTrip((0..<count).map { Float($0) / 3 }, folder)
            try roundTrip((0..<count).map { Double($0) / 3 }, folder)
        }
    }

    @Test func piecesAreWrittenAsOneArray() throws {
        let folder = try TemporaryFolder()
        let elements = (0..<100).map { Int64($0) }
        let whole = try ArrayWriter<Int64>.write(elements, shape: [20, 5], to: folder("whole.npy"))
        var writer = try ArrayWriter<Int64>(path: folder("pieces.npy"), shape: [20, 5])
        for piece in [0..<1, 1..<1, 1..<64, 64..<100] {
            try elements[piece].withUnsafeBufferPointer { try writer.append($0) }
        }
        #expect(try writer.finish() == whole)
        #expect(FileManager.default.contentsEqual(atPath: folder("whole.npy"), andPath: folder("pieces.npy")))
        let view = try ArrayView<Int64>(mapping: folder("pieces.npy"), dimensions: 2)
        #expect(view.shape == [20, 5])
    }

    @Test func slicesShareTheElements() {
        let view = ArrayView<Int16>([5, 6, 7, 8])
        #expect(Array(view.slice(1..<3).elements) == [6, 7])
        #expect(view.slice(4..<4).count == 0)
        #expect(view.slice(1..<3).elements.baseAddress == view.elements.baseAddress! + 1)
    }

    @Test func aFileThatExistsIsNotOverwritten() throws {
        let folder = try TemporaryFolder()
        try ArrayWriter<UInt8>.write([1], to: folder("a.npy"))
        let failure = #expect(throws: Failure.self) { try ArrayWriter<UInt8>.write([2], to: folder("a.npy")) }
        #expect(failure?.kind == .cannotCreate && failure?.place == folder("a.npy"))
        let view = try ArrayView<UInt8>(mapping: folder("a.npy"))
        #expect(Array(view.elements) == [1])
    }

    // MARK: - Files that are no such arrays

    private func failure(_ bytes: [UInt8]) throws -> Failure? {
        let folder = try TemporaryFolder()
        try Data(bytes).write(to: URL(fileURLWithPath: folder("a.npy")))
        let failure = #expect(throws: Failure.self) { try ArrayView<Float>(mapping: folder("a.npy")) }
        #expect(failure?.place == folder("a.npy") && failure?.remedy.isEmpty == false)
        return failure
    }

    private func file(_ dictionary: String, padTo length: Int = 128, data: Int = 12) -> [UInt8] {
        let size = length - 10
        let text = dictionary + String(repeating: " ", count: size - dictionary.utf8.count - 1) + "\n"
        return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(size & 0xFF), UInt8(size >> 8)] + Array(text.utf8)
            + Array(repeating: 0, count: data)
    }

    private static let good = "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }"

    @Test func theSampleOfTheseTestsIsRead() throws {
        let folder = try TemporaryFolder()
        try Data(file(Self.good)).write(to: URL(fileURLWithPath: folder("a.npy")))
        #expect(try ArrayView<Float>(mapping: folder("a.npy")).count == 3)
    }

    @Test(arguments: [
        "{'descr': '>f4', 'fortran_order': False, 'shape': (3,), }",
        "{'descr': '<f2', 'fortran_order': False, 'shape': (3,), }",
        "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }",
        "{'descr': '<f4', 'fortran_order': True, 'shape': (3,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 1), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 3), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-3,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (x,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': 3, }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387907,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775808,), }",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,), }", "{}", "",
    ])
    func foreignHeadersAreRefused(_ dictionary: String) throws {
        #expect(try failure(file(dictionary))?.kind == .badData)
    }

    @Test func everyCutIsRefused() throws {
        let whole = file(Self.good)
        for length in 0..<whole.count {
            #expect(try failure(Array(whole[..<length]))?.kind == .badData, "\(length) bytes")
        }
        #expect(try failure(whole + [0])?.kind == .badData)
    }

    @Test func otherVersionsAndLongHeadersAreRefused() throws {
        var bytes = file(Self.good)
        bytes[6] = 2
        #expect(try failure(bytes)?.what.contains("2.0") == true)
        bytes = file(Self.good, padTo: 4096 + 64)
        #expect(try failure(bytes)?.kind == .badData)
        bytes = file(Self.good, padTo: 127)
        #expect(try failure(bytes)?.kind == .badData)
        #expect(try failure(Array(repeating: 0x93, count: 500))?.kind == .badData)
    }

    @Test func aMissingFileOrAFolderIsNoInput() throws {
        let folder = try TemporaryFolder()
        for path in [folder("missing.npy"), folder.path] {
            let failure = #expect(throws: Failure.self) { try ArrayView<Float>(mapping: path) }
            #expect(failure?.kind == .noInput && failure?.place == path)
        }
    }
}
