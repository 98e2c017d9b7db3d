// Why: the best few of very many items, in memory of the few: a binary heap whose root is the worst that is kept. Which
// they are does not depend on the order in which items are offered, for no two of them are equal.

/// An item with its predicted rating.
public struct ScoredItem: Sendable, Hashable {
    /// The item's row.
    public var item: Int
    /// Its predicted rating.
    public var score: Double

    public init(item: Int, score: Double) {
        self.item = item
        self.score = score
    }

    /// Whether it comes before `other`: by falling score, and by row where scores are equal.
    package func precedes(_ other: ScoredItem) -> Bool {
        score != other.score ? score > other.score : item < other.item
    }
}

/// The `capacity` best of the items offered, each of which is offered once.
package struct BestItems: Sendable {
    private let capacity: Int
    /// A heap: no parent precedes its children, so the first is the worst.
    private var heap: [ScoredItem] = []

    package init(capacity: Int) {
        self.capacity = max(0, capacity)
    }

    /// The least score that may be taken in; nil while there is room for any.
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

    /// Offers items by their scores, but for those whose score is minus infinity or not a number.
    /// - Parameter item: the row of the item that has the score at an index.
    package mutating func offer(_ scores: UnsafeBufferPointer<Float>, item: (Int) -> Int = { $0 }) {
        let least = -Double.greatestFiniteMagnitude
        var threshold = threshold ?? least
        for index in scores.indices where Double(scores[index]) >= threshold {
            offer(ScoredItem(item: item(index), score: Double(scores[index])))
            threshold = self.threshold ?? least
        }
    }

    /// The items kept, best first.
    package func sorted() -> [ScoredItem] { heap.sorted { $0.precedes($1) } }

    /// Those of the items kept that are in `rows`, best first.
    package func sorted(in rows: Range<Int>) -> [ScoredItem] {
        heap.filter { rows.contains($0.item) }.sorted { $0.precedes($1) }
    }

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
