// Why: under `ulimit -v` an allocation that fails would end a program with a trap, or leave it waiting for a thread
// that never comes. What is large is asked for in a way that can be refused, and the refusal is an error like others.

import Foundation
import TestKit
import Testing

@Suite(.serialized) struct AddressSpaceTests {
    /// Runs `mf` with so many KiB of address space.
    private func run(limit: Int, _ arguments: [String], in folder: TemporaryFolder) throws -> (
        status: Int32, error: String
    ) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "ulimit -v \(limit) && exec \"$0\" \"$@\"", Program.mf.path] + arguments
        let output = folder("messages")
        _ = FileManager.default.createFile(atPath: output, contents: nil)
        process.standardError = FileHandle(forWritingAtPath: output)
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        defer { try? FileManager.default.removeItem(atPath: output) }
        return (
            process.terminationStatus,
            String(decoding: FileManager.default.contents(atPath: output) ?? Data(), as: UTF8.self)
        )
    }

    /// 20 million ratings take 240 MB as triples alone; with 120 MB there is hardly room for threads.
    @Test(arguments: [120_000, 300_000])
    func whatDoesNotFitIsRefused(limit: Int) throws {
        let folder = try TemporaryFolder()
        let size = ["--users", "20000", "--items", "2000", "--ratings", "20000000"]
        for arguments in [
            ["generate"] + size + ["--output", folder("new")],
            ["generate"] + size + ["--format", "netflix", "--output", folder("new")],
            ["bench", "half-step", "--generate", "20000x2000x20000000"],
        ] {
            let ending = try run(limit: limit, arguments, in: folder)
            #expect(ending.status == 71, "\(arguments): \(ending.error)")
            #expect(ending.error.contains("MiB") && ending.error.contains("ulimit -v"), "\(ending.error)")
            #expect(folder.content.isEmpty, "\(folder.content)")
        }
    }

    @Test func anImportThatDoesNotFitIsRefused() async throws {
        let folder = try TemporaryFolder()
        let text = try await Program.mf.run(
            ["generate", "--users", "9000", "--items", "1000", "--ratings", "1500000", "--format", "csv"]
                + ["--output", folder("text")])
        #expect(text.status == 0, "\(text.standardError)")
        let ending = try run(
            limit: 150_000, ["import", "--input", folder("text"), "--output", folder("new")], in: folder)
        #expect(ending.status == 71 && ending.error.contains("ulimit -v"), "\(ending.error)")
        #expect(folder.content == ["text"])
    }
}
