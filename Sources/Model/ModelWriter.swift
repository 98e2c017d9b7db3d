// Why: a model appears whole or not at all, and never with a factor that is not a number. The coordinator holds each
// side's factors as the payloads of its blocks, so they are written run by run and never copied into one matrix.

import ArrayFiles
import Failures
import Ratings
import Training

extension FactorModel {
    /// Writes a model, replacing an older one at `destination` at once.
    ///
    /// - Parameters:
    ///   - intercept: what was subtracted from the ratings before the fit; 0 when the job does not centre.
    ///   - storeFingerprint: of the store whose rows the factors' rows are.
    ///   - sweeps: every sweep that was done, in order.
    ///   - keptSweep: the sweep whose factors these are, where it is not just the last.
    ///   - userFactors: consecutive runs of rows, which together are the users x rank matrix in C order; each run
    ///     holds whole rows.
    ///   - itemFactors: likewise for the items.
    /// - Throws: a ``Failure``: `software` when a factor or the intercept is not finite; `cannotCreate` when something
    ///   else than a model stands at `destination`; or of the file system. Nothing is left behind then.
    public static func write(
        to destination: String, configuration: JobConfiguration, intercept: Double, kernelLevel: String,
        storeFingerprint: String, converged: Bool, keptSweep: Int? = nil, userIDs: IDMap, itemIDs: IDMap, sweeps: [SweepRecord],
        userFactors: [UnsafeBufferPointer<Float>], itemFactors: [UnsafeBufferPointer<Float>]
    ) throws(Failure) {
        let rank = configuration.rank
        let replacement = try DirectoryReplacement(destination: destination, marker: marker)
        var checksums: [String: String] = [:]

        for (file, rows, factors) in [
            (ModelFile.userFactors, userIDs.count, userFactors), (ModelFile.itemFactors, itemIDs.count, itemFactors),
        ] {
            var writer = try ArrayWriter<Float>(path: replacement.path(file), shape: [rows, rank])
            var row = 0
            for run in factors {
                precondition(run.count.isMultiple(of: rank), "a run of factors ends within a row")
                if let index = run.firstIndex(where: { !$0.isFinite }) {
                    throw Failure(
                        .software, "the factors of row \(row + index / rank) are not finite numbers", at: destination,
                        remedy: "train again with more --regularization")
                }
                try writer.append(run)
                row += run.count / rank
            }
            checksums[file] = Checksum.text(try writer.finish())
        }
        for (name, ids) in [(ModelFile.userIDs, userIDs), (ModelFile.itemIDs, itemIDs)] {
            let written = try ids.write(into: replacement, name: name)
            checksums[written.file] = Checksum.text(written.checksum)
        }
        try SealedJSON.write(TrainingHistory(sweeps: sweeps), to: replacement.path(ModelFile.training))
        // The description is the marker: it comes last.
        try SealedJSON.write(
            ModelDescription(
                configuration: configuration, intercept: intercept, kernelLevel: kernelLevel,
                storeFingerprint: storeFingerprint, users: userIDs.count, items: itemIDs.count, rank: rank,
                userIDs: userIDs.kind, itemIDs: itemIDs.kind, sweeps: sweeps.count, converged: converged,
                keptSweep: keptSweep, checksums: checksums),
            to: replacement.path(ModelFile.description))
        try replacement.commit()
    }
}
