// Why: faults of real processes: killed, frozen and wedged workers, connections that stall, break and flip bits, and
// descriptors that run out. Whatever happens, the model's bytes are those of the undisturbed run.

import Foundation
import TestKit
import Testing

@Suite(.serialized) struct FaultCommandTests {
    /// Every block takes 100 ms more: the job then takes one worker some 14 s, and can be disturbed at leisure.
    private static let slowly = "worker.solve:*=delay"
    private static let impatient = ["--suspect-after", "2", "--evict-after", "4"]

    /// Requires that the job is done, with the right bytes.
    private func requireReference(
        _ coordinator: RunningProgram, _ fixture: ClusterFixture, _ model: String
    ) async throws {
        let output = try await coordinator.ending
        try #require(output.status == 0, "\(output.standardError)")
        #expect(try ClusterFixture.factors(of: fixture.folder(model)) == fixture.factors, "\(output.standardError)")
    }

    // MARK: Death

    /// While it takes in the job, receives ratings, solves, and before, in and after a message with a result.
    @Test(arguments: [
        "worker.welcomed:1=kill", "worker.ratings:3=kill", "worker.solve:10=kill", "worker.send:10=kill",
        "worker.sent:10=kill", "worker.solve:7=exit",
    ])
    func aWorkerMayDieAnywhere(failpoint: String) async throws {
        let fixture = try await ClusterFixture.small
        let (coordinator, endpoint) = try await fixture.startCoordinator("dies", ["--min-workers", "2"])
        let victim = try await ClusterFixture.startWorker(endpoint, mapsStore: false, failpoints: failpoint)
        let other = try await ClusterFixture.startWorker(endpoint)
        try await requireReference(coordinator, fixture, "dies")
        // One that dies before it is ready may not be missed before the job is over.
        if !failpoint.hasPrefix("worker.welcomed") {
            #expect(coordinator.standardError.contains("left: "), "\(coordinator.standardError)")
        }
        #expect(try await victim.ending.status == (failpoint.hasSuffix("kill") ? 128 + SIGKILL : 70))
        #expect(try await other.ending.status == 0)
    }

