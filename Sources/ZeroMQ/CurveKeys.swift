// Why: CURVE authenticates both ends of a connection by their keys. A secret one lives in a single piece of memory,
// which is wiped when it goes, and has no description, so that no log and no message can hold it by mistake.

import CZeroMQ
import Failures
import Glibc

/// What others may know of a pair of keys, and who holds it is known by.
public struct PublicKey: Sendable, Hashable {
    /// 32 of them.
    package let bytes: [UInt8]

    /// - Returns: nil unless there are 32 bytes.
    init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Z85.keyByteCount else { return nil }
        self.bytes = Array(bytes)
    }

    /// - Parameter characters: 40 of Z85.
    /// - Returns: nil when they are no key.
    public init?(z85 characters: UnsafeRawBufferPointer) {
        var bytes: [UInt8] = []
        guard Z85.decodeKey(characters, { bytes.append($0) }) else { return nil }
        self.bytes = bytes
    }

    /// - Returns: nil when it is no key in Z85.
    public init?(z85 text: String) {
        guard let key = Array(text.utf8).withUnsafeBytes({ PublicKey(z85: $0) }) else { return nil }
        self = key
    }

    /// Its 40 characters.
    public var z85: String { Z85.encode(bytes) }

    /// Lends the 40 characters to `body`.
    public func withCharacters<Result>(_ body: (UnsafeRawBufferPointer) throws(Failure) -> Result) throws(Failure)
        -> Result
    {
        let text = UnsafeMutableRawBufferPointer.allocate(byteCount: Z85.keyCharacterCount, alignment: 1)
        defer { text.deallocate() }
        text.copyBytes(from: z85.utf8)
        return try body(UnsafeRawBufferPointer(text))
    }
}

/// The other half, which never leaves its holder.
public final class SecretKey: @unchecked Sendable {
    // Unchecked: written by the initializers and wiped by the deinitializer alone.
    /// 40 characters and a zero, as libzmq takes them.
    private let text: UnsafeMutableRawBufferPointer

    private init(text: UnsafeMutableRawBufferPointer) { self.text = text }

    /// - Parameter characters: 40 of Z85; the caller wipes its own copy.
    /// - Returns: nil when they are no key.
    public convenience init?(z85 characters: UnsafeRawBufferPointer) {
        guard Z85.decodeKey(characters, { _ in }) else { return nil }
        let text = Self.makeText()
        text.copyMemory(from: characters)
        self.init(text: text)
    }

    deinit {
        explicit_bzero(text.baseAddress!, text.count)
        text.deallocate()
    }

    private static func makeText() -> UnsafeMutableRawBufferPointer {
        let text = UnsafeMutableRawBufferPointer.allocate(byteCount: Z85.keyCharacterCount + 1, alignment: 1)
        text.initializeMemory(as: UInt8.self, repeating: 0)
        return text
    }

    /// Draws a new one, at random.
    /// - Throws: a ``Failure`` of kind `unavailable` when the system's libzmq has no CURVE.
    public static func random() throws(Failure) -> SecretKey {
        try requireCurve()
        let key = SecretKey(text: makeText())
        var publicText = [CChar](repeating: 0, count: Z85.keyCharacterCount + 1)
        let result = zmq_curve_keypair(&publicText, key.characters)
        precondition(result == 0, "libzmq has CURVE and makes no keys")
        return key
    }

    /// What belongs to it.
    public var publicKey: PublicKey {
        var publicText = [UInt8](repeating: 0, count: Z85.keyCharacterCount + 1)
        let result = publicText.withUnsafeMutableBytes {
            zmq_curve_public($0.baseAddress!.assumingMemoryBound(to: CChar.self), characters)
        }
        precondition(result == 0, "libzmq has CURVE and derives no key")
        return publicText.withUnsafeBytes { PublicKey(z85: UnsafeRawBufferPointer(rebasing: $0.dropLast())) }!
    }

    private var characters: UnsafeMutablePointer<CChar> { text.baseAddress!.assumingMemoryBound(to: CChar.self) }

    /// Lends the 40 characters to `body`, which keeps no copy.
    public func withCharacters<Result>(_ body: (UnsafeRawBufferPointer) throws(Failure) -> Result) throws(Failure)
        -> Result
    {
        defer { withExtendedLifetime(self) {} }
        return try body(UnsafeRawBufferPointer(rebasing: text.dropLast()))
    }
}

/// Refuses a libzmq that was built without CURVE.
/// - Throws: a ``Failure`` of kind `unavailable`.
public func requireCurve() throws(Failure) {
    guard zmq_has("curve") == 1 else {
        throw Failure(
            .unavailable, "the system's libzmq was built without CURVE, so it knows no keys",
            remedy: "install one with it, such as Debian's libzmq5")
    }
}

extension Socket {
    /// Lets in only who has a key that the authenticator of this context knows; before binding.
    public func serveCurve(_ key: SecretKey) throws(Failure) {
        try requireCurve()
        try setBytes(ZMQ_ZAP_DOMAIN, Array(Authenticator.domain.utf8), "ZAP_DOMAIN")
        var isServer: Int32 = 1
        guard zmq_setsockopt(handle, ZMQ_CURVE_SERVER, &isServer, MemoryLayout<Int32>.size) == 0 else {
            throw Failure(zeroMQ: "set CURVE_SERVER", at: "")
        }
        try setSecret(key)
    }

    /// Shows this key, and connects to nobody but the holder of `server`; before connecting.
    public func useCurve(_ key: SecretKey, server: PublicKey) throws(Failure) {
        try requireCurve()
        try setBytes(ZMQ_CURVE_SERVERKEY, server.bytes, "CURVE_SERVERKEY")
        try setBytes(ZMQ_CURVE_PUBLICKEY, key.publicKey.bytes, "CURVE_PUBLICKEY")
        try setSecret(key)
    }

    private func setSecret(_ key: SecretKey) throws(Failure) {
        try key.withCharacters { characters throws(Failure) in
            guard zmq_setsockopt(handle, ZMQ_CURVE_SECRETKEY, characters.baseAddress, characters.count) == 0 else {
                throw Failure(zeroMQ: "set CURVE_SECRETKEY", at: "")
            }
        }
    }

    private func setBytes(_ option: Int32, _ bytes: [UInt8], _ name: String) throws(Failure) {
        guard zmq_setsockopt(handle, option, bytes, bytes.count) == 0 else {
            throw Failure(zeroMQ: "set \(name)", at: "")
        }
    }
}
