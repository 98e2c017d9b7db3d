// Why: every message, in both directions, begins with the same header frame:
//
//     magic "SWMF" | protocol version UInt16 | message type UInt16 | job UInt64 | epoch UInt64
//     body, which the type decides
//     payload bytes UInt64 | payload checksum UInt64      (0 and 0 without a payload frame)
//     checksum of all the bytes before UInt64
//
// The job and the epoch fence off what belongs to another run; the checksums, what was damaged on the way.

import ArrayFiles

/// Which life of which job a message belongs to. Both are 0 in what a worker says until it is welcomed, for it knows
/// neither yet.
public struct Envelope: Sendable, Hashable {
    /// Drawn at random when a job begins.
    public var job: UInt64
    /// Counts the coordinators that have run the job.
    public var epoch: UInt64

    public init(job: UInt64, epoch: UInt64) {
        self.job = job
        self.epoch = epoch
    }

    public static let none = Envelope(job: 0, epoch: 0)
}

/// A message type that knows its own layout; write and read stand side by side in each.
public protocol WireMessage: Sendable {
    /// The number that names the message in the header.
    var type: UInt16 { get }
    /// Writes the body.
    func write(to writer: inout WireWriter)
    /// Reads the body of a message of `type`.
    init(type: UInt16, from reader: inout WireReader) throws(WireError)
}

/// A message with its envelope and, for bulk, its payload: what goes over the wire.
public struct Parcel<Message: WireMessage>: Sendable {
    public var envelope: Envelope
    public var message: Message
    public var payload: Payload?

    public init(_ message: Message, payload: Payload? = nil, envelope: Envelope) {
        self.message = message
        self.payload = payload
        self.envelope = envelope
    }
}

private let magic: [UInt8] = Array("SWMF".utf8)
private let checksumByteCount = 8

extension Parcel {
    /// The header frame; the payload, if any, is the next frame as it is.
    public var header: [UInt8] {
        var writer = WireWriter()
        for byte in magic { writer.integer(byte) }
        writer.integer(Limits.protocolVersion)
        writer.integer(message.type)
        writer.integer(envelope.job)
        writer.integer(envelope.epoch)
        message.write(to: &writer)
        writer.integer(UInt64(payload?.bytes.count ?? 0))
        writer.integer(payload?.checksum ?? 0)
        writer.integer(writer.bytes.withUnsafeBytes { Checksum.of($0) })
        return writer.bytes
    }

    /// Reads a message.
    /// - Parameters:
    ///   - header: the header frame.
    ///   - payload: the frame after it, if there is one.
    public init(header: UnsafeRawBufferPointer, payload: Payload?) throws(WireError) {
        guard header.count >= magic.count + checksumByteCount, header.prefix(magic.count).elementsEqual(magic) else {
            throw WireError("not a message of this protocol")
        }
        let content = UnsafeRawBufferPointer(rebasing: header[..<(header.count - checksumByteCount)])
        var trailer = WireReader(UnsafeRawBufferPointer(rebasing: header[content.count...]))
        guard try trailer.integer(UInt64.self) == Checksum.of(content) else { throw WireError("the header is damaged") }
        var reader = WireReader(UnsafeRawBufferPointer(rebasing: content[magic.count...]))
        let version = try reader.integer(UInt16.self)
        guard version == Limits.protocolVersion else {
            throw WireError(
                "its protocol version is \(version), and ours is \(Limits.protocolVersion)", isOtherVersion: true)
        }
        let type = try reader.integer(UInt16.self)
        envelope = Envelope(job: try reader.integer(), epoch: try reader.integer())
        message = try Message(type: type, from: &reader)
        let byteCount = try reader.integer(UInt64.self)
        let checksum = try reader.integer(UInt64.self)
        try reader.finish()
        guard byteCount == UInt64(payload?.bytes.count ?? 0), checksum == payload?.checksum ?? 0 else {
            throw WireError("the payload is damaged")
        }
        self.payload = payload
    }
}
