// Why: a mapped store that someone changes in place would crash whoever reads it, or worse, train a wrong model.

import ArrayFiles
import Failures
import Foundation
import Ratings
import TestKit
import Testing

@Suite struct StoreChangeTests {
    private func makeStore(_ path: String, seed: UInt64 = 4) throws {
        let ratings = randomRatings(60, users: 12, items: 9, seed: seed)
        try RatingStore.inMemory(
            ratings[..<50].map { Rating(user: $0.user, item: "i" + $0.item, value: $0.value) },
            holdout: ratings[50...].map { Rating(user: $0.user, item: "i" + $0.item, value: $0.value) }
        ).save(to: path)
    }

    @Test func everyFileThatIsCutShortOrChangedIsNamed() throws {
        let folder = try TemporaryFolder()
        let path = folder("store")
        try makeStore(path)
        let all = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
        let files = all.filter { $0 != RatingStore.marker }
        #expect(files.count == 14)
        for file in files {
            let url = URL(fileURLWithPath: path + "/" + file)
            let whole = try Data(contentsOf: url)
            for (what, content) in [("cut short", whole.dropLast(1)), ("changed", whole + [0]), ("changed", whole)] {
                let store = try RatingStore.open(path)
                #expect(store.change() == nil)
                // In place, and not by another file of the name.
                let handle = try FileHandle(forWritingTo: url)
                if content.count < whole.count {
                    try handle.truncate(atOffset: UInt64(content.count))
                } else {
                    try handle.write(contentsOf: content)
                }
                try handle.close()
                let change = try #require(store.change(), "\(what): \(file)")
                #expect(change.kind == .inputOutput && change.place == path + "/" + file)
                #expect(change.what.contains(what), "\(change)")
                try whole.write(to: url)
            }
        }
    }

    /// Those who have mapped the old one keep it, whole.
    @Test func aStoreThatIsReplacedOrRemovedIsNotChanged() throws {
        let folder = try TemporaryFolder()
        try makeStore(folder("store"))
        let store = try RatingStore.open(folder("store"))
        let before = store.trainingList
        try makeStore(folder("store"), seed: 5)
        #expect(store.change() == nil)
        #expect(store.trainingList == before)
        try FileManager.default.removeItem(atPath: folder("store"))
        #expect(store.change() == nil)
        #expect(store.trainingList == before)
    }

    @Test func ratingsInMemoryDoNotChange() throws {
        #expect(try RatingStore.inMemory([Rating(user: "1", item: "1", value: 1)]).change() == nil)
    }
}
