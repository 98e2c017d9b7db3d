// Why: timeouts are about peers that are silent while we listen. A process that was itself stopped (Ctrl-Z, a frozen
// container, a laptop asleep) has heard nothing all that time, and would give everyone up for dead the moment it
// wakes. So its clock stands still while it does not look at it.

/// A monotonic clock that goes on by a second at most between two readings.
struct AwakeClock {
    private static let longestStep = Duration.seconds(1)

    private let clock = ContinuousClock()
    private var last: ContinuousClock.Instant
    private var elapsed = Duration.zero

    init() { last = clock.now }

    /// Time since the clock was made, as far as the process was awake. To be read several times a second.
    mutating func read() -> Duration {
        let now = clock.now
        elapsed += min(now - last, Self.longestStep)
        last = now
        return elapsed
    }
}