    @Test func allWorkersMayDieAtOnce() async throws {
        let fixture = try await ClusterFixture.small
        let (coordinator, endpoint) = try await fixture.startCoordinator("all", ["--min-workers", "3"])
        var workers: [RunningProgram] = []
        for _ in 0..<3 {
            workers.append(try await ClusterFixture.startWorker(endpoint, failpoints: "worker.solve:12=kill"))
        }
        for worker in workers { #expect(try await worker.ending.status == 128 + SIGKILL) }
        #expect(await coordinator.says("workers that remain: 0"), "\(coordinator.standardError)")
        let next = try await ClusterFixture.startWorker(endpoint)
        try await requireReference(coordinator, fixture, "all")
        #expect(try await next.ending.status == 0)
    }

    @Test func aBlockThatKillsItsWorkersFailsTheJobByName() async throws {
        let fixture = try await ClusterFixture.small
        let (coordinator, endpoint) = try await fixture.startCoordinator("deadly", [])
        // One after the other, and each a moment after it began: a result that is under way when its worker dies puts
        // the blame on the block before.
        let deadly = "worker.solve.user.3=delay,worker.solve.user.3=kill"
        let verdict = "user block 3, rows "
        var killed = 0
        while killed < 12, !coordinator.standardError.contains("error: ") {
            let worker = try await ClusterFixture.startWorker(endpoint, failpoints: deadly)
            #expect(try await worker.ending.status == 128 + SIGKILL)
            killed += 1
            for _ in 0..<1000 {
                let text = coordinator.standardError
                if text.contains("error: ") || text.components(separatedBy: " left: ").count > killed { break }
                try await Task.sleep(for: .milliseconds(10))
            }
            // A worker that comes after the verdict would wait for nothing.
            if killed >= 4 { _ = await coordinator.says("error: ", within: .seconds(2)) }
        }
        coordinator.signal(SIGTERM)
        let output = try await coordinator.ending
        #expect(output.status == 70, "\(output.standardError)")
        #expect(output.standardError.contains(verdict), "\(output.standardError)")
        #expect(!FileManager.default.fileExists(atPath: fixture.folder("deadly")))
        #expect(killed >= 4)
    }

    // MARK: Coming and going

    @Test func workersMayLeaveAndJoinInTheMiddle() async throws {
        let fixture = try await ClusterFixture.small
        let (coordinator, endpoint) = try await fixture.startCoordinator("leaves", [])
        let first = try await ClusterFixture.startWorker(endpoint, failpoints: Self.slowly)
        #expect(await coordinator.says("half-step ended"))
        first.signal(SIGTERM)
        #expect(try await first.ending.status == 128 + SIGTERM)
        #expect(await coordinator.says("workers that remain: 0"))
        let second = try await ClusterFixture.startWorker(endpoint)
        try await requireReference(coordinator, fixture, "leaves")
        #expect(try await second.ending.status == 0)
    }

    @Test func withoutAnyWorkerTheJobFailsAfterASetTime() async throws {
        let fixture = try await ClusterFixture.small
        let (coordinator, endpoint) = try await fixture.startCoordinator("deserted", ["--worker-timeout", "2"])
        _ = try await ClusterFixture.startWorker(endpoint, failpoints: "worker.solve:12=kill").ending
        let output = try await coordinator.ending
        #expect(output.status == 69, "\(output.standardError)")
        #expect(output.standardError.contains("0 of 1 workers for 2.0 seconds"), "\(output.standardError)")
    }

    // MARK: Frozen and wedged

    /// It is suspected, and welcome again when it thaws.
    @Test func aShortFreezeCostsNoMembership() async throws {
        let fixture = try await ClusterFixture.small
        let (coordinator, endpoint) = try await fixture.startCoordinator(
            "short-freeze", ["--min-workers", "2", "--suspect-after", "2"])
        let victim = try await ClusterFixture.startWorker(endpoint, failpoints: Self.slowly)
        let other = try await ClusterFixture.startWorker(endpoint, failpoints: Self.slowly)
        #expect(await coordinator.says("half-step ended"))
        victim.signal(SIGSTOP)
        #expect(await coordinator.says("was not heard of for 2.0 seconds", within: .seconds(10)))
        victim.signal(SIGCONT)
        #expect(await coordinator.says("is heard again", within: .seconds(10)), "\(coordinator.standardError)")
        try await requireReference(coordinator, fixture, "short-freeze")
        #expect(!coordinator.standardError.contains("left: "), "\(coordinator.standardError)")
        for worker in [victim, other] { #expect(try await worker.ending.status == 0) }
    }

    /// It is given up, and joins anew when it thaws.
    @Test func aLongFreezeCostsAMembership() async throws {
        let fixture = try await ClusterFixture.small
        let (coordinator, endpoint) = try await fixture.startCoordinator(
            "long-freeze", ["--min-workers", "2"] + Self.impatient)
        let victim = try await ClusterFixture.startWorker(endpoint, failpoints: Self.slowly)
        let other = try await ClusterFixture.startWorker(endpoint, failpoints: Self.slowly)
        #expect(await coordinator.says("half-step ended"))
        victim.signal(SIGSTOP)
        #expect(await coordinator.says("left: not heard of for 4.0 seconds", within: .seconds(15)))
        victim.signal(SIGCONT)
        #expect(await victim.says("joining the coordinator anew"))
        try await requireReference(coordinator, fixture, "long-freeze")
        for worker in [victim, other] { #expect(try await worker.ending.status == 0) }
    }

    /// Its socket still answers; what it does not do is get on.
    @Test func aWedgedSolverIsGivenUp() async throws {
        let fixture = try await ClusterFixture.small
        let (coordinator, endpoint) = try await fixture.startCoordinator("wedged", ["--progress-timeout", "3"])
        let worker = try await ClusterFixture.startWorker(endpoint, failpoints: "worker.solve:12=hang")
        #expect(await coordinator.says("did not get on for 3.0 seconds", within: .seconds(20)))
        try await requireReference(coordinator, fixture, "wedged")
        #expect(try await worker.ending.status == 0)
    }

    /// A worker that is stopped most of the time; the other is given its blocks too.
    @Test func aStragglerIsHelped() async throws {
        let fixture = try await ClusterFixture.small
        let (coordinator, endpoint) = try await fixture.startCoordinator("straggler", ["--min-workers", "2"])
        let straggler = try await ClusterFixture.startWorker(endpoint)
        let other = try await ClusterFixture.startWorker(endpoint, failpoints: Self.slowly)
        let cycle = Task {
            while !Task.isCancelled {
                straggler.signal(SIGSTOP)
                try? await Task.sleep(for: .milliseconds(1800))
                straggler.signal(SIGCONT)
                try? await Task.sleep(for: .milliseconds(50))
            }
        }
        defer { straggler.signal(SIGCONT) }
        try await requireReference(coordinator, fixture, "straggler")
        cycle.cancel()
        await cycle.value
        #expect(coordinator.standardError.contains("is overdue with"), "\(coordinator.standardError)")
        for worker in [straggler, other] { #expect(try await worker.ending.status == 0) }
    }

    // MARK: Connections

    /// A coordinator, a worker behind a proxy that has to be sent its ratings, and one that is not, if asked for.
    private func startBehindProxy(
        _ fixture: ClusterFixture, _ model: String, _ options: [String], besides failpoints: String?,
        behavior: TCPProxy.Behavior = .init()
    ) async throws -> (coordinator: RunningProgram, proxy: TCPProxy, workers: [RunningProgram]) {
        let (coordinator, endpoint) = try await fixture.startCoordinator(
            model, ["--min-workers", failpoints == nil ? "1" : "2"] + options)
        let proxy = try TCPProxy(to: try ClusterFixture.port(of: endpoint))
        proxy.behavior = behavior
        var workers = [
            try await ClusterFixture.startWorker(
                "tcp://127.0.0.1:\(proxy.port)", mapsStore: false, failpoints: failpoints == nil ? nil : Self.slowly)
        ]
        if let failpoints { workers.append(try await ClusterFixture.startWorker(endpoint, failpoints: failpoints)) }
        return (coordinator, proxy, workers)
    }

    /// Nothing passes any more, and no end of the connection is told.
    @Test func aPartitionIsNoticedAndHeals() async throws {
        let fixture = try await ClusterFixture.small
        let (coordinator, proxy, workers) = try await startBehindProxy(
            fixture, "partition", Self.impatient, besides: Self.slowly)
        #expect(await coordinator.says("half-step ended"))
        proxy.behavior.isBlackHole = true
        #expect(await coordinator.says("left: not heard of for 4.0 seconds", within: .seconds(12)))
        proxy.behavior.isBlackHole = false
        #expect(await workers[0].says("joining the coordinator anew"))
        try await requireReference(coordinator, fixture, "partition")
        for worker in workers { #expect(try await worker.ending.status == 0) }
    }

    /// The worker notices, too.
    @Test func aWorkerThatHearsNothingJoinsAnew() async throws {
        let fixture = try await ClusterFixture.small
        let (coordinator, endpoint) = try await fixture.startCoordinator("half-open", Self.impatient)
        let proxy = try TCPProxy(to: try ClusterFixture.port(of: endpoint))
        let worker = try await ClusterFixture.startWorker(
            "tcp://127.0.0.1:\(proxy.port)", ["--rejoin-after", "3"], failpoints: Self.slowly)
        #expect(await coordinator.says("half-step ended"))
        proxy.behavior.isBlackHole = true
        #expect(await worker.says("the coordinator was not heard of for 3.0 seconds", within: .seconds(12)))
        proxy.behavior.isBlackHole = false
        try await requireReference(coordinator, fixture, "half-open")
        #expect(try await worker.ending.status == 0)
    }

    @Test func brokenConnectionsAreMended() async throws {
        let fixture = try await ClusterFixture.small
        let (coordinator, proxy, workers) = try await startBehindProxy(fixture, "cuts", [], besides: Self.slowly)
        for _ in 0..<5 {
            #expect(await coordinator.says("joined"))
            try await Task.sleep(for: .milliseconds(600))
            proxy.cut()
        }
        try await requireReference(coordinator, fixture, "cuts")
        for worker in workers { #expect(try await worker.ending.status == 0) }
    }

    /// 8 and 80 Mbit/s, and 50 ms each way.
    @Test(arguments: [1_000_000, 10_000_000]) func aSlowLinkIsNoDeadWorker(bytesPerSecond: Int) async throws {
        let fixture = try await ClusterFixture.small
        var behavior = TCPProxy.Behavior()
        behavior.bytesPerSecond = bytesPerSecond
        behavior.delay = .milliseconds(50)
        let (coordinator, proxy, workers) = try await startBehindProxy(
            fixture, "slow", Self.impatient, besides: nil, behavior: behavior)
        defer { withExtendedLifetime(proxy) {} }
        try await requireReference(coordinator, fixture, "slow")
        #expect(!coordinator.standardError.contains("left: "), "\(coordinator.standardError)")
        #expect(try await workers[0].ending.status == 0)
    }

    @Test func flippedBitsAreFoundAndSentAgain() async throws {
        let fixture = try await ClusterFixture.small
        var behavior = TCPProxy.Behavior()
        behavior.flipsOneIn = 600_000
        let (coordinator, proxy, workers) = try await startBehindProxy(
            fixture, "flips", [], besides: nil, behavior: behavior)
        #expect(await coordinator.says("sweep 2: "), "\(coordinator.standardError)")
        // The end of the job must get through for the worker's exit code.
        try await requireReference(coordinator, fixture, "flips")
        #expect(proxy.flipped > 0)
        workers[0].signal(SIGTERM)
        _ = try await workers[0].ending
    }

    /// Connections that say nothing use up the coordinator's descriptors.
    @Test func descriptorsMayRunOut() async throws {
        let fixture = try await ClusterFixture.small
        let (coordinator, endpoint) = try await fixture.startCoordinator("descriptors", ["--min-workers", "2"])
        let limit = try Process.run(
            URL(fileURLWithPath: "/usr/bin/env"), arguments: ["prlimit", "--pid", "\(coordinator.pid)", "--nofile=64"])
        limit.waitUntilExit()
        try #require(limit.terminationStatus == 0)
        let first = try await ClusterFixture.startWorker(endpoint)
        #expect(await coordinator.says("is here: 1 of the 2"))
        let port = try ClusterFixture.port(of: endpoint)
        let idle = try (0..<150).map { _ in try TCPProxy.connect(to: port) }
        try await Task.sleep(for: .milliseconds(500))
        let descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(coordinator.pid)/fd").count
        #expect(descriptors >= 60, "\(descriptors)")
        let second = try await ClusterFixture.startWorker(endpoint)
        for descriptor in idle { close(descriptor) }
        try await requireReference(coordinator, fixture, "descriptors")
        for worker in [first, second] { #expect(try await worker.ending.status == 0) }
    }

    // MARK: Misfits

    @Test func aWorkerWithoutTheJobsKernelsIsRefusedWithTheReason() async throws {
        let fixture = try await ClusterFixture.small
        let (coordinator, endpoint) = try await fixture.startCoordinator("misfit", [])
        let fit = try await ClusterFixture.startWorker(endpoint, failpoints: Self.slowly)
        #expect(await coordinator.says("joined"))
        let level = try #require(await kernelLevel(of: fixture))
        try #require(level != "portable")
        let misfit = try await Program.worker.run(
            ["--coordinator", endpoint, "--threads", "1", "--kernels", "portable"])
        #expect(misfit.status == 69, "\(misfit.standardError)")
        #expect(misfit.standardError.contains("the job runs with \(level) kernels"), "\(misfit.standardError)")
        fit.signal(SIGTERM)
        coordinator.signal(SIGTERM)
        _ = try await (fit.ending, coordinator.ending)
    }

    private func kernelLevel(of fixture: ClusterFixture) async -> String? {
        let model = FileManager.default.contents(atPath: fixture.folder("reference/model.json")) ?? Data()
        return (try? JSONSerialization.jsonObject(with: model) as? [String: Any])?["kernel_level"] as? String
    }

    @Test(arguments: [
        "nonsense", "worker.solve", "worker.solve:0=kill", "worker.solve:x=kill", "worker.solve=melt", "=kill",
    ])
    func failpointsThatAreNoneAreUsageErrors(text: String) async throws {
        let output = try await Program.worker.run(
            ["--coordinator", "tcp://127.0.0.1:5555"], environment: ["MF_FAILPOINTS": text])
        #expect(output.status == 64 && output.standardError.contains("MF_FAILPOINTS"), "\(output.standardError)")
    }
}
