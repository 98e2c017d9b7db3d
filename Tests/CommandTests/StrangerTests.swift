// Why: that no stranger gets in is tested from outside, with the real programs and with raw connections, while a job is
// running which none of it may disturb.

import Foundation
import TestKit
import Testing

@Suite(.serialized) struct StrangerTests {
    /// All who knock at the door of a running job are turned away, each with one line that says why, and the job goes
    /// on as if nobody had been there.
    @Test func strangersAreDeniedAndDisturbNothing() async throws {
        let fixture = try await KeyFixture.made
        let list = try fixture.list("list-strangers", of: ["gpu1", "gpu2"])
        let coordinator = try await fixture.coordinator("strangers", list: list, isSlow: true)
        let endpoint = try await ClusterFixture.endpoint(of: coordinator)
        let worker = try await fixture.worker(endpoint, key: "gpu1")
        let revoked = try await fixture.worker(endpoint, key: "gpu2")
        #expect(await coordinator.says("worker gpu2 ("))
        #expect(await coordinator.says("sweep 4: "))
        let before = ProcessMemory.peak(of: coordinator.pid)

        try FileManager.default.removeItem(atPath: "\(list)/gpu2.key")
        let port = try ClusterFixture.port(of: endpoint)
        let knocks = RawKnock.strangers
        try await withThrowingTaskGroup { group in
            for knock in knocks { group.addTask { try await knock.come(to: port) } }
            for (key, server, reason) in [
                ("stranger", "coordinator", "denies this worker's key"),
                ("gpu1", "other", "check that --coordinator-key"),
            ] {
                group.addTask { try await deny(fixture, endpoint, key: key, coordinator: server, saying: reason) }
            }
            // Chance has it which end sees first that there is no key, and if it is always theirs, the coordinator does
            // not learn why they went: so there are several, who try several times.
            for _ in 0..<3 {
                group.addTask {
                    try await deny(fixture, endpoint, key: nil, saying: "--key and --coordinator-key", after: 5)
                }
            }
            group.addTask {
                #expect(try await revoked.ending.status == 69)
                // It comes back.
                try await deny(fixture, endpoint, key: "gpu2", saying: "denies this worker's key")
            }
            try await group.waitForAll()
        }
        #expect(!coordinator.standardError.contains("sweep 50: "), "or else the job was over")
        let after = ProcessMemory.peak(of: coordinator.pid)
        #expect(before > 0 && after - before < 32 << 20, "\(before) \(after)")

        let output = try await coordinator.ending
        #expect(output.status == 0, "\(output.standardError)")
        #expect(try ClusterFixture.factors(of: fixture.folder("strangers")) == fixture.factors)
        #expect(try await worker.ending.status == 0)
        let denials = output.standardError.split(separator: "\n").filter { $0.contains("denied ") }.map(String.init)
        var reasons = [
            "the key that begins with \(try fixture.beginning("stranger")) from 127.0.0.1: it is not in \(list)",
            "the key that begins with \(try fixture.beginning("gpu2")) from 127.0.0.1: it is not in \(list)",
        ]
        reasons += knocks.map { "a connection from \($0.address): \($0.reason)" }
        for reason in reasons {
            #expect(denials.count { $0.contains("denied \(reason)") } == 1, "\(reason): \(denials)")
        }
        // These hang up themselves, at once, and are told of when it is known where they are, or after a while; in the
        // latter case again when it is known.
        let others = ["it was given another coordinator's key", "it has no key"]
        for reason in others {
            #expect((1...2).contains(denials.count { $0.contains(reason) }), "\(reason): \(denials)")
        }
        // And perhaps one of which it was not known at first what it lacks.
        #expect(denials.count <= reasons.count + 2 * others.count + 1, "\(denials)")
        let departures = output.standardError.split(separator: "\n").filter { $0.contains(" left: ") }
        #expect(
            departures.count == 1 && departures[0].contains(/worker gpu2 \(.*its key is not on the coordinator's list/))
    }

    /// A worker that is not let in gives up, and says why.
    private func deny(
        _ fixture: KeyFixture, _ endpoint: String, key: String?, coordinator: String = "coordinator",
        saying reason: String, after seconds: Int = 2
    ) async throws {
        let output = try await fixture.worker(endpoint, key: key, coordinator: coordinator, timeout: seconds).ending
        #expect(output.status == 69)
        #expect(output.standardError.contains(reason), "\(output.standardError)")
    }

    /// Where there are no keys a stranger comes further: past its handshake it can send a message.
    @Test func aGigabyteMessageTakesNoMemory() async throws {
        let fixture = try await KeyFixture.made
        let coordinator = try await fixture.coordinator("gigabyte", list: nil, sweeps: 20, isSlow: true)
        let endpoint = try await ClusterFixture.endpoint(of: coordinator)
        let worker = try await fixture.worker(endpoint, key: nil)
        #expect(await coordinator.says("sweep 4: "))
        let before = ProcessMemory.peak(of: coordinator.pid)
        try await RawKnock.gigabyteMessage.come(to: try ClusterFixture.port(of: endpoint))
        #expect(!coordinator.standardError.contains("sweep 20: "), "or else the job was over")
        let after = ProcessMemory.peak(of: coordinator.pid)
        #expect(before > 0 && after - before < 32 << 20, "\(before) \(after)")
        let output = try await coordinator.ending
        #expect(output.status == 0 && !output.standardError.contains(" left: "), "\(output.standardError)")
        let factors = try ClusterFixture.factors(of: fixture.folder("gigabyte"))
        #expect(try await fixture.factors(sweeps: 20) == factors)
        #expect(try await worker.ending.status == 0)
    }

    /// At the usual limit a thousand connections that say nothing would leave no descriptor for a worker.
    @Test func theLimitOnConnectionsIsRaised() async throws {
        let fixture = try await KeyFixture.made
        let list = try fixture.list("list-descriptors", of: ["gpu1"])
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        try #require(limit.rlim_max > 2000)
        // Programs inherit it.
        var low = limit
        low.rlim_cur = 256
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &low)
        defer { setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) }
        let coordinator = try await fixture.coordinator(
            "descriptors", list: list, ["--checkpoint", fixture.folder("checkpoint-descriptors")], isSlow: true)
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let endpoint = try await ClusterFixture.endpoint(of: coordinator)
        let worker = try await fixture.worker(endpoint, key: "gpu1")
        #expect(await coordinator.says("sweep 4: "))
        let port = try ClusterFixture.port(of: endpoint)
        let idle = try (0..<400).map { _ in try TCPProxy.connect(to: port) }
        defer { for descriptor in idle { close(descriptor) } }
        try await Task.sleep(for: .milliseconds(500))
        #expect(ProcessDescriptors.count(of: coordinator.pid) > 400)
        let output = try await coordinator.ending
        #expect(output.status == 0, "\(output.standardError)")
        #expect(try ClusterFixture.factors(of: fixture.folder("descriptors")) == fixture.factors)
        #expect(try await worker.ending.status == 0)
    }

