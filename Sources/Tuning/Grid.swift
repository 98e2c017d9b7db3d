// Why: which settings to try is one short text that a person types,
//
//     rank=16,32,64 regularization=0.02:0.2:log5 biases=yes,no
//
// and everything that is wrong with it is said before the first trial: it may be the last thing that is looked at for a
// day.

import Failures
import Foundation
import Ratings

/// What a parameter's values are.
public enum ParameterKind: Sendable, Hashable {
    /// Whole numbers.
    case count
    case number
    /// Anything; no ranges.
    case text
}

/// One parameter of a grid, and what it may be.
public struct GridAxis: Sendable, Hashable {
    /// What it may be.
    public enum Values: Sendable, Hashable {
        case list([String])
        /// From which values are drawn; both ends belong to it.
        case range(from: Double, to: Double, isLogarithmic: Bool)
    }

    public var name: String
    public var kind: ParameterKind
    public var values: Values
}

/// The settings to try: a value of each parameter, by name.
public typealias Candidate = [String: String]

/// Parameters and what each may be.
public struct Grid: Sendable, Hashable {
    public let axes: [GridAxis]

    /// The most candidates.
    public static let mostCandidates = 10_000
    private static let mostPoints = 1000

    /// - Parameters:
    ///   - text: `name=value,value` or `name=from:to:linN`, `name=from:to:logN` (N values) or, to draw from,
    ///     `name=from:to:lin`, `name=from:to:log`; with blanks between them.
    ///   - kinds: the parameters there are.
    /// - Throws: a ``Failure`` of kind `usage`.
    public init(_ text: String, kinds: [String: ParameterKind]) throws(Failure) {
        var axes: [GridAxis] = []
        for word in text.split(whereSeparator: \.isWhitespace) {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, !parts[1].isEmpty else {
                throw Self.failure(
                    "\(word) is no parameter with values", "write it as rank=16,32 or regularization=0.02:0.2:log5")
            }
            guard let kind = kinds[parts[0]] else {
                throw Self.failure(
                    "there is no parameter \(parts[0])", "choose from \(kinds.keys.sorted().joined(separator: ", "))")
            }
            guard !axes.contains(where: { $0.name == parts[0] }) else {
                throw Self.failure("\(parts[0]) is there twice", "write all of its values after one name")
            }
            axes.append(GridAxis(name: parts[0], kind: kind, values: try Self.values(parts[1], parts[0], kind)))
        }
        guard !axes.isEmpty else { throw Self.failure("there are no parameters", "write at least one, as rank=16,32") }
        self.axes = axes
    }

    private static func values(_ text: String, _ name: String, _ kind: ParameterKind) throws(Failure) -> GridAxis.Values
    {
        let list = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard !list.contains("") else { throw failure("\(name) has an empty value", "take out the comma") }
        if kind == .text { return .list(list.uniqued) }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count > 1 else {
            for value in list {
                guard let number = Double(value), number.isFinite, kind == .number || Int(value) != nil else {
                    throw failure(
                        "\(name)=\(value) is no \(kind == .count ? "whole number" : "number")",
                        "give numbers, with commas")
                }
            }
            return .list(list.uniqued)
        }
        let spacing = parts.count == 3 ? parts[2] : ""
        guard parts.count == 3, let from = Double(parts[0]), let to = Double(parts[1]), from.isFinite, to.isFinite,
            spacing.hasPrefix("lin") || spacing.hasPrefix("log"), from < to
        else { throw failure("\(name)=\(text) is no range", "write it as FROM:TO:linN or FROM:TO:logN, FROM below TO") }
        guard kind != .count || [from, to].allSatisfy({ Int(exactly: $0) != nil && abs($0) <= 0x1p53 }) else {
            throw failure("\(name)=\(text) is no range of whole numbers", "give whole numbers for FROM and TO")
        }
        let isLogarithmic = spacing.hasPrefix("log")
        guard !isLogarithmic || from > 0 else {
            throw failure("\(name)=\(text) is logarithmic and begins at \(parts[0])", "begin above 0, or use lin")
        }
        guard (isLogarithmic ? to / from : to - from).isFinite else {
            throw failure("\(name)=\(text) is too wide a range", "bring FROM and TO closer together")
        }
        let digits = spacing.dropFirst(3)
        if digits.isEmpty { return .range(from: from, to: to, isLogarithmic: isLogarithmic) }
        guard let points = Int(digits), (2...mostPoints).contains(points) else {
            throw failure("\(name)=\(text) has \(digits) values", "give 2 to \(mostPoints) after lin or log")
        }
        return .list(
            (0..<points).map {
                value(at: Double($0) / Double(points - 1), from: from, to: to, isLogarithmic: isLogarithmic, kind)
            }.uniqued)
    }

