// Why: ids are the only names that users and items have outside; they must come back as they went in.

import ArrayFiles
import Failures
import Foundation
import Ratings
import TestKit
import Testing

@Suite struct IDTests {
    @Test func everyIntegerOf64BitsIsAnID() throws {
        let ids = [
            "0", "-1", "9223372036854775807", "-9223372036854775808", "4194303", "4194304", "123456789012345678",
            "1234567890123456789",
        ]
        let store = try ImportFixture().store(of: ids.map { "\($0),1,1\n" }.joined())
        #expect(store.userIDs.kind == .integers)
        #expect(store.userNames == ids.sorted { Int64($0)! < Int64($1)! })
        for id in ids { #expect(store.userIDs.row(of: id).map(store.userIDs.id) == id) }
    }

    @Test func integersAreComparedByValue() throws {
        let store = try ImportFixture().store(of: "007,1,1\n7,2,1\n-0,1,2\n")
        #expect(store.userNames == ["7", "0"])
        #expect(store.userIDs.row(of: "0007") == 0 && store.userIDs.row(of: "-0") == 1)
        for text in ["", "-", "+7", "7 ", " 7", "7.0", "x", "8", "99999999999999999999"] {
            #expect(store.userIDs.row(of: text) == nil)
        }
    }

    @Test func aSideWithOneStringHasStrings() throws {
        let store = try ImportFixture().store(
            of: "007,1,1\n7,2,1\nab-1,2,2\n99999999999999999999,3,1\n+7,3,1\n1.5,3,1\n-,3,1\n")
        #expect(store.userIDs.kind == .strings && store.itemIDs.kind == .integers)
        #expect(Set(store.userNames) == ["007", "7", "ab-1", "99999999999999999999", "+7", "1.5", "-"])
        #expect(store.userIDs.row(of: "7") != store.userIDs.row(of: "007"))
        #expect(store.userIDs.row(of: "07") == nil)
    }

    @Test func stringsMayHoldAnythingButControlCharacters() throws {
        let ids = ["a b", "x,y", "say \"hi\"", "Zoë", "日本語", "🎬", "'", "a:b", String(repeating: "x", count: 256)]
        let text = ids.map { "\"\($0.replacing("\"", with: "\"\""))\",1,1\n" }.joined()
        let fixture = try ImportFixture()
        let store = try fixture.store(of: text)
        #expect(Set(store.userNames) == Set(ids))
        try store.save(to: fixture.folder("store"))
        let opened = try RatingStore.open(fixture.folder("store"))
        #expect(opened.userNames == store.userNames)
        for (row, id) in opened.userNames.enumerated() { #expect(opened.userIDs.row(of: id) == row) }
    }

    @Test(arguments: [0, 1, 2, 1000, 30_000]) func everyRowIsFoundByItsID(_ count: Int) throws {
        var generator = SeededGenerator(seed: 9)
        let integers = Set(
            (0..<count).map { _ in
                Int64(truncatingIfNeeded: generator.next() >> UInt64.random(in: 0..<60, using: &generator))
            })
        let sequence = Array(integers)
        for map in [IDMap(integers: sequence), IDMap(strings: sequence.map { "id \($0)" })] {
            #expect(map.count == sequence.count)
            for row in 0..<map.count { #expect(map.row(of: map.id(of: row)) == row) }
            #expect(map.row(of: "id") == nil)
        }
        // Threads that ask at the same time get the same answers.
        let map = IDMap(integers: sequence)
        DispatchQueue.concurrentPerform(iterations: 8) { lane in
            for row in stride(from: lane, to: map.count, by: 8) { #expect(map.row(of: "\(sequence[row])") == row) }
        }
    }

    @Test func rowsOfOneMapAreFoundInAnother() {
        let integers = IDMap(integers: [5, 7, -1])
        let strings = IDMap(strings: ["7", "x", "05"])
        #expect(integers.rows(of: IDMap(integers: [-1, 6, 5])) == [2, nil, 0])
        #expect(integers.rows(of: strings) == [1, nil, 0])
        #expect(strings.rows(of: integers) == [nil, 0, nil])
        #expect(strings.rows(of: IDMap(strings: ["05", "5"])) == [2, nil])
        #expect(strings.rows(of: IDMap(integers: [])) == [])
    }

    @Test func mapsAreWrittenAndReadBack() throws {
        let folder = try TemporaryFolder()
        for map in [IDMap(integers: [3, -5, .max]), IDMap(strings: ["b", "a c", "ü"])] {
            let path = folder("\(map.kind)")
            let directory = try DirectoryReplacement(destination: path, marker: "none")
            let (file, checksum) = try map.write(into: directory, name: "ids")
            try directory.commit()
            #expect(file == (map.kind == .integers ? "ids.npy" : "ids.txt"))
            #expect(file == IDMap.file("ids", map.kind))
            let read = try IDMap.read(directory: path, name: "ids", kind: map.kind, count: 3)
            #expect((0..<3).map(read.id) == (0..<3).map(map.id))
            #expect(read.checksum == checksum && map.checksum == checksum)
            for count in [0, 2, 4] {
                let failure = #expect(throws: Failure.self) {
                    try IDMap.read(directory: path, name: "ids", kind: map.kind, count: count)
                }
                #expect(failure?.kind == .badData)
            }
        }
        #expect(try String(contentsOfFile: folder("strings/ids.txt"), encoding: .utf8) == "b\na c\nü\n")
    }

    @Test(arguments: ["b\na c\n", "b\na c\n\n", "b\na c\nü", "b\na\rc\nü\n", "b\n\nü\n", "b\na\nü\nx"])
    func aTextFileOfIDsThatIsNotAsWrittenIsRefused(_ text: String) throws {
        let folder = try TemporaryFolder()
        try Data(text.utf8).write(to: URL(fileURLWithPath: folder("ids.txt")))
        let failure = #expect(throws: Failure.self) {
            try IDMap.read(directory: folder.path, name: "ids", kind: .strings, count: 3)
        }
        #expect(failure?.kind == .badData && failure?.place == folder("ids.txt"))
    }

    @Test func manyIDsOfEveryKindKeepTheirRatings() throws {
        // Crosses the sizes at which the tables of ids grow, and the border between direct and hashed integers.
        var ratings: [Rating] = []
        for index in 0..<20_000 {
            let user = index % 3 == 0 ? index : index % 3 == 1 ? 4_190_000 + index : -index * 1_000_003
            ratings.append(Rating(user: "\(user)", item: "i\(index % 7919)", value: Float(index % 10)))
        }
        let fixture = try ImportFixture()
        let path = try fixture.write(csv(ratings))
        var importer = RatingImporter(inputs: [path], threads: 3)
        importer.chunkByteCount = 20_000
        #expect(Set(try importer.run().store.trainingList) == Set(ratings))
    }
}
