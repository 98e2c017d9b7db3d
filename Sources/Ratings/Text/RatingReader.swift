// Why: reading 100 million lines takes every core. Each thread takes the next chunk, parses it with id tables of its
// own, and keeps the triples; then the tables are merged and the triples renumbered. Two things are settled on the way:
//
// - Whether a side's ids are integers is known only at the end of the text. They are read as integers until one is
//   not; then everything is read once more with strings on that side.
// - The first defect of the input is the one reported: a chunk with a defect stops the chunks after it, never those
//   before it.

import Failures
import Synchronization

/// Ratings as they were read: numbered in no particular order, one run for each chunk in the order of the input.
struct ReadRatings: Sendable {
    var users: IDTable
    var items: IDTable
    var runs: [RatingRun]
    /// Where each run was read.
    var chunks: [TextChunk]
}

/// Reads all ratings of some files.
struct RatingReader: Sendable {
    let files: [RatingFile]
    let threads: Int
    let chunks: [TextChunk]

    /// - Parameter threads: at most this many chunks are parsed at a time.
    init(_ files: [RatingFile], threads: Int, chunkByteCount: Int = TextChunk.defaultByteCount) {
        self.files = files
        self.threads = threads
        chunks = TextChunk.cut(files, byteCount: chunkByteCount)
    }

    var byteCount: Int { files.reduce(0) { $0 + $1.text.byteCount } }

    /// Reads everything.
    /// - Parameter progress: is told now and then, from any thread, how many bytes have been read.
    func read(progress: (@Sendable (_ byteCount: Int) -> Void)? = nil) throws(Failure) -> ReadRatings {
        var kinds: [Side: IDMap.Kind] = [.user: .integers, .item: .integers]
        while true {
            let lanes = try parse(kinds, progress)
            guard let stop = lanes.compactMap(\.stop).min(by: { $0.chunk < $1.chunk }) else {
                try reportTooLarge(lanes, upTo: chunks.count, before: nil)
                return try merge(lanes)
            }
            switch stop.reason {
            case .failure(let failure):
                throw failure
            case .parsing(.stringIDs(let sides)):
                for side in sides { kinds[side] = .strings }
            case .parsing(.defect(let defect)):
                try reportTooLarge(lanes, upTo: stop.chunk, before: defect)
                throw failure(defect, in: stop.chunk, lanes)
            }
        }
    }

    // MARK: - Parsing

    private struct ParsedChunk: Sendable {
        var chunk: Int
        var run: RatingRun
        var lineCount: Int
        /// The last item line's item (Netflix).
        var lastItem: UInt32?
        var tooLarge: LineDefect?
    }

    private struct Stop: Sendable {
        enum Reason: Sendable {
            case parsing(ParsingStop)
            case failure(Failure)
        }
        var chunk: Int
        var reason: Reason
    }

    /// What one thread has read.
    private struct Lane: Sendable {
        var users: IDTable
        var items: IDTable
        var chunks: [ParsedChunk] = []
        var stop: Stop?
        /// Where the ratings of one chunk go before their number is known.
        var output = RatingRun()
    }

    private func parse(
        _ kinds: [Side: IDMap.Kind], _ progress: (@Sendable (Int) -> Void)?
    ) throws(Failure) -> [Lane] {
        let next = Atomic(0)
        let firstStop = Atomic(Int.max)
        let bytesRead = Atomic(0)
        return try concurrently(max(1, min(threads, chunks.count))) { _ in
            var lane = Lane(users: IDTable(kinds[.user]!), items: IDTable(kinds[.item]!))
            var buffer = ChunkBuffer()
            while lane.stop == nil {
                let chunk = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard chunk < chunks.count, chunk < firstStop.load(ordering: .relaxed) else { break }
                parse(chunk, &buffer, &lane)
                if lane.stop != nil { firstStop.min(chunk, ordering: .relaxed) }
                let byteCount = bytesRead.wrappingAdd(chunks[chunk].bytes.count, ordering: .relaxed).newValue
                progress?(byteCount)
            }
            lane.output = RatingRun()
            return lane
        }
    }

    private func parse(_ chunk: Int, _ buffer: inout ChunkBuffer, _ lane: inout Lane) {
        do throws(Failure) {
            let file = files[chunks[chunk].file]
            try buffer.load(chunks[chunk], of: file)
            let capacity = LineParser.maximumCount(byteCount: buffer.lines.count)
            try checkRoom(lane.users, .user, capacity)
            try checkRoom(lane.items, .item, capacity)
            if lane.output.count < capacity { lane.output = try RatingRun(count: capacity) }
            var parser = LineParser(
                file.layout, users: lane.users, items: lane.items, output: lane.output,
                isContinuation: chunks[chunk].isContinuation(of: file))
            (lane.users, lane.items) = (IDTable(lane.users.kind), IDTable(lane.items.kind))
            do throws(ParsingStop) {
                try parser.parse(buffer.lines)
                if let defect = buffer.defect { throw .defect(defect(parser.line + 1)) }
            } catch {
                lane.stop = Stop(chunk: chunk, reason: .parsing(error))
            }
            (lane.users, lane.items) = (parser.users, parser.items)
            lane.chunks.append(
                ParsedChunk(
                    chunk: chunk, run: try parser.output.slice(0..<parser.count), lineCount: parser.line,
                    lastItem: parser.currentItem, tooLarge: parser.tooLarge))
        } catch {
            lane.stop = Stop(chunk: chunk, reason: .failure(error))
        }
    }

