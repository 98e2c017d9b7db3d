import ClusterRuntime
import Failures
import Foundation
import TestKit
import Testing

@Suite struct EndpointSafetyTests {
    private static func refusal(_ address: String, hasKeys: Bool = false, isInsecure: Bool = false) throws -> Failure? {
        do throws(Failure) {
            try Endpoint(address).requireSafeToListen(hasKeys: hasKeys, isInsecure: isInsecure)
            return nil
        } catch { return error }
    }

    @Test(arguments: [
        "tcp://0.0.0.0:5555", "tcp://*:5555", "tcp://10.0.0.1:5555", "tcp://[::]:5555", "tcp://host:5555",
    ])
    func otherMachinesNeedKeysOrALoudWord(address: String) throws {
        #expect(try Self.refusal(address)?.kind == .usage)
        #expect(try Self.refusal(address)?.remedy.contains("--allow") == true)
        #expect(try Self.refusal(address, hasKeys: true) == nil)
        #expect(try Self.refusal(address, isInsecure: true) == nil)
        #expect(throws: Failure.self) { try Endpoint(address).requireSafeToConnect(hasKeys: false, isInsecure: false) }
        try Endpoint(address).requireSafeToConnect(hasKeys: true, isInsecure: false)
    }

    @Test(arguments: ["tcp://127.0.0.1:5555", "tcp://localhost:*", "tcp://[::1]:5555", "tcp://127.3.2.1:5555"])
    func loopbackIsSafe(address: String) throws { #expect(try Self.refusal(address) == nil) }

    /// Nothing keeps other users from an abstract address, wherever it is said.
    @Test(arguments: ["ipc://@name", "ipc://@", "ipc://*"])
    func whatIsNoFileHasNoFolderThatProtectsIt(address: String) {
        #expect { try Endpoint(address) } throws: { ($0 as? Failure)?.kind == .usage }
    }

    @Test func foldersOfSocketsAreForOneUser() throws {
        let folder = try TemporaryFolder()
        let address = "ipc://" + folder("run/socket")
        // Made where it is not there.
        #expect(try Self.refusal(address) == nil)
        #expect(try FileManager.default.attributesOfItem(atPath: folder("run"))[.posixPermissions] as? Int == 0o700)
        for mode in [0o755, 0o711, 0o750, 0o701] as [mode_t] {
            chmod(folder("run"), mode)
            #expect(try Self.refusal(address)?.kind == .usage)
            #expect(try Self.refusal(address, hasKeys: true) == nil)
        }
        chmod(folder("run"), 0o700)
        #expect(try Self.refusal(address) == nil)
        #expect(try Self.refusal("ipc://" + folder("none/none/socket"))?.kind == .cannotCreate)
    }
}
