// Why: what can happen to a cluster, as values that a seed draws, so that any run can be had again.

import Ratings

/// The faults of a simulated job.
public struct SimulatedFaults: Sendable {
    public enum Kind: Sendable, Hashable {
        /// A worker's process ends. When its host went with it, nobody is told.
        case crash(isSilent: Bool, restartAfter: Duration?)
        /// A worker is stopped for so long (SIGSTOP) and goes on.
        case freeze(Duration)
        /// A worker's solver gets no further; its socket does.
        case wedge
        /// A worker takes so many times as long for a block from now on.
        case slowDown(Double)
        /// A connection breaks, and is mended after so long; what was under way is lost.
        case cut(mendedAfter: Duration)
        /// Nothing gets through for so long, from a worker, to it, or both.
        case partition(Duration, toWorker: Bool, toCoordinator: Bool)
        /// The coordinator is stopped for so long and goes on.
        case freezeCoordinator(Duration)
        /// The coordinator's process ends. Another goes on from a checkpoint, and can be reached after so long.
        case crashCoordinator(downFor: Duration)
        /// A new worker comes.
        case join
        /// A worker is told to end, and says goodbye.
        case leave
    }

    public struct Fault: Sendable, Hashable {
        public var time: Duration
        public var kind: Kind

        public init(_ kind: Kind, at time: Duration) {
            self.kind = kind
            self.time = time
        }
    }

    /// In the order of their times. Each but a join and the coordinator's concerns a worker drawn at random.
    public var faults: [Fault] = []
    /// Of so many messages one is delivered twice, until `end`; nil for none.
    public var duplicatesOneIn: Int?
    /// The worker, counted as they joined, that all of `faults` happen to; nil to draw one each time.
    public var victim: Int?
    /// Until then messages are damaged or doubled. A worker comes then if there is none.
    public var end = Duration.zero

    public init(_ faults: [Fault] = []) {
        self.faults = faults.sorted { $0.time < $1.time }
        end = self.faults.map { $0.time + $0.kind.duration }.max() ?? .zero
    }

    /// Up to a dozen faults of all kinds.
    public static func random(using generator: inout SeededGenerator) -> SimulatedFaults {
        func seconds(_ range: ClosedRange<Double>) -> Duration { .seconds(Double.random(in: range, using: &generator)) }
        let span = Double.random(in: 1...30, using: &generator)
        // Fewer fatal ones than it takes to suspect a block of them.
        var fatal = 0
        let faults = (0..<Int.random(in: 1...12, using: &generator)).map { _ -> Fault in
            let kind: Kind
            switch Int.random(in: 0..<(fatal < 3 ? 13 : 11), using: &generator) {
            case 0, 1: kind = .freeze(seconds(Bool.random(using: &generator) ? 0.1...8 : 25...70))
            case 2: kind = .slowDown(.random(in: 2...20, using: &generator))
            case 3, 4: kind = .cut(mendedAfter: seconds(0.1...3))
            case 5, 6:
                let way = Int.random(in: 0..<3, using: &generator)
                kind = .partition(
                    seconds(Bool.random(using: &generator) ? 0.1...8 : 25...70), toWorker: way != 1,
                    toCoordinator: way != 0)
            case 7: kind = .freezeCoordinator(seconds(0.1...20))
            case 8: kind = .join
            case 9: kind = .leave
            case 10: kind = .crashCoordinator(downFor: seconds(0...20))
            case 11:
                fatal += 1
                kind = .crash(
                    isSilent: .random(using: &generator),
                    restartAfter: Bool.random(using: &generator) ? seconds(0...10) : nil)
            default:
                fatal += 1
                kind = .wedge
            }
            return Fault(kind, at: seconds(0...span))
        }
        var all = SimulatedFaults(faults)
        if Int.random(in: 0..<4, using: &generator) == 0 {
            all.duplicatesOneIn = Int.random(in: 20...200, using: &generator)
        }
        return all
    }
}

extension SimulatedFaults.Kind {
    /// How long it goes on.
    var duration: Duration {
        switch self {
        case .freeze(let duration), .freezeCoordinator(let duration), .crashCoordinator(let duration),
            .cut(let duration), .partition(let duration, _, _):
            duration
        case .crash(_, let restart): restart ?? .zero
        case .wedge, .slowDown, .join, .leave: .zero
        }
    }
}
