// Why: the best few of very many items, in memory of the few: a binary heap whose root is the worst that is kept.

/// The `capacity` best of the items offered.
package struct BestItems {
    private let capacity: Int
    /// A heap: no parent precedes its children, so the first is the worst.
    private var heap: [ScoredItem] = []

    package init(capacity: Int) {
        self.capacity = max(0, capacity)
    }

    /// What a score must exceed to be taken in, if items are offered by rising row; nil while there is room.
    package var threshold: Double? { heap.count < capacity ? nil : heap.first?.score ?? .infinity }

    /// Takes `candidate` in if it belongs to the best.
    package mutating func offer(_ candidate: ScoredItem) {
        if heap.count < capacity {
            heap.append(candidate)
            siftUp()
        } else if let worst = heap.first, candidate.precedes(worst) {
            heap[0] = candidate
            siftDown()
        }
    }

    /// The items kept, best first.
    package func sorted() -> [ScoredItem] { heap.sorted { $0.precedes($1) } }

    private mutating func siftUp() {
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[parent].precedes(heap[child]) else { return }
            heap.swapAt(parent, child)
            child = parent
        }
    }

    private mutating func siftDown() {
        var parent = 0
        while 2 * parent + 1 < heap.count {
            var worse = 2 * parent + 1
            if worse + 1 < heap.count, heap[worse].precedes(heap[worse + 1]) { worse += 1 }
            guard heap[parent].precedes(heap[worse]) else { return }
            heap.swapAt(parent, worse)
            parent = worse
        }
    }
}
