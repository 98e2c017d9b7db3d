// Why: a test that kills a process "while it solves" has to hit that moment and no other. So the code names such
// moments, and the programs can be asked, by the environment variable MF_FAILPOINTS, to fail there:
//
//     MF_FAILPOINTS="worker.solve:3=kill,coordinator.halfstep:*=stop"
//
// is the third block to be solved, and every end of a half-step. Only the programs read the variable; everything
// below them is handed a value, which is off unless a test asks.

import Glibc
import Synchronization

/// The moments at which this process is to fail; none, unless a test asks.
public final class Failpoints: Sendable {
    public static let none = Failpoints(rules: [])
    public static let variable = "MF_FAILPOINTS"

    /// What happens at a failpoint.
    private enum Effect: String, CaseIterable {
        /// The process ends at once, with exit code 70 and without any cleaning up.
        case exit
        /// SIGKILL.
        case kill
        /// SIGSTOP: it freezes until someone sends it SIGCONT.
        case stop
        /// The thread that comes here never gets further.
        case hang
        /// The thread is held up for 100 ms.
        case delay
    }

    private struct Rule {
        let point: String
        /// Which of the hits it is for, from 1; nil for all.
        let ordinal: Int?
        let effect: Effect
        var hits = 0
    }

    private let isOff: Bool
    private let rules: Mutex<[Rule]>

    private init(rules: [Rule]) {
        isOff = rules.isEmpty
        self.rules = Mutex(rules)
    }

    /// - Parameter text: `POINT[:N]=EFFECT`, with commas between several. N says which hit it is, the first by default,
    ///   `*` each; effects are `exit`, `kill`, `stop`, `hang` and `delay`.
    /// - Throws: a ``Failure`` of kind `usage`.
    public convenience init(_ text: String) throws(Failure) {
        var rules: [Rule] = []
        for rule in text.split(separator: ",") {
            let sides = rule.split(separator: "=", omittingEmptySubsequences: false)
            let place = sides[0].split(separator: ":", omittingEmptySubsequences: false)
            let ordinal = place.count == 2 ? Int(place[1]) : 1
            guard sides.count == 2, let effect = Effect(rawValue: String(sides[1])), !place[0].isEmpty,
                place.count == 1 || (place.count == 2 && (place[1] == "*" || ordinal ?? 0 > 0))
            else {
                throw Failure(
                    .usage, "there is no failpoint \(rule)", at: Self.variable,
                    remedy: "write POINT:N=EFFECT with one of the effects "
                        + Effect.allCases.map(\.rawValue).joined(separator: ", "))
            }
            rules.append(Rule(point: String(place[0]), ordinal: ordinal, effect: effect))
        }
        self.init(rules: rules)
    }

    /// What the environment asks for. Only for executables.
    /// - Throws: a ``Failure`` of kind `usage`.
    public static func fromEnvironment() throws(Failure) -> Failpoints {
        guard let text = getenv(variable) else { return .none }
        return try Failpoints(String(cString: text))
    }

    /// Says that this moment has come. Nothing happens unless a test asked for it.
    /// - Parameter detail: tells one from others at the same point; a rule for `POINT.DETAIL` is hit by it alone.
    public func hit(_ point: String, _ detail: @autoclosure () -> String = "") {
        if isOff { return }
        let exact = "\(point).\(detail())"
        let effects = rules.withLock { rules in
            rules.indices.compactMap { index -> Effect? in
                guard rules[index].point == point || rules[index].point == exact else { return nil }
                rules[index].hits += 1
                return rules[index].ordinal ?? rules[index].hits == rules[index].hits ? rules[index].effect : nil
            }
        }
        for effect in effects { Self.carryOut(effect) }
    }

    private static func carryOut(_ effect: Effect) {
        switch effect {
        case .exit: _exit(Failure.Kind.software.rawValue)
        case .kill: Glibc.kill(getpid(), SIGKILL)
        case .stop: Glibc.kill(getpid(), SIGSTOP)
        case .hang: while true { sleep(1000) }
        case .delay: usleep(100_000)
        }
    }
}
