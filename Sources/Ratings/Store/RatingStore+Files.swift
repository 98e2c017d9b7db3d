// Why: a store's content is checked once, when it is opened, and believed as long as it is mapped. That holds as long
// as nobody changes the files in place, which our own programs never do. Whoever does it all the same is found out
// here, cheaply enough to look again and again: by the size and the time of change of each file.

import ArrayFiles
import Failures

extension RatingStore {
    /// What has happened to a mapped file of the store since it was opened; nil when nothing has, which includes that a
    /// new store stands in its place.
    /// - Returns: a ``Failure`` of kind `inputOutput` that names the file.
    public func change() -> Failure? {
        for file in mappedFiles { if let change = file.change() { return change } }
        return nil
    }

    private var mappedFiles: [MappedFile] {
        let matrices = [ratings, holdout].compactMap { $0 }
        return matrices.flatMap { $0.byUser.mappedFiles + $0.byItem.mappedFiles }
            + userIDs.mappedFiles + itemIDs.mappedFiles
    }
}

extension CompressedRows {
    fileprivate var mappedFiles: [MappedFile] {
        let valuesFile: MappedFile? =
            switch values {
            case .uint8(let view, _): view.file
            case .int16(let view, _): view.file
            case .float32(let view): view.file
            }
        return [offsets.file, columns.file, valuesFile].compactMap { $0 }
    }
}

extension IDMap {
    fileprivate var mappedFiles: [MappedFile] {
        switch storage {
        case .integers(let ids): [ids.file].compactMap { $0 }
        case .strings(let text, _): [text.file].compactMap { $0 }
        }
    }
}
