// Why: ranking scores every item for every user, which is a product of two matrices: users x items x d multiplications,
// a hundred times a sweep. The kernel that visits the factors of a row's ratings does it, given "ratings" of all items
// one after another; a tile of items is brought into the first-level cache once and met by a group of users there.

import CKernels

/// Products of users' factors with those of all items, in single precision.
public struct FactorProducts: Sendable {
    private let items: FactorMatrix
    private let kernels: Kernels
    /// The columns of a tile.
    private let columns: [UInt32]

    private static let tileByteCount = 32 << 10

    public init(of items: FactorMatrix, kernels: Kernels = .best) {
        self.items = items
        self.kernels = kernels
        // Whole groups of the kernel's four rows, so that a product does not depend on where a tile ends.
        let tileRowCount = max(Self.tileByteCount / (items.stride * MemoryLayout<Float>.stride) / 4 * 4, 4)
        columns = (0..<UInt32(tileRowCount)).map { $0 }
    }

    /// Sets `output`, `rows.count` x the number of items, to the products of these rows of `users` with every item.
    ///
    /// Equal for equal factors and kernels; may be called from several threads, with an output of their own.
    /// - Parameter itemCount: with so many items only, the first; nil for all.
    /// - Precondition: `users` has the items' rank.
    public func write(
        of users: FactorMatrix, rows: Range<Int>, itemCount: Int? = nil, to output: UnsafeMutablePointer<Float>
    ) {
        let itemCount = itemCount ?? items.rowCount
        precondition(users.rank == items.rank && itemCount <= items.rowCount)
        let visit = kernels.table.pointee.visit_ratings!
        columns.withUnsafeBufferPointer { columns in
            for first in Swift.stride(from: 0, to: itemCount, by: columns.count) {
                // An image reads no values.
                var tile = mf_row(
                    factors: items.start + first * items.stride, words: nil, stride: items.stride,
                    columns: columns.baseAddress!, values: nil,
                    count: min(columns.count, itemCount - first), weights: nil, constant: 0, constant_column: 0)
                for (index, user) in rows.enumerated() {
                    _ = visit(&tile, mf_visit_image, users.row(user), output + index * itemCount + first, nil)
                }
            }
        }
    }
}
