// Why: a search that tries something else than what was typed wastes hours, and a mistake has to be found before them.

import CommandSupport
import Failures
import Testing
import Tuning

@Suite struct GridTests {
    private static let kinds: [String: ParameterKind] = [
        "rank": .count, "regularization": .number, "biases": .text, "confidence": .text,
    ]

    private func grid(_ text: String) throws -> Grid { try Grid(text, kinds: Self.kinds) }

    @Test func everyCombinationIsACandidateTheLastParameterFastest() throws {
        let candidates = try grid("rank=16,32  regularization=0.1,0.2\nbiases=yes").candidates()
        #expect(
            candidates == [
                ["rank": "16", "regularization": "0.1", "biases": "yes"],
                ["rank": "16", "regularization": "0.2", "biases": "yes"],
                ["rank": "32", "regularization": "0.1", "biases": "yes"],
                ["rank": "32", "regularization": "0.2", "biases": "yes"],
            ])
    }

    @Test func rangesAreSpacedEvenlyAndHaveBothEnds() throws {
        func values(_ text: String, _ name: String) throws -> [String] { try grid(text).candidates().map { $0[name]! } }
        #expect(try values("regularization=0.02:0.2:log3", "regularization") == ["0.02", "0.0632", "0.2"])
        #expect(try values("regularization=0:1:lin5", "regularization") == ["0.0", "0.25", "0.5", "0.75", "1.0"])
        #expect(try values("rank=8:128:log5", "rank") == ["8", "16", "32", "64", "128"])
        // Rounded to the same number they are tried once.
        #expect(try values("rank=1:2:lin5", "rank") == ["1", "2"])
        // Colons in texts are theirs.
        #expect(try values("confidence=linear:1,log:2:0.5", "confidence") == ["linear:1", "log:2:0.5"])
    }

    @Test func aCandidateIsToldByWhatVaries() throws {
        let grid = try grid("rank=16,32 biases=no regularization=0.1,0.2")
        #expect(grid.text(try grid.candidates()[1]) == "rank=16 regularization=0.2")
        let single = try self.grid("rank=16 biases=no")
        #expect(single.text(try single.candidates()[0]) == "rank=16 biases=no")
    }

    @Test func valuesAtTheEdgeAreNamed() throws {
        let grid = try grid("rank=16,32,64 regularization=0.01:1:log biases=yes,no")
        func edges(_ rank: String, _ regularization: String) -> [String] {
            grid.edges(of: ["rank": rank, "regularization": regularization, "biases": "yes"])
        }
        #expect(edges("32", "0.1") == [])
        #expect(edges("16", "0.95") == ["rank", "regularization"])
        #expect(edges("64", "0.0105") == ["rank", "regularization"])
    }

    @Test func drawsAreSeededDifferentAndWithinTheirRanges() throws {
        let grid = try grid("rank=8:128:log regularization=0.01:0.3:log biases=yes,no")
        let drawn = grid.draw(200, seed: 3)
        #expect(drawn == grid.draw(200, seed: 3) && drawn != grid.draw(200, seed: 4))
        #expect(drawn.count == 200 && Set(drawn).count == 200)
        for candidate in drawn {
            #expect((8...128).contains(try #require(Int(candidate["rank"]!))))
            #expect((0.01...0.3).contains(try #require(Double(candidate["regularization"]!))))
        }
        // Half of the ranks are below the geometric mean of the ends.
        let low = drawn.count { Int($0["rank"]!)! < 32 }
        #expect((70...130).contains(low), "\(low)")
        // As many as there are.
        #expect(try self.grid("biases=yes,no rank=1,2").draw(50, seed: 1).count == 4)
    }

    @Test(arguments: [
        "", "rank", "rank=", "rank=1,,2", "rank=a", "rank=1.5", "rank=1 rank=2", "speed=3", "regularization=1:2",
        "regularization=1:2:log", "regularization=2:1:log3", "regularization=0:1:log3", "regularization=1:2:log1",
        "regularization=1:2:cub3", "regularization=nan", "regularization=1:2:log3:4", "regularization=inf:1:lin2",
        "rank=1:100000000:lin1000 regularization=1:2:lin1000", "rank=1:1e30:lin5", "rank=-1e300:4:lin",
        "rank=1.5:4:lin2",
        "regularization=-1e308:1e308:lin3", "regularization=1e-300:1e300:log3",
    ])
    func mistakesAreToldOf(text: String) {
        let failure = #expect(throws: Failure.self) { try grid(text).candidates() }
        #expect(failure?.kind == .usage)
        #expect(failure?.remedy.isEmpty == false)
    }

    /// Every name can be set, and what a search found can be typed.
    @Test(arguments: [
        ["rank": "10", "regularization": "0.13", "bias-regularization": "0.05", "sweeps": "7", "seed": "9"],
        ["biases": "no", "solver": "exact", "regularization-scaling": "power:0.5", "tolerance": "0.0"],
        ["loss": "implicit", "alpha": "40", "unseen-confidence": "0.5", "cg-steps": "5", "extrapolate": "yes"],
        ["loss": "implicit", "confidence": "log:2:0.5", "precision": "fp32"],
        ["nonnegative": "yes", "center": "yes", "biases": "yes"], ["nonnegative": "yes"],
        ["center": "no", "patience": "3"],
    ])
    func argumentsGiveTheConfiguration(candidate: Candidate) throws {
        let configuration = try JobOptions.parse([]).setting(candidate).configuration()
        #expect(try JobOptions.parse(configuration.arguments).configuration() == configuration)
        #expect(try configuration != JobOptions.parse([]).configuration())
    }

    @Test func aValueThatIsNoneIsRefused() throws {
        let options = try JobOptions.parse([])
        for (name, value) in [
            ("biases", "maybe"), ("solver", "x"), ("rank", "2.5"), ("alpha", "-"), ("loss", ""), ("seed", "-3"),
        ] {
            #expect(throws: Failure.self) { try options.setting([name: value]) }
        }
    }
}
