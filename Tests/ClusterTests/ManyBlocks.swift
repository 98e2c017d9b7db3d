// Why: what can go wrong between workers shows only in a job of many blocks; these tests need one that is small.

import Cluster
import TestKit
import Training

/// A job of a dozen blocks of about twenty rows a side.
enum ManyBlocks {
    static func configuration(sweeps: Int = 3) -> JobConfiguration {
        JobConfiguration(
            rank: 96, regularization: 0.05, regularizationScaling: .count, sweeps: sweeps, tolerance: 0, seed: 3)
    }

    static let data: JobData = {
        let (training, holdout) = SyntheticRatings.planted(users: 300, items: 200, ratings: 6000, seed: 11)
        return JobData(ratings: training, holdout: holdout, rank: configuration().rank, minimumBlockCost: 2e7)
    }()
}
