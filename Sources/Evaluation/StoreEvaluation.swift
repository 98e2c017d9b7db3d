// Why: which ratings a model is judged by is decided in one place: held-out ratings when there are any, because errors
// on ratings that were trained on say little.

import Failures
import Model
import Ratings

/// The errors of a model on a store.
public struct StoreEvaluation: Sendable {
    /// Which ratings of the store were compared.
    public enum Part: String, Sendable {
        case holdout
        case ratings
    }

    public let part: Part
    public let errors: PredictionErrors

    /// Compares `model` with the holdout of `store`, or with all of its ratings when it has none.
    ///
    /// The store may be another than the one the model was trained on; users and items are then found by their ids.
    /// - Throws: a ``Failure`` of kind `badData` when there are no ratings.
    public init(of model: FactorModel, on store: RatingStore) throws(Failure) {
        let evaluated = Self.ratings(of: store)
        part = evaluated.part
        errors = try PredictionErrors(of: model, on: evaluated.ratings, mapping: RowMapping(store: store, model: model))
    }

    /// The ratings of `store` that a model is judged by, rows being users.
    public static func ratings(of store: RatingStore) -> (part: Part, ratings: CompressedRows) {
        if let holdout = store.holdout { (.holdout, holdout.byUser) } else { (.ratings, store.ratings.byUser) }
    }
}
