// Why: process tests need a store on disk whose training takes a second or so.

import Ratings

extension SyntheticRatings {
    /// Writes a store of planted ratings (see ``planted(users:items:ratings:seed:)``) with a holdout.
    public static func writeStore(
        to path: String, users: Int, items: Int, ratings: Int, seed: UInt64
    ) throws {
        let (training, holdout) = planted(users: users, items: items, ratings: ratings, seed: seed)
        func list(_ matrix: RatingMatrix) -> [Rating] {
            var values = [Float](repeating: 0, count: matrix.count)
            values.withUnsafeMutableBufferPointer { buffer in
                if let start = buffer.baseAddress { matrix.byUser.values.decode(0..<matrix.count, minus: 0, to: start) }
            }
            return (0..<matrix.userCount).flatMap { user in
                matrix.byUser.range(of: user).map {
                    Rating(user: "\(user)", item: "\(matrix.byUser.columns[$0])", value: values[$0])
                }
            }
        }
        try RatingStore.inMemory(list(training), holdout: list(holdout)).save(to: path)
    }
}
