// Why: a worker must know, without looking at every block, whether it has all the fixed factors of a half-step.

/// The version of each block of one side.
struct BlockVersions {
    private var versions: [Int]
    private(set) var newest = 0
    /// How many blocks have the newest version.
    private var newestCount: Int

    init(count: Int) {
        versions = Array(repeating: 0, count: count)
        newestCount = count
    }

    subscript(block: Int) -> Int { versions[block] }

    mutating func set(_ block: Int, to version: Int) {
        precondition(version > versions[block])
        versions[block] = version
        if version > newest {
            newest = version
            newestCount = 1
        } else if version == newest {
            newestCount += 1
        }
    }

    /// The blocks that are older than `version`.
    func blocks(before version: Int) -> [Int] {
        if newest == version, newestCount == versions.count { return [] }
        return versions.indices.filter { versions[$0] < version }
    }
}
