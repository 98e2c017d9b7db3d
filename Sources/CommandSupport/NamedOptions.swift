// Why: a search sets options by their names, for each candidate anew. Setting them before they are checked and
// completed keeps what follows from others (the precision from the rank, the biases' lambda from the factors') as it is
// for a person who types them.

import ArgumentParser
import Failures
import LeastSquares

extension JobOptions {
    /// An option that determines a model, by its name.
    public struct Named: Sendable {
        public let name: String
        public let hasNumbers: Bool
        public let isWhole: Bool
        /// Sets the option; false when the value is none of its.
        let set: @Sendable (inout JobOptions, String) -> Bool
    }

    /// All of them.
    public static let named: [Named] = [
        whole("rank") { $0.solver.rank = $1 },
        number("regularization") { $0.solver.regularization = $1 },
        number("bias-regularization") { $0.solver.biasRegularization = $1 },
        text("regularization-scaling", RegularizationScaling.init(rawValue:)) { $0.solver.regularizationScaling = $1 },
        text("biases", yesOrNo) { $0.solver.biases = $1 },
        text("nonnegative", yesOrNo) { $0.solver.nonnegative = $1 },
        text("center", yesOrNo) { $0.center = $1 },
        text("extrapolate", yesOrNo) { $0.extrapolate = $1 },
        text("loss", LossOption.init(rawValue:)) { $0.solver.loss = $1 },
        text("confidence", Confidence.init(rawValue:)) { $0.solver.confidence = $1 },
        number("alpha") { $0.solver.confidence = .linear(alpha: $1) },
        number("unseen-confidence") { $0.solver.unseenConfidence = $1 },
        text("solver", SolverKind.init(rawValue:)) { $0.solver.solver = $1 },
        text("precision", Precision.init(rawValue:)) { $0.solver.precision = $1 },
        whole("cg-steps") { $0.solver.cgSteps = $1 },
        whole("sweeps") { $0.sweeps = $1 },
        number("tolerance") { $0.tolerance = $1 },
        whole("patience") { $0.patience = $1 },
        Named(name: "seed", hasNumbers: true, isWhole: true) { options, text in
            guard let value = UInt64(text) else { return false }
            options.seed = value
            return true
        },
    ]

    /// These options with others set by name.
    /// - Throws: a ``Failure`` of kind `usage` when a value is none of the option's, or two contradict each other.
    public func setting(_ values: [String: String]) throws(Failure) -> JobOptions {
        var options = self
        var values = values
        // Of a grid that has both, it is for the candidates with biases.
        if values["biases"] == "no" { values["bias-regularization"] = nil }
        guard values["alpha"] == nil || values["confidence"] == nil else {
            throw Failure(
                .usage, "alpha and confidence are both there, and alpha=A is confidence=linear:A", at: "--grid",
                remedy: "leave one of them out")
        }
        // In the order of the table, so that the result does not depend on that of a dictionary.
        for named in Self.named {
            guard let value = values[named.name] else { continue }
            guard named.set(&options, value) else {
                throw Failure(
                    .usage, "\(value) is no value of \(named.name)", at: "--grid", remedy: "see mf train --help")
            }
        }
        return options
    }

    private static func yesOrNo(_ text: String) -> Bool? { ["yes": true, "no": false][text] }

    private static func whole(_ name: String, _ set: @escaping @Sendable (inout JobOptions, Int) -> Void) -> Named {
        Named(name: name, hasNumbers: true, isWhole: true) { options, text in
            guard let value = Int(text) else { return false }
            set(&options, value)
            return true
        }
    }

    private static func number(_ name: String, _ set: @escaping @Sendable (inout JobOptions, Double) -> Void) -> Named {
        Named(name: name, hasNumbers: true, isWhole: false) { options, text in
            guard let value = Double(text), value.isFinite else { return false }
            set(&options, value)
            return true
        }
    }

    private static func text<Value>(
        _ name: String, _ parse: @escaping @Sendable (String) -> Value?,
        _ set: @escaping @Sendable (inout JobOptions, Value) -> Void
    ) -> Named {
        Named(name: name, hasNumbers: false, isWhole: false) { options, text in
            guard let value = parse(text) else { return false }
            set(&options, value)
            return true
        }
    }
}
