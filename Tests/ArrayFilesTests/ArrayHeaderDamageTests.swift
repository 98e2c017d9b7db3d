// Why: checksums cover an array's elements; a damaged byte of its header must be found without one.

import ArrayFiles
import Failures
import Foundation
import TestKit
import Testing

@Suite struct ArrayHeaderDamageTests {
    @Test func everyFlippedBitOfTheHeaderIsFoundOrChangesTheShape() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/array.npy"
            let shape = [4, 6]
            try ArrayWriter<Float>.write((0..<24).map(Float.init), shape: shape, to: path)
            let whole = try Data(contentsOf: URL(fileURLWithPath: path))
            for place in 0..<whole.count - 24 * 4 {
                for change in (0..<8).map({ UInt8(1) << $0 }) {
                    var damaged = whole
                    damaged[place] ^= change
                    try damaged.write(to: URL(fileURLWithPath: path))
                    do throws(Failure) {
                        let view = try ArrayView<Float>(mapping: path, dimensions: 2)
                        #expect(view.shape != shape, "byte \(place) ^ \(change)")
                    } catch {
                        #expect(error.kind == .badData, "byte \(place) ^ \(change)")
                    }
                }
            }
        }
    }

    @Test func aHeaderWithMorePaddingThanOursIsRead() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/array.npy"
            let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }"
            let padded = text + String(repeating: " ", count: 192 - 10 - text.count - 1) + "\n"
            let bytes =
                [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(padded.count), 0] + Array(padded.utf8) + [0, 0, 0x80, 0x3F]
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            let view = try ArrayView<Float>(mapping: path)
            #expect(view.shape == [1] && view[0] == 1)
        }
    }
}
