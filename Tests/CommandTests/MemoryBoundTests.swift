// Why: factors are the one thing that every process of a job has to hold. A second copy of them somewhere would
// nearly double what a process takes, and no other test would notice.

import Cluster
import Foundation
import Ratings
import TestKit
import Testing
import Training

@Suite(.serialized) struct MemoryBoundTests {
    @Test func everyProcessHoldsTheFactorsOnce() async throws {
        let (users, items, rank) = (120_000, 2_000, 256)
        let folder = try TemporaryFolder()
        try SyntheticRatings.writeStore(to: folder("store"), users: users, items: items, ratings: 360_000, seed: 5)
        let training = try await Program.mf.start(
            [
                "train", "--ratings", folder("store"), "--model", folder("model"), "--workers", "2", "--threads", "1",
                "--rank", "\(rank)", "--precision", "fp32", "--sweeps", "4", "--tolerance", "0",
            ])
        var peak = 0
        while kill(training.pid, 0) == 0 {
            peak = max(peak, ProcessMemory(of: ProcessMemory.family(of: training.pid)).anonymous)
            try await Task.sleep(for: .milliseconds(10))
            if training.standardError.contains("sweep 4") { break }
        }
        let output = try await training.ending
        #expect(output.status == 0, "\(output.standardError)")

        let store = try RatingStore.open(folder("store"))
        let factors = (store.userIDs.count + store.itemIDs.count) * rank * MemoryLayout<Float>.size
        // Three processes hold them once each. The rest is some 35 MiB: programs, workspaces, and payloads under way,
        // which are 11 MiB a worker at most. That is a third of a copy; a fourth copy would be three times as much.
        #expect(peak > 3 * factors, "the measurement missed the job")
        #expect(peak < 3 * factors + factors * 3 / 4, "\(peak >> 20) MiB, with \(factors >> 20) MiB of factors")
    }
}
