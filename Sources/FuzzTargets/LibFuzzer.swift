// Why: what libFuzzer calls. Nothing of ours does: deploy/fuzz.sh links these with it. The environment says which
// target (MF_FUZZ_TARGET), and where the seeds go (MF_FUZZ_SEEDS).

import Foundation

private let target: FuzzTarget = {
    let name = ProcessInfo.processInfo.environment["MF_FUZZ_TARGET"] ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        fatalError(
            "MF_FUZZ_TARGET=\(name): choose one of \(FuzzTarget.allCases.map(\.rawValue).joined(separator: " "))")
    }
    return target
}()

/// In memory, and of this process alone.
private let scratch: String = {
    let path = "/dev/shm/mf-fuzz-\(getpid())"
    guard mkdir(path, 0o700) == 0 else { fatalError("cannot make \(path)") }
    return path
}()

@_cdecl("LLVMFuzzerInitialize")
public func fuzzerInitialize(_ count: UnsafeMutablePointer<Int32>, _ arguments: UnsafeMutableRawPointer) -> Int32 {
    if let folder = ProcessInfo.processInfo.environment["MF_FUZZ_SEEDS"] {
        guard let seeds = try? target.seeds(scratch: scratch) else { fatalError("cannot make seeds in \(scratch)") }
        for (index, seed) in seeds.enumerated() {
            _ = FileManager.default.createFile(atPath: "\(folder)/seed-\(index)", contents: Data(seed))
        }
    }
    atexit { try? FileManager.default.removeItem(atPath: scratch) }
    return 0
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzerTestOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    target.run(Array(UnsafeBufferPointer(start: start, count: count)), scratch: scratch)
    return 0
}
