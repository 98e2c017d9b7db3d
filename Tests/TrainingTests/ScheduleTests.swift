// Why: the schedule alone decides which half-steps are done and when training ends.

import LeastSquares
import Testing
import Training

@Suite struct ScheduleTests {
    private func schedule(sweeps: Int, tolerance: Double = 0, extrapolate: Bool = false) -> Schedule {
        Schedule(JobConfiguration(sweeps: sweeps, tolerance: tolerance, extrapolate: extrapolate))
    }

    private func halfStep(_ step: Schedule.Step) throws -> HalfStep {
        guard case .solve(let halfStep) = step else { throw Unexpected(step: step) }
        return halfStep
    }

    private struct Unexpected: Error { let step: Schedule.Step }

    /// The first user half-step, after the opening one.
    private func opened(_ schedule: inout Schedule) throws -> HalfStep {
        try halfStep(schedule.next(after: schedule.begin(), objective: 1000))
    }

    @Test func halfStepsAlternateAndReadWhatWasSolvedLast() throws {
        var schedule = schedule(sweeps: 2)
        var steps = [schedule.begin()]
        for objective in [10.0, 9, 8, 7] {
            steps.append(try halfStep(schedule.next(after: steps.last!, objective: objective)))
        }
        #expect(steps.map(\.index) == [0, 1, 2, 3, 4])
        #expect(steps.map(\.side) == [.item, .user, .item, .user, .item])
        #expect(steps.map(\.sweep) == [1, 1, 1, 2, 2])
        #expect(steps.map(\.solvedVersion) == [1, 2, 3, 4, 5])
        #expect(steps.map(\.fixedVersion) == [0, 1, 2, 3, 4])
        #expect(steps.map(\.priorVersion) == [0, 0, 1, 2, 3])
        #expect(steps.map(\.endsSweep) == [false, false, true, false, true])
        #expect(schedule.next(after: steps[4], objective: 6) == .end(converged: false))
    }

    @Test func aSingleSweepIsAWholeJob() throws {
        var schedule = schedule(sweeps: 1, extrapolate: true)
        let items = try halfStep(schedule.next(after: try opened(&schedule), objective: 3))
        #expect(items.side == .item && !items.isExtrapolated)
        #expect(schedule.next(after: items, objective: 2) == .end(converged: false))
    }

    @Test func aSweepThatGainsTooLittleEndsTraining() throws {
        var schedule = schedule(sweeps: 100, tolerance: 0.01)
        var step = try opened(&schedule)
        for objective in [200.0, 100, 99, 98, 97.8] {
            step = try halfStep(schedule.next(after: step, objective: objective))
        }
        #expect(schedule.next(after: step, objective: 97.5) == .end(converged: true))
    }

    @Test func aRisingObjectiveIsNoConvergence() throws {
        var schedule = schedule(sweeps: 3, tolerance: 0.01)
        var step = try opened(&schedule)
        for objective in [200.0, 100, 110, 120, 130] {
            step = try halfStep(schedule.next(after: step, objective: objective))
        }
        #expect(schedule.next(after: step, objective: 140) == .end(converged: false))
    }

    @Test(arguments: Precision.allCases)
    func aRiseByNoMoreThanRoundingIsConvergence(precision: Precision) throws {
        var schedule = Schedule(JobConfiguration(precision: precision, sweeps: 9, tolerance: 0.01, extrapolate: false))
        var step = try opened(&schedule)
        for objective in [200.0, 100, 90] { step = try halfStep(schedule.next(after: step, objective: objective)) }
        let next = schedule.next(after: step, objective: 100.05)
        #expect((next == .end(converged: true)) == (precision == .bf16))
    }

    @Test func itemsAreExtrapolatedFromTheThirdSweepToTheLastButOne() throws {
        var schedule = schedule(sweeps: 5, extrapolate: true)
        var steps = [try opened(&schedule)]
        for objective in [9.0, 8, 7, 6, 5, 4, 3, 2, 1] {
            steps.append(try halfStep(schedule.next(after: steps.last!, objective: objective)))
        }
        #expect(steps.map(\.isExtrapolated) == [false, false, false, false, false, true, false, true, false, false])
    }

    @Test func extrapolationThatRaisesTheObjectiveIsWithdrawnForGood() throws {
        var schedule = schedule(sweeps: 6, extrapolate: true)
        var step = try opened(&schedule)
        for objective in [11.0, 10, 9, 8, 7, 6] {
            step = try halfStep(schedule.next(after: step, objective: objective))
        }
        #expect(step.side == .user && step.sweep == 4)
        guard case .withdrawExtrapolation(let version, let again) = schedule.next(after: step, objective: 6.1) else {
            Issue.record("the extrapolation was kept")
            return
        }
        #expect(version > step.solvedVersion)
        #expect(again.side == .user && again.sweep == 4 && again.index == step.index + 1)
        #expect(again.fixedVersion == version)
        #expect(again.priorVersion == step.solvedVersion)
        step = again
        var later: [HalfStep] = []
        for objective in [5.9, 5.8, 5.7, 5.6] {
            step = try halfStep(schedule.next(after: step, objective: objective))
            later.append(step)
        }
        #expect(later.allSatisfy { !$0.isExtrapolated })
        #expect(later.map(\.side) == [.item, .user, .item, .user])
    }
}