    /// The value at `place`, 0 to 1, of a range, to three digits, so that it reads well and is what it reads.
    private static func value(
        at place: Double, from: Double, to: Double, isLogarithmic: Bool, _ kind: ParameterKind
    ) -> String {
        let exact = isLogarithmic ? from * pow(to / from, place) : from + (to - from) * place
        if kind == .count { return String(Int(exact.rounded())) }
        return "\(Double(String(format: "%.3g", exact)) ?? exact)"
    }

    /// Every combination, the last parameter changing fastest.
    /// - Throws: a ``Failure`` of kind `usage` when a parameter is a range to draw from, or there are too many.
    public func candidates() throws(Failure) -> [Candidate] {
        var candidates: [Candidate] = [[:]]
        for axis in axes {
            guard case .list(let values) = axis.values else {
                throw Self.failure(
                    "\(axis.name) is a range without a number of values", "write linN or logN, or give --random")
            }
            guard candidates.count * values.count <= Self.mostCandidates else {
                throw Self.failure(
                    "there are more than \(Self.mostCandidates) candidates", "give fewer values, or --random")
            }
            candidates = candidates.flatMap { candidate in
                values.map { value in candidate.merging([axis.name: value]) { $1 } }
            }
        }
        return candidates
    }

    /// `count` different candidates drawn at random, each parameter by itself; fewer when there are not so many.
    public func draw(_ count: Int, seed: UInt64) -> [Candidate] {
        var generator = SplitMix64(seed: seed)
        var drawn: [Candidate] = []
        var seen: Set<Candidate> = []
        // Where nearly all have been drawn, new ones are rare.
        for _ in 0..<(100 * count) where drawn.count < count {
            var candidate: Candidate = [:]
            for axis in axes {
                let uniform = Double(generator.next() >> 11) * 0x1p-53
                switch axis.values {
                case .list(let values): candidate[axis.name] = values[Int(uniform * Double(values.count))]
                case .range(let from, let to, let isLogarithmic):
                    candidate[axis.name] = Self.value(
                        at: uniform, from: from, to: to, isLogarithmic: isLogarithmic, axis.kind)
                }
            }
            if seen.insert(candidate).inserted { drawn.append(candidate) }
        }
        return drawn
    }

    /// A candidate in the order of the grid: `rank=16 regularization=0.05`. What is the same for all is left out,
    /// unless that is everything.
    public func text(_ candidate: Candidate) -> String {
        let varied = axes.filter { if case .list(let values) = $0.values { values.count > 1 } else { true } }
        return (varied.isEmpty ? axes : varied)
            .compactMap { axis in candidate[axis.name].map { "\(axis.name)=\($0)" } }.joined(separator: " ")
    }

    /// The parameters of which a candidate has the least or the greatest value, of three or more, or one within 3% of
    /// an end of a range that was drawn from.
    public func edges(of candidate: Candidate) -> [String] {
        axes.filter { axis in
            guard axis.kind != .text, let value = candidate[axis.name].flatMap(Double.init) else { return false }
            switch axis.values {
            case .list(let values):
                let numbers = values.compactMap(Double.init)
                return numbers.count > 2 && (value == numbers.min() || value == numbers.max())
            case .range(let from, let to, let isLogarithmic):
                let place = isLogarithmic ? log(value / from) / log(to / from) : (value - from) / (to - from)
                return !(0.03...0.97).contains(place)
            }
        }.map(\.name)
    }

    private static func failure(_ what: String, _ remedy: String) -> Failure {
        Failure(.usage, what, at: "--grid", remedy: remedy)
    }
}

extension Array where Element: Hashable {
    /// Without those that came before.
    fileprivate var uniqued: [Element] {
        var seen: Set<Element> = []
        return filter { seen.insert($0).inserted }
    }
}
