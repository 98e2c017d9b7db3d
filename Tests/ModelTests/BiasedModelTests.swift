// Why: biases are part of the model wherever it is used: in its files, its predictions and for those who
// are folded in. (RankingTests has it in rankings.)

import Failures
import LeastSquares
import Model
import Ratings
import TestKit
import Testing
import Training

@Suite struct BiasedModelTests {
    private static let (users, items) = (30, 25)

    private func fixture(rank: Int) -> ModelFixture {
        var fixture = ModelFixture(
            users: Self.users, items: Self.items, rank: rank, seed: UInt64(rank), intercept: Double(Float(3.1)),
            hasBiases: true)
        fixture.configuration.regularizationScaling = .count
        return fixture
    }

    @Test func theFilesHoldFactorsAndBiasesApart() throws {
        let fixture = fixture(rank: 3)
        for rowsPerRun in [1, 4, 100] {
            try withTemporaryFolder { folder in
                try fixture.write(to: folder + "/model", rowsPerRun: rowsPerRun)
                let model = try FactorModel.open(folder + "/model")
                #expect(model.userFactors.shape == [Self.users, 3] && model.itemFactors.shape == [Self.items, 3])
                #expect(Array(model.userFactors.elements) == fixture.userFactors)
                #expect(Array(model.itemFactors.elements) == fixture.itemFactors)
                #expect(model.userBiases.map { Array($0.elements) } == fixture.userBiases)
                #expect(model.itemBiases.map { Array($0.elements) } == fixture.itemBiases)
            }
        }
    }

    @Test func aPredictionHasThemAndWhoIsUnknownHasTheOthers() throws {
        let fixture = fixture(rank: 5)
        try fixture.withModel { model in
            let (userBias, itemBias) = (Double(fixture.userBiases![4]), Double(fixture.itemBiases![7]))
            #expect(abs(model.predict(user: 4, item: 7) - fixture.predict(4, 7)) < 1e-12)
            #expect(abs(model.predict(user: 4, item: nil) - (model.intercept + userBias)) < 1e-12)
            #expect(abs(model.predict(user: nil, item: 7) - (model.intercept + itemBias)) < 1e-12)
            #expect(model.predict(user: nil, item: nil) == model.intercept)
            // Who is unknown is shown what everyone likes.
            let liked = (0..<Self.items).sorted { fixture.itemBiases![$0] > fixture.itemBiases![$1] }
            #expect(model.topItems(for: nil, count: 4).map(\.item) == Array(liked.prefix(4)))
        }
    }

    @Test func damageIsFound() throws {
        try withTemporaryFolder { folder in
            try fixture(rank: 2).write(to: folder + "/model")
            var damaged = try bytes(of: folder + "/model/item_biases.npy")
            damaged[damaged.count - 2] ^= 1
            try overwrite(folder + "/model/item_biases.npy", damaged)
            let failure = #expect(throws: Failure.self) { try FactorModel.open(folder + "/model") }
            #expect(failure?.kind == .badData)
            #expect(failure?.description.contains("item_biases.npy") == true)
        }
    }

    @Test(arguments: [1, 8, 16, 33])
    func foldingInGivesTheExactSolution(rank: Int) throws {
        let (ratings, _) = SyntheticRatings.planted(users: Self.users, items: Self.items, ratings: 300, seed: 2)
        try fixture(rank: rank).withModel { model in
            var configuration = model.description.configuration.solverConfiguration(mean: model.intercept)
            configuration.solver = .exact
            for (side, rows) in [(Side.user, ratings.byUser), (.item, ratings.byItem)] {
                let folded = try model.folded(side, from: rows)
                let fixed = try model.factorMatrix(of: side.other)
                let biases = try #require(folded.biases)
                for row in 0..<rows.rowCount {
                    let expected = try #require(
                        Reference.solution(ofRow: row, of: rows, fixed: fixed, configuration: configuration))
                    for k in 0..<rank { #expect(abs(Double(folded.factors[row * rank + k]) - expected[k]) < 1e-4) }
                    #expect(abs(Double(biases[row]) - expected[rank]) < 1e-4, "\(side) \(row)")
                }
            }
        }
    }
}
