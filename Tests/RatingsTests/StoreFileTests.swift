// Why: a store on disk is what was saved, or an error; never something else.

import ArrayFiles
import Failures
import Foundation
import Ratings
import TestKit
import Testing

@Suite struct StoreFileTests {
    private func makeStore() throws -> RatingStore {
        let ratings = randomRatings(60, users: 12, items: 9, seed: 4)
        return try RatingStore.inMemory(
            ratings[..<50].map { Rating(user: $0.user, item: "i" + $0.item, value: $0.value) },
            holdout: ratings[50...].map { Rating(user: $0.user, item: "i" + $0.item, value: $0.value) })
    }

    private static let files = [
        "holdout_item_offsets.npy", "holdout_item_users.npy", "holdout_item_values.npy", "holdout_user_items.npy",
        "holdout_user_offsets.npy", "holdout_user_values.npy", "item_ids.txt", "item_offsets.npy", "item_users.npy",
        "item_values.npy", "store.json", "user_ids.npy", "user_items.npy", "user_offsets.npy", "user_values.npy",
    ]

    @Test(arguments: ["|u1", "<i2", "<f4"]) func whatIsSavedIsOpenedAgain(_ type: String) throws {
        let folder = try TemporaryFolder()
        let scale: Float = ["|u1": 1, "<i2": -1, "<f4": 1 / 3][type]!
        let ratings = randomRatings(400, users: 30, items: 20, seed: 6).map {
            Rating(user: $0.user, item: $0.item, value: $0.value * scale)
        }
        let store = try RatingStore.inMemory(Array(ratings[..<350]), holdout: Array(ratings[350...]))
        #expect(store.description.valueEncoding.elementType.rawValue == type)
        try store.save(to: folder("store"))
        let opened = try RatingStore.open(folder("store"))
        #expect(opened.description == store.description && opened.fingerprint == store.fingerprint)
        #expect(opened.path == folder("store") && store.path == nil)
        #expect(opened.trainingList == store.trainingList && opened.holdoutList == store.holdoutList)
        #expect(
            opened.ratings.list(opened.userIDs, opened.itemIDs, by: .item)
                == store.ratings.list(store.userIDs, store.itemIDs, by: .item))
        // What was opened can be saved again.
        try opened.save(to: folder("copy"))
        for file in try FileManager.default.contentsOfDirectory(atPath: folder("store")) {
            #expect(
                FileManager.default.contentsEqual(atPath: folder("store/" + file), andPath: folder("copy/" + file)),
                "\(file)")
        }
        #expect(folder.content == ["copy", "store"])
    }

    @Test func aStoreHasTheFilesThatTheFormatNames() throws {
        let folder = try TemporaryFolder()
        try makeStore().save(to: folder("store"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder("store")).sorted() == Self.files)
        let json = try JSONSerialization.jsonObject(
            with: Data(contentsOf: URL(fileURLWithPath: folder("store/store.json"))))
        let keys = try #require(json as? [String: Any]).keys.sorted()
        #expect(
            keys == [
                "checksum", "checksums", "fingerprint", "format", "format_version", "holdout_ratings", "item_ids",
                "items", "maximum",
                "mean", "minimum", "ratings", "user_ids", "users", "value_encoding",
            ])
    }

    @Test(arguments: files) func everyDamagedFileIsFound(_ file: String) throws {
        let folder = try TemporaryFolder()
        let path = folder("store")
        try makeStore().save(to: path)
        let whole = try Data(contentsOf: URL(fileURLWithPath: path + "/" + file))
        func expectFailure(_ what: String, _ damaged: Data?) throws {
            let url = URL(fileURLWithPath: path + "/" + file)
            if let damaged { try damaged.write(to: url) } else { try FileManager.default.removeItem(at: url) }
            let failure = #expect(throws: Failure.self, "\(what)") { try RatingStore.open(path) }
            #expect(failure?.kind == .badData || (damaged == nil && failure?.kind == .noInput), "\(what)")
            #expect(failure?.place.hasPrefix(path) == true && failure?.remedy.isEmpty == false, "\(what)")
        }
        for place in whole.indices {
            var damaged = whole
            damaged[place] ^= UInt8(1 << (place % 8))
            try expectFailure("byte \(place)", damaged)
        }
        for length in Set([0, 1, 127, 128, whole.count / 2, whole.count - 1]) where length < whole.count {
            try expectFailure("cut to \(length)", whole.prefix(length))
        }
        try expectFailure("a byte more", whole + [0])
        try expectFailure("missing", nil)
        try whole.write(to: URL(fileURLWithPath: path + "/" + file))
        #expect(throws: Never.self) { try RatingStore.open(path) }
    }

    @Test func filesOfAnotherStoreAreFound() throws {
        let folder = try TemporaryFolder()
        try makeStore().save(to: folder("store"))
        try RatingStore.inMemory(
            randomRatings(50, users: 12, items: 9, seed: 5).map {
                Rating(user: $0.user, item: "i" + $0.item, value: $0.value)
            }
        ).save(to: folder("other"))
        let file = "/user_values.npy"
        try FileManager.default.removeItem(atPath: folder("store") + file)
        try FileManager.default.copyItem(atPath: folder("other") + file, toPath: folder("store") + file)
        let failure = #expect(throws: Failure.self) { try RatingStore.open(folder("store")) }
        #expect(failure?.kind == .badData && failure?.place == folder("store") + file)
    }

    @Test func aDescriptionWithImpossibleNumbersIsRefused() throws {
        let folder = try TemporaryFolder()
        try makeStore().save(to: folder("store"))
        let path = folder("store/store.json")
        let store = try makeStore()
        for change in [
            { (description: inout StoreDescription) in description.users = 0 }, { $0.items = .max },
            { $0.ratings = -1 },
            { $0.holdoutRatings = -1 }, { $0.ratings = .max }, { $0.users += 1 }, { $0.valueEncoding.denominator = 0 },
            { $0.valueEncoding.elementType = .uint32 }, { $0.valueEncoding.elementType = .float32 },
            { $0.userIDs = .strings },
            { $0.checksums = [:] },
        ] {
            var description = store.description
            change(&description)
            try FileManager.default.removeItem(atPath: path)
            try SealedJSON.write(description, to: path)
            let failure = #expect(throws: Failure.self) { try RatingStore.open(folder("store")) }
            #expect([.badData, .noInput].contains(failure?.kind))
        }
    }

    @Test func whatIsNoStoreIsSaidToBeNone() throws {
        let folder = try TemporaryFolder()
        let missing = #expect(throws: Failure.self) { try RatingStore.open(folder("missing")) }
        #expect(missing?.kind == .noInput)
        let empty = #expect(throws: Failure.self) { try RatingStore.open(folder.path) }
        #expect(empty?.kind == .badData && empty?.what.contains("store.json") == true)
        #expect(throws: Failure.self) { try RatingImporter.openStoreOrFile(folder.path) }
    }

    @Test func aStoreOrAFileIsOpened() throws {
        let fixture = try ImportFixture()
        let path = try fixture.write("1,2,3\n2,2,4\n")
        let store = try RatingImporter.openStoreOrFile(path)
        #expect(store.path == nil)
        try store.save(to: fixture.folder("store"))
        let opened = try RatingImporter.openStoreOrFile(fixture.folder("store"))
        #expect(opened.path == fixture.folder("store") && opened.fingerprint == store.fingerprint)
        try fixture.write("2:\n1,3,x\n2,4,x\n", "set/mv_0000002.txt")
        #expect(try RatingImporter.openStoreOrFile(fixture.folder("set")).fingerprint == store.fingerprint)
    }

    @Test func savingThatIsStoppedLeavesTheOldStore() throws {
        let folder = try TemporaryFolder()
        let old = try makeStore()
        try old.save(to: folder("store"))
        let new = try RatingStore.inMemory([Rating(user: "1", item: "1", value: 1)])
        for allowed in 0..<8 {
            var calls = 0
            let failure = #expect(throws: Failure.self) {
                try new.save(to: folder("store")) { () throws(Failure) in
                    calls += 1
                    if calls > allowed % 7 { throw Failure(.tryAgain, "stopped") }
                }
            }
            #expect(failure?.what == "stopped")
            #expect(folder.content == ["store"])
            #expect(try RatingStore.open(folder("store")).fingerprint == old.fingerprint)
        }
        try new.save(to: folder("store"))
        #expect(folder.content == ["store"])
        #expect(try RatingStore.open(folder("store")).fingerprint == new.fingerprint)
    }

    @Test func aForeignFolderIsNotReplaced() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder("photos"), withIntermediateDirectories: false)
        try Data([1]).write(to: URL(fileURLWithPath: folder("photos/one")))
        for path in [folder("photos"), folder("photos/one"), folder("missing/store")] {
            let early = #expect(throws: Failure.self) { try RatingStore.checkDestination(path) }
            let late = #expect(throws: Failure.self) { try makeStore().save(to: path) }
            #expect(early?.kind == .cannotCreate && late == early)
        }
        #expect(folder.content == ["photos"])
    }
}