    /// Where the limit cannot be raised strangers have every descriptor there is; checkpoints and the model are written
    /// all the same, and a key that is taken off the list puts its worker out.
    @Test(.enabled(if: ProcessDescriptors.canBeOfOneThread)) func aStormOfConnectionsDoesNotEndTheJob() async throws {
        let fixture = try await KeyFixture.made
        let list = try fixture.list("list-storm", of: ["gpu1", "gpu2"])
        let coordinator = try await fixture.coordinator(
            "storm", list: list, ["--checkpoint", fixture.folder("checkpoint-storm")], isSlow: true)
        let endpoint = try await ClusterFixture.endpoint(of: coordinator)
        let worker = try await fixture.worker(endpoint, key: "gpu1")
        let revoked = try await fixture.worker(endpoint, key: "gpu2", timeout: 2)
        #expect(await coordinator.says("worker gpu2 ("))
        #expect(await coordinator.says("sweep 1: "))
        let limit = 100
        try ProcessDescriptors.limit(coordinator.pid, to: limit)
        let port = try ClusterFixture.port(of: endpoint)
        let storm = Task {
            var (connections, wasExhausted): ([Int32], Bool) = ([], false)
            defer { for descriptor in connections { close(descriptor) } }
            while !Task.isCancelled {
                // Those that are turned away after 5 s of silence have successors.
                if let descriptor = try? TCPProxy.connect(to: port) { connections.append(descriptor) }
                // More than are accepted, and no more than may wait for that, or else connecting would take seconds.
                if connections.count > limit + 20 { close(connections.removeFirst()) }
                wasExhausted = wasExhausted || ProcessDescriptors.count(of: coordinator.pid) >= limit
                try? await Task.sleep(for: .milliseconds(5))
            }
            return wasExhausted
        }
        defer { storm.cancel() }
        #expect(await coordinator.says("sweep 9: "))
        try FileManager.default.removeItem(atPath: "\(list)/gpu2.key")
        #expect(try await revoked.ending.status == 69)
        #expect(!coordinator.standardError.contains("sweep 50: "), "or else the job was over")
        let output = try await coordinator.ending
        storm.cancel()
        #expect(await storm.value)
        #expect(output.status == 0, "\(output.standardError)")
        #expect(try ClusterFixture.factors(of: fixture.folder("storm")) == fixture.factors)
        #expect(try await worker.ending.status == 0)
    }

    @Test func aKeyIsNotAskedOfThoseWhoHaveNone() async throws {
        let fixture = try await KeyFixture.made
        let coordinator = try await fixture.coordinator("keyless", list: nil)
        let endpoint = try await ClusterFixture.endpoint(of: coordinator)
        let worker = try await fixture.worker(endpoint, key: "gpu1", timeout: 2)
        let output = try await worker.ending
        #expect(output.status == 69)
        #expect(output.standardError.contains("started with --key and --allow"), "\(output.standardError)")
        coordinator.signal(SIGTERM)
        _ = try await coordinator.ending
    }
}
