// Why: a factor that may not be negative is either free or 0, and once it is known which are which the rest is one
// ridge system as any other. The unknowns x of a row minimize x'A x / 2 - b'x, some of them under x >= 0, just when
//
//     x_i = 0 and y_i >= 0,  or  x_i > 0 and y_i = 0,        y = A x - b
//
// and A, which has the regularization on its diagonal, is positive definite, so exactly one x does that. Block
// principal pivoting (Kim & Park 2011) finds it: solve for the free ones, exchange all that violate the condition,
// again. Where a few exchanges have not made them fewer, the last one alone is exchanged, which ends for certain (Murty
// 1974).

/// Which unknowns of a row are free, from one solve to the next.
struct PrincipalPivoting {
    /// The free unknowns, ascending.
    private(set) var free: [Int]
    private var isFree: [Bool]
    private let constrainedCount: Int
    /// The fewest violations so far, and exchanges of all of them that may still not lower it.
    private var fewest = Int.max
    private var tries = Self.mostTries
    private static let mostTries = 3

    /// - Parameters:
    ///   - count: unknowns, of which the first `constrainedCount` may not be negative.
    ///   - isPositive: whether an unknown is likely to be above 0.
    init(count: Int, constrainedCount: Int, isPositive: (Int) -> Bool) {
        self.constrainedCount = constrainedCount
        isFree = (0..<count).map { $0 >= constrainedCount || isPositive($0) }
        free = []
        list()
    }

    /// Takes in the solution for the free unknowns.
    /// - Parameter violates: whether an unknown does: a free one below 0, or one at 0 whose y is.
    /// - Returns: whether it is the solution.
    mutating func exchange(violates: (Int, _ isFree: Bool) -> Bool) -> Bool {
        let violations = (0..<constrainedCount).filter { violates($0, isFree[$0]) }
        if violations.isEmpty { return true }
        if violations.count < fewest {
            (fewest, tries) = (violations.count, Self.mostTries)
        } else {
            tries = max(tries - 1, 0)
        }
        for index in tries > 0 ? violations[...] : violations.suffix(1) { isFree[index].toggle() }
        list()
        return false
    }

    private mutating func list() { free = isFree.indices.filter { isFree[$0] } }
}
