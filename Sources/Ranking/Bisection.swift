// Why: rankings look up scores and users in lists that rise.

extension Array {
    /// The first place whose element satisfies `condition`, which all after it do too; by bisection.
    @inlinable package func firstPlace(_ condition: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if condition(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
