// Why: a simulation goes from one event to the next in time; equal times in the order they were scheduled, so that two
// runs with one seed are the same.

/// Events by their time.
struct EventQueue<Event> {
    private struct Entry {
        let time: Duration
        let number: Int
        let event: Event
    }

    /// The next one last.
    private var entries: [Entry] = []
    private var number = 0

    mutating func schedule(_ event: Event, at time: Duration) {
        number += 1
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].time > time { low = middle + 1 } else { high = middle }
        }
        entries.insert(Entry(time: time, number: number, event: event), at: low)
    }

    mutating func next() -> (time: Duration, event: Event)? {
        guard let entry = entries.popLast() else { return nil }
        return (entry.time, entry.event)
    }
}
