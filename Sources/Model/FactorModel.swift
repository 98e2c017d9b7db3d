// Why: the trained model, as whoever predicts with it sees it. Its factors stay in their files, mapped; all of it is
// checked once, when it is opened, so that nothing that comes out of it later needs a check.

import ArrayFiles
import Failures
import Ratings
import Training

/// A model opened from its directory.
public final class FactorModel: Sendable {
    /// The file whose presence makes a directory a model.
    public static let marker = ModelFile.description

    /// Where it was opened.
    public let path: String
    public let description: ModelDescription
    public let userIDs: IDMap
    public let itemIDs: IDMap
    /// A row a user, ``rank`` columns.
    public let userFactors: ArrayView<Float>
    /// A row an item, ``rank`` columns.
    public let itemFactors: ArrayView<Float>
    /// One a user, and one an item; nil for a model without biases.
    public let userBiases: ArrayView<Float>?
    public let itemBiases: ArrayView<Float>?
    /// What was reported of each sweep.
    public let sweeps: [SweepRecord]
    /// The workers that took part, by name; none in a model that is older than this record.
    public let workers: [WorkerRecord]

    public var userCount: Int { description.users }
    public var itemCount: Int { description.items }
    public var rank: Int { description.rank }
    public var intercept: Double { description.intercept }

    /// Opens the model at `path` and checks all of it: versions, lengths, checksums, and that every factor is finite.
    /// - Throws: a ``Failure``: `noInput` when there is no such directory or a file of it is missing; `badData` when it
    ///   is not a model, is of another version, or is damaged.
    public static func open(_ path: String) throws(Failure) -> FactorModel {
        try FactorModel(path: path)
    }

    /// `model` with other users.
    init(_ model: FactorModel, userIDs: IDMap, users: FoldedRows) {
        path = model.path
        var description = model.description
        (description.users, description.userIDs) = (userIDs.count, userIDs.kind)
        self.description = description
        self.userIDs = userIDs
        (userFactors, userBiases) = (users.factors, users.biases)
        (itemIDs, itemFactors, itemBiases) = (model.itemIDs, model.itemFactors, model.itemBiases)
        (sweeps, workers) = (model.sweeps, model.workers)
    }

    private init(path: String) throws(Failure) {
        try MarkedDirectory.require(path, markers: Self.marker, kind: "a model")
        let description = try SealedJSON.read(ModelDescription.self, at: path + "/" + Self.marker)
        try description.checkConsistency(at: path + "/" + Self.marker)
        self.path = path
        self.description = description
        userFactors = try description.openFactors(path + "/" + ModelFile.userFactors, rows: description.users)
        itemFactors = try description.openFactors(path + "/" + ModelFile.itemFactors, rows: description.items)
        userBiases = try description.openBiases(path + "/" + ModelFile.userBiases, rows: description.users)
        itemBiases = try description.openBiases(path + "/" + ModelFile.itemBiases, rows: description.items)
        userIDs = try description.openIDs(
            ModelFile.userIDs, kind: description.userIDs, count: description.users, in: path)
        itemIDs = try description.openIDs(
            ModelFile.itemIDs, kind: description.itemIDs, count: description.items, in: path)
        let history = try SealedJSON.read(TrainingHistory.self, at: path + "/" + ModelFile.training)
        guard history.sweeps.count == description.sweeps else {
            throw description.damaged(
                "has \(history.sweeps.count) sweeps, not \(description.sweeps) as \(ModelFile.description) says",
                at: path + "/" + ModelFile.training)
        }
        (sweeps, workers) = (history.sweeps, history.workers ?? [])
    }
}

extension ModelDescription {
    /// Refuses numbers that cannot belong together, whatever the checksum says.
    fileprivate func checkConsistency(at path: String) throws(Failure) {
        let defect: String? =
            if rank < 1 || rank != configuration.rank {
                "rank \(rank) does not fit the configuration's rank \(configuration.rank)"
            } else if let defect = configuration.defect {
                defect
            } else if min(users, items) < 0 || max(users, items) > RatingStore.maximumRowCount {
                "\(users) users and \(items) items are not 0 to \(RatingStore.maximumRowCount)"
            } else if !(1...configuration.sweeps).contains(sweeps) || !(1...sweeps).contains(keptSweep ?? sweeps) {
                "\(sweeps) sweeps, of which \(keptSweep ?? sweeps) is kept, are not 1 to \(configuration.sweeps)"
            } else if !intercept.isFinite {
                "the intercept is not a finite number"
            } else {
                nil
            }
        if let defect { throw damaged(defect, at: path) }
    }

    fileprivate func openFactors(_ path: String, rows: Int) throws(Failure) -> ArrayView<Float> {
        let factors = try ArrayView<Float>(mapping: path, dimensions: 2)
        guard factors.shape == [rows, rank] else {
            throw damaged(
                "has the shape \(factors.shape), not [\(rows), \(rank)] as \(ModelFile.description) says", at: path)
        }
        try check(factors.checksum, of: path)
        if let index = factors.elements.firstIndex(where: { !$0.isFinite }) {
            throw Failure(
                .badData, "the factors of row \(index / rank) are not finite numbers", at: path,
                remedy: "train again with more --regularization")
        }
        return factors
    }

    /// Nil when the model has none.
    fileprivate func openBiases(_ path: String, rows: Int) throws(Failure) -> ArrayView<Float>? {
        guard configuration.biasRegularization != nil else { return nil }
        let biases = try ArrayView<Float>(mapping: path, dimensions: 1)
        guard biases.shape == [rows] else {
            throw damaged("has the shape \(biases.shape), not [\(rows)] as \(ModelFile.description) says", at: path)
        }
        try check(biases.checksum, of: path)
        if let row = biases.elements.firstIndex(where: { !$0.isFinite }) {
            throw Failure(
                .badData, "the bias of row \(row) is not a finite number", at: path,
                remedy: "train again with more --regularization")
        }
        return biases
    }

    fileprivate func openIDs(
        _ name: String, kind: IDMap.Kind, count: Int, in directory: String
    ) throws(Failure) -> IDMap {
        let ids = try IDMap.read(directory: directory, name: name, kind: kind, count: count)
        try check(ids.checksum, of: directory + "/" + IDMap.file(name, kind))
        return ids
    }

    private func check(_ checksum: UInt64, of path: String) throws(Failure) {
        let file = path.split(separator: "/").last.map(String.init) ?? path
        guard checksums[file] == Checksum.text(checksum) else {
            throw damaged("does not match its checksum in \(ModelFile.description)", at: path)
        }
    }

    fileprivate func damaged(_ what: String, at path: String) -> Failure {
        Failure(.badData, what, at: path, remedy: "the model is damaged: restore it from a copy, or train again")
    }
}
