// Why: whatever is random in a test comes from a seed that the test prints, so that a failure can be replayed.

import Ratings

public typealias SeededGenerator = SplitMix64