    /// Rows are numbered in 32 bits.
    private func checkRoom(_ table: IDTable, _ side: Side, _ more: Int) throws(Failure) {
        guard table.count <= RatingStore.maximumRowCount - more else {
            throw Failure(
                .badData, "more than \(RatingStore.maximumRowCount - more) \(side)s", remedy: "split the input")
        }
    }

    // MARK: - Lines

    /// Throws if an integer id beyond 64 bits stands before `defect` and in a chunk up to `last`.
    private func reportTooLarge(_ lanes: [Lane], upTo last: Int, before defect: LineDefect?) throws(Failure) {
        let found = lanes.flatMap(\.chunks).filter { $0.chunk <= last && $0.tooLarge != nil }.min {
            $0.chunk < $1.chunk
        }
        guard let found, let tooLarge = found.tooLarge else { return }
        if found.chunk == last, let defect, defect.line < tooLarge.line { return }
        throw failure(tooLarge, in: found.chunk, lanes)
    }

    /// The failure with the line of the whole file; every chunk before `chunk` has been parsed.
    private func failure(_ defect: LineDefect, in chunk: Int, _ lanes: [Lane]) -> Failure {
        let file = chunks[chunk].file
        let before = lanes.flatMap(\.chunks).filter { $0.chunk < chunk && chunks[$0.chunk].file == file }
        return defect.failure(
            in: files[file].name, linesBefore: before.reduce(files[file].finding.linesBefore) { $0 + $1.lineCount })
    }

    // MARK: - Merging

    private func merge(_ lanes: [Lane]) throws(Failure) -> ReadRatings {
        var users = lanes[0].users
        var items = lanes[0].items
        var parsed: [(chunk: ParsedChunk, users: [UInt32], items: [UInt32])] = lanes[0].chunks.map { ($0, [], []) }
        for lane in lanes.dropFirst() {
            try checkRoom(users, .user, lane.users.count)
            try checkRoom(items, .item, lane.items.count)
            let maps = (users.merge(lane.users), items.merge(lane.items))
            parsed += lane.chunks.map { ($0, maps.0, maps.1) }
        }
        parsed.sort { $0.chunk.chunk < $1.chunk.chunk }
        // A chunk's first ratings may belong to the item of a chunk before it.
        var inherited: [UInt32] = []
        var lastItem = LineParser.inheritedItem
        for entry in parsed {
            inherited.append(lastItem)
            if let item = entry.chunk.lastItem { lastItem = entry.items.isEmpty ? item : entry.items[Int(item)] }
        }
        let (merged, inheritedItems) = (parsed, inherited)
        _ = try concurrently(merged.count) { index in
            let (chunk, users, items) = merged[index]
            for (place, user) in chunk.run.users.elements.enumerated() where !users.isEmpty {
                chunk.run.users.pointer[place] = users[Int(user)]
            }
            for (place, item) in chunk.run.items.elements.enumerated() {
                if item == LineParser.inheritedItem {
                    chunk.run.items.pointer[place] = inheritedItems[index]
                } else if !items.isEmpty {
                    chunk.run.items.pointer[place] = items[Int(item)]
                }
            }
        }
        return ReadRatings(users: users, items: items, runs: merged.map(\.chunk.run), chunks: chunks)
    }

    // MARK: - Lines of ratings

    /// Where rating `index` of chunk `chunk` stands: `path:line`.
    func place(of index: Int, in chunk: Int, like ratings: ReadRatings) throws(Failure) -> String {
        let file = files[chunks[chunk].file]
        var line = file.finding.linesBefore
        var buffer = ChunkBuffer()
        for number in 0...chunk where chunks[number].file == chunks[chunk].file {
            try buffer.load(chunks[number], of: file)
            if number < chunk {
                line += buffer.lines.count(where: { $0 == UInt8(ascii: "\n") })
            } else {
                var parser = LineParser(
                    file.layout, users: IDTable(ratings.users.kind), items: IDTable(ratings.items.kind),
                    output: try RatingRun(count: LineParser.maximumCount(byteCount: buffer.lines.count)),
                    isContinuation: chunks[number].isContinuation(of: file))
                // What was read once is read again without a defect, or the file has changed and any line will do.
                withExtendedLifetime(buffer) { try? parser.parse(buffer.lines, limit: index + 1) }
                line += parser.line
            }
        }
        return "\(file.name):\(line)"
    }
}
