// Why: what is reported of a sweep, to a person, to `training.json` and to tests.

/// One sweep of a job: both half-steps.
public struct SweepRecord: Sendable, Hashable, Codable {
    /// 1 for the first.
    public var sweep: Int
    /// The regularized sum of squared errors over the training ratings, or the regularized implicit loss over all
    /// pairs, after the item half-step.
    public var objective: Double
    /// RMSE of the training ratings; nil when the loss is implicit.
    public var trainRMSE: Double?
    /// RMSE of the held-out ratings; nil without a holdout, and when the loss is implicit.
    public var validationRMSE: Double?
    /// With the implicit loss, how the held-out items of a ``RankingSample`` are ranked; nil without a holdout, and
    /// when the loss is explicit.
    public var validationRecall: Double?
    public var validationNDCG: Double?
    /// Wall-clock seconds of each side's half-steps: in the first sweep with the opening one, and where an
    /// extrapolation was withdrawn with both of the users'.
    public var userSeconds: Double
    public var itemSeconds: Double
    /// Bytes that the coordinator sent and received since the sweep before.
    public var bytesSent: Int
    public var bytesReceived: Int
    /// Workers connected at the end of the sweep.
    public var workers: Int

    public init(
        sweep: Int, objective: Double, trainRMSE: Double?, validationRMSE: Double?,
        validationQuality: RankingQuality? = nil, userSeconds: Double, itemSeconds: Double, bytesSent: Int,
        bytesReceived: Int, workers: Int
    ) {
        self.sweep = sweep
        self.objective = objective
        self.trainRMSE = trainRMSE
        self.validationRMSE = validationRMSE
        validationRecall = validationQuality?.recall
        validationNDCG = validationQuality?.normalizedDiscountedGain
        self.userSeconds = userSeconds
        self.itemSeconds = itemSeconds
        self.bytesSent = bytesSent
        self.bytesReceived = bytesReceived
        self.workers = workers
    }

    /// What early stopping goes by, less for a better model: the held-out RMSE, or minus the NDCG.
    public var validationError: Double? { validationRMSE ?? validationNDCG.map { -$0 } }

    enum CodingKeys: String, CodingKey {
        case sweep, objective, workers
        case trainRMSE = "train_rmse"
        case validationRMSE = "validation_rmse"
        case validationRecall = "validation_recall"
        case validationNDCG = "validation_ndcg"
        case userSeconds = "user_seconds"
        case itemSeconds = "item_seconds"
        case bytesSent = "bytes_sent"
        case bytesReceived = "bytes_received"
    }
}
