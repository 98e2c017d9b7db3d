// Why: whatever reads bytes that others wrote must refuse what is wrong with them, and never trap. Each such reader is
// a target here, so that a fuzzer can look for bytes that break the promise, and a test can replay those that it found.
//
// Checksums would keep a fuzzer out of what lies behind them: where a reader demands one, the target makes it.

import ArrayFiles
import Cluster
import ClusterRuntime
import Failures
import Foundation
import Model
import Ratings
import ZeroMQ

/// A reader of bytes from outside.
public enum FuzzTarget: String, CaseIterable, Sendable {
    /// Rating text; the first byte chooses the format.
    case ratings
    /// `.npy` files of every element type.
    case array
    /// The JSON files of stores, models and checkpoints, in their folders; the first byte chooses.
    case json
    /// Headers of messages, both ways; the first byte chooses.
    case message
    /// The ratings of a block, as they travel; the first two bytes are its numbers of rows and columns.
    case block
    /// Key files, and questions about keys.
    case key

    /// Has `bytes` read. Returns, whatever they are.
    /// - Parameter scratch: a folder to write in; the same for all calls, and of nobody else.
    /// - Returns: whether they were accepted.
    @discardableResult
    public func run(_ bytes: [UInt8], scratch: String) -> Bool {
        switch self {
        case .ratings: Self.accepts { try Self.readRatings(bytes, scratch) }
        case .array: Self.readArrays(bytes, scratch)
        case .json: Self.accepts { try Self.useFolder(bytes, scratch) }
        case .message: Self.readMessage(bytes)
        case .block: Self.readBlock(bytes)
        case .key: Self.readKey(bytes)
        }
    }

    private static func accepts(_ body: () throws -> Void) -> Bool { (try? body()) != nil }

    private static func write(_ bytes: some Collection<UInt8>, to path: String) {
        guard let file = fopen(path, "w") else { return }
        _ = Array(bytes).withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, file) }
        fclose(file)
    }

    // MARK: Files

    private static func readRatings(_ bytes: [UInt8], _ scratch: String) throws {
        let formats: [RatingFormat?] = [nil] + RatingFormat.allCases
        let path = "\(scratch)/ratings"
        write(bytes.dropFirst(), to: path)
        var importer = RatingImporter(
            inputs: [path], format: formats[Int(bytes.first ?? 0) % formats.count], duplicates: .last, threads: 1)
        // Small, so that lines lie across the ends of chunks.
        importer.chunkByteCount = 64
        _ = try importer.run()
    }

    private static func readArrays(_ bytes: [UInt8], _ scratch: String) -> Bool {
        let path = "\(scratch)/array"
        write(bytes, to: path)
        func sum<Element: ArrayElement & BinaryInteger>(_ type: Element.Type, _ dimensions: Int) throws -> Int {
            let view = try ArrayView<Element>(mapping: path, dimensions: dimensions)
            return withExtendedLifetime(view) { view.elements.reduce(0) { $0 &+ Int(truncatingIfNeeded: $1) } }
        }
        return (1...2).contains { dimensions in
            accepts { _ = try sum(UInt8.self, dimensions) } || accepts { _ = try sum(UInt32.self, dimensions) }
                || accepts { _ = try sum(Int64.self, dimensions) }
                || accepts {
                    let view = try ArrayView<Float>(mapping: path, dimensions: dimensions)
                    _ = withExtendedLifetime(view) { view.elements.reduce(0, +) }
                }
        }
    }

    private static func useFolder(_ bytes: [UInt8], _ scratch: String) throws {
        let folders = JSONFolder.allCases
        try folders[Int(bytes.first ?? 0) % folders.count].use(bytes.dropFirst(), scratch: scratch)
    }

    // MARK: Messages

    private static func readMessage(_ bytes: [UInt8]) -> Bool {
        // All that stands before the type of a message.
        var header = Array("SWMF".utf8)
        withUnsafeBytes(of: Limits.protocolVersion.littleEndian) { header += $0 }
        header += bytes.dropFirst()
        withUnsafeBytes(of: header.withUnsafeBytes { Checksum.of($0) }.littleEndian) { header += $0 }
        return header.withUnsafeBytes { header in
            if (bytes.first ?? 0) & 1 == 0 {
                guard let parcel = try? Parcel<WorkerMessage>(header: header, payload: nil) else { return false }
                return reads(parcel)
            }
            guard let parcel = try? Parcel<CoordinatorMessage>(header: header, payload: nil) else { return false }
            return reads(parcel)
        }
    }

    /// What was read must be read again as it is written.
    private static func reads<Message: WireMessage>(_ parcel: Parcel<Message>) -> Bool {
        parcel.header.withUnsafeBytes { header in
            let again = try? Parcel<Message>(header: header, payload: nil)
            precondition(again?.header == parcel.header, "a message is not read as it was written")
            return true
        }
    }

    private static func readBlock(_ bytes: [UInt8]) -> Bool {
        guard bytes.count >= 2 else { return false }
        let payload = Payload(byteCount: bytes.count - 2) { $0.copyBytes(from: bytes.dropFirst(2)) }
        guard let block = try? RatingsBlock(payload, rowCount: Int(bytes[0]), columnCount: Int(bytes[1])) else {
            return false
        }
        return block.ratings.rowCount == Int(bytes[0])
    }

    private static func readKey(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { content in
            let characters = KeyFiles.characters(in: content)
            let isSecret = SecretKey(z85: characters) != nil
            let key = PublicKey(z85: characters)
            precondition((key != nil) == isSecret, "a key is one of both kinds or of none")
            if let key { precondition(Array(key.z85.utf8) == Array(characters), "a key is not written as it was read") }
            let frames = bytes.split(separator: 0xFF, omittingEmptySubsequences: false).map { Array($0) }
            return key != nil || Authenticator.decide(frames) { _ in true } != nil
        }
    }
}
