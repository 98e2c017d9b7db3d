// Why: most data are not ratings but what people did: bought, played, clicked, how often. What they did not do is no
// judgement either, so every pair counts, the stored ones with more confidence (Hu, Koren & Volinsky 2008):
//
//     sum over all pairs  c (p - u.v)^2          p = 1, c from its value   for a stored pair
//                                                p = 0, c = c0             for any other
//
// A row's system is then, with G = V'V of the whole fixed side and F the factors that its stored pairs meet,
//
//     (c0 G + F'(C - c0) F + lambda I) x = F'C 1
//
// so that a row costs its stored pairs and d^2, however many rows the fixed side has. And its part of the objective is
//
//     sum over its stored pairs (c (1 - s)^2 - c0 s^2)  +  c0 x'G x          s = f.x
//
// where x'G x is the sum of the squares of x.v over the whole fixed side: exact, and no pair was visited for it.

/// How the confidence of a stored pair comes from its value r.
public enum Confidence: Sendable, Hashable {
    /// 1 + alpha r (Hu, Koren & Volinsky 2008).
    case linear(alpha: Double)
    /// 1 + alpha ln(1 + r / epsilon) (the same).
    case log(alpha: Double, epsilon: Double)
    /// r.
    case value
}

extension Confidence: RawRepresentable, Codable {
    /// As an option has it: `linear:ALPHA`, `log:ALPHA:EPSILON`, `value`. Alphas are finite and 0 or more, epsilons
    /// finite and above 0; other texts are nil.
    public init?(rawValue: String) {
        let parts = rawValue.split(separator: ":", omittingEmptySubsequences: false)
        let numbers = parts.dropFirst().compactMap { Double($0) }
        guard numbers.count == parts.count - 1, numbers.allSatisfy({ $0.isFinite && $0 >= 0 }) else { return nil }
        switch (parts[0], numbers.count) {
        case ("linear", 1): self = .linear(alpha: numbers[0])
        case ("log", 2) where numbers[1] > 0: self = .log(alpha: numbers[0], epsilon: numbers[1])
        case ("value", 0): self = .value
        default: return nil
        }
    }

    public var rawValue: String {
        switch self {
        case .linear(let alpha): "linear:\(alpha)"
        case .log(let alpha, let epsilon): "log:\(alpha):\(epsilon)"
        case .value: "value"
        }
    }
}

/// The loss over all pairs, of which the stored ones are preferred.
public struct ImplicitLoss: Sendable, Hashable, Codable {
    public var confidence: Confidence
    /// c0: the confidence of a pair that is not stored, finite and 0 or more. With 0 only stored pairs count.
    public var unseenConfidence: Double

    public init(confidence: Confidence = .linear(alpha: 1), unseenConfidence: Double = 1) {
        self.confidence = confidence
        self.unseenConfidence = unseenConfidence
    }

    enum CodingKeys: String, CodingKey {
        case confidence
        case unseenConfidence = "unseen_confidence"
    }

    /// The confidence of a stored pair of value `value`.
    public func confidence(of value: Float) -> Float {
        switch confidence {
        case .linear(let alpha): 1 + Float(alpha) * value
        case .log(let alpha, let epsilon): Float(1 + alpha * PortableMath.logarithm(1 + Double(value) / epsilon))
        case .value: value
        }
    }

    /// Replaces `count` values with their confidences, and sets `weights` to how much these are above c0.
    func weigh(_ values: UnsafeMutablePointer<Float>, _ weights: UnsafeMutablePointer<Float>, count: Int) {
        let unseen = Float(unseenConfidence)
        for index in 0..<count {
            values[index] = confidence(of: values[index])
            weights[index] = values[index] - unseen
        }
    }
}
