// Why: wherever a command reads ratings, a store and a plain rating file do equally well.

import Failures
import Ratings

/// Opens the store at `path`.
public func openRatings(_ path: String) throws(Failure) -> RatingStore {
    try RatingStore.open(path)
}
