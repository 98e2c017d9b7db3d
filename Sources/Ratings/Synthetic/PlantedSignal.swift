// Why: generated ratings have a structure that training can find, and noise whose share of the error is known:
//
//     s = mean + user bias + item bias + p . q        what is planted
//     rating = s + noise, rounded to 1, 2, ... 5 stars
//
// Rounding and the ends of the scale make the best prediction the conditional mean, not s: with Q the upper tail of the
// normal distribution,
//
//     E(rating | s) = 1 + sum over k = 1...4 of P(rating > k) = 1 + sum of Q((k + 1/2 - s) / noise)
//
// No model can be expected to have a lower squared error, even one that knows s.

import Failures
import Glibc

/// What the ratings are made of.
struct PlantedSignal: Sendable {
    private static let mean: Float = 3.6
    private static let userBiasSpread = 0.4
    private static let itemBiasSpread = 0.4
    /// Of the products p . q, whatever the rank.
    private static let productSpread = 0.5
    /// Stars.
    static let scale = 1...5

    let rank: Int
    private let noise: Float
    /// For each row its bias and its factors, 1 + rank numbers.
    private let users: ElementBuffer<Float>
    private let items: ElementBuffer<Float>
    /// What counts and draws are proportional to.
    let activity: [Double]
    let popularity: [Double]

    init(_ configuration: GeneratorConfiguration) throws(Failure) {
        rank = configuration.rank
        noise = Float(configuration.noise)
        (activity, users) = try Self.rows(
            configuration.users, .user, Marginals.userSpread, Self.userBiasSpread, configuration)
        (popularity, items) = try Self.rows(
            configuration.items, .item, Marginals.itemSpread, Self.itemBiasSpread, configuration)
    }

    /// Weight, bias and factors of each row of a side.
    private static func rows(
        _ count: Int, _ purpose: RandomStream.Purpose, _ weightSpread: Double, _ biasSpread: Double,
        _ configuration: GeneratorConfiguration
    ) throws(Failure) -> ([Double], ElementBuffer<Float>) {
        let rank = configuration.rank
        let spread = (productSpread / Double(max(rank, 1)).squareRoot()).squareRoot()
        let numbers = try ElementBuffer<Float>(count: count * (1 + rank))
        var weights: [Double] = []
        weights.reserveCapacity(count)
        for row in 0..<count {
            var stream = RandomStream(seed: configuration.seed, purpose, row: row)
            weights.append(exp(weightSpread * stream.normal()))
            let start = numbers.pointer + row * (1 + rank)
            start[0] = Float(biasSpread * stream.normal())
            for index in 1..<1 + rank { start[index] = Float(spread * stream.normal()) }
        }
        return (weights, numbers)
    }

    /// s.
    @inline(__always)
    private func signal(_ user: Int, _ item: Int) -> Float {
        let (p, q) = (users.pointer + user * (1 + rank), items.pointer + item * (1 + rank))
        var sum = Self.mean + p[0] + q[0]
        for index in 1..<1 + rank { sum += p[index] * q[index] }
        return sum
    }

    /// A rating, given a standard normal variable.
    @inline(__always)
    func rating(_ user: Int, _ item: Int, normal: Double) -> Float {
        let value = (signal(user, item) + noise * Float(normal)).rounded()
        return min(max(value, Float(Self.scale.lowerBound)), Float(Self.scale.upperBound))
    }

    /// The best prediction of a rating.
    func expectation(_ user: Int, _ item: Int) -> Double {
        guard noise > 0 else { return Double(rating(user, item, normal: 0)) }
        let signal = Double(signal(user, item))
        let unit = Double(noise) * 2.0.squareRoot()
        var sum = Double(Self.scale.lowerBound)
        for star in Self.scale.dropLast() { sum += erfc((Double(star) + 0.5 - signal) / unit) / 2 }
        return sum
    }

    /// The sum of the squared errors of the best predictions of `ratings`.
    func squaredError(of ratings: RatingRun) -> Double {
        var sum = 0.0
        for index in 0..<ratings.count {
            let expected = expectation(Int(ratings.users.pointer[index]), Int(ratings.items.pointer[index]))
            let error = Double(ratings.values.pointer[index]) - expected
            sum += error * error
        }
        return sum
    }
}
