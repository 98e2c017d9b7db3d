import Failures
import Testing
import ZeroMQ

@Suite struct KeyTests {
    /// The example of ZeroMQ RFC 32, with the 24 bytes after it that make a key of it.
    @Test func z85IsThatOfTheStandard() {
        #expect(Z85.encode([0x86, 0x4F, 0xD2, 0x6F, 0xB5, 0x59, 0xF7, 0x5B]) == "HelloWorld")
        let key = PublicKey(z85: "HelloWorld" + String(repeating: "0", count: 30))
        #expect(key?.bytes == [0x86, 0x4F, 0xD2, 0x6F, 0xB5, 0x59, 0xF7, 0x5B] + [UInt8](repeating: 0, count: 24))
    }

    @Test func whatIsNoKeyIsNone() {
        let zeros = String(repeating: "0", count: 40)
        #expect(PublicKey(z85: zeros) != nil)
        #expect(PublicKey(z85: "") == nil)
        #expect(PublicKey(z85: String(zeros.dropLast())) == nil)
        #expect(PublicKey(z85: zeros + "0") == nil)
        #expect(PublicKey(z85: zeros.dropLast() + "~") == nil)
        // Five digits of 84 are more than four bytes hold.
        #expect(PublicKey(z85: zeros.dropLast(5) + "#####") == nil)
        #expect(PublicKey(z85: zeros.dropLast(5) + "%nSc0") != nil)
        #expect(PublicKey(z85: zeros.dropLast(5) + "%nSc1") == nil)
    }

    @Test func keysSurviveTheirText() throws {
        for _ in 0..<20 {
            let key = try SecretKey.random().publicKey
            #expect(PublicKey(z85: key.z85) == key)
            #expect(key.z85.utf8.count == 40)
        }
        #expect(try SecretKey.random().publicKey != SecretKey.random().publicKey)
    }

    @Test func secretKeysAreNotDescribed() throws {
        let key = try SecretKey.random()
        let text = try key.withCharacters { String(decoding: $0, as: UTF8.self) }
        var dumped = ""
        dump(key, to: &dumped)
        for description in ["\(key)", String(reflecting: key), dumped] { #expect(!description.contains(text)) }
    }

    private static let request: [[UInt8]] = [
        Array("1.0".utf8), [1], Array(Authenticator.domain.utf8), Array("10.0.0.1".utf8), [7], Array("CURVE".utf8),
        [UInt8](repeating: 9, count: 32),
    ]

    @Test func onlyWellFormedQuestionsAreAdmitted() {
        #expect(Authenticator.decide(Self.request) { _ in true }?.isAdmitted == true)
        #expect(Authenticator.decide(Self.request) { _ in false }?.isAdmitted == false)
        for index in Self.request.indices where ![1, 3, 4].contains(index) {
            var request = Self.request
            request[index].append(0)
            #expect(Authenticator.decide(request) { _ in true } == nil, "frame \(index)")
        }
        for count in 0..<7 { #expect(Authenticator.decide(Array(Self.request.prefix(count))) { _ in true } == nil) }
        #expect(Authenticator.decide(Self.request + [[]]) { _ in true } == nil)
    }
}
