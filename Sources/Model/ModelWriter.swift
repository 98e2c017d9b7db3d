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
    ///   - workers: those that took part.
    ///   - keptSweep: the sweep whose factors these are, where it is not just the last.
    ///   - userRows: consecutive runs of rows, which together are the users x width matrix in C order; each run holds
    ///     whole rows. A row is its factors and, if the configuration has biases, its bias.
    ///   - itemRows: likewise for the items.
    /// - Throws: a ``Failure``: `software` when a factor or the intercept is not finite; `cannotCreate` when something
    ///   else than a model stands at `destination`; or of the file system. Nothing is left behind then.
    public static func write(
        to destination: String, configuration: JobConfiguration, intercept: Double, kernelLevel: String,
        storeFingerprint: String, converged: Bool, keptSweep: Int? = nil, userIDs: IDMap, itemIDs: IDMap,
        sweeps: [SweepRecord], workers: [WorkerRecord], userRows: [UnsafeBufferPointer<Float>],
        itemRows: [UnsafeBufferPointer<Float>]
    ) throws(Failure) {
        let replacement = try DirectoryReplacement(destination: destination, marker: marker)
        var checksums: [String: String] = [:]

        for (names, count, runs) in [
            ((ModelFile.userFactors, ModelFile.userBiases), userIDs.count, userRows),
            ((ModelFile.itemFactors, ModelFile.itemBiases), itemIDs.count, itemRows),
        ] {
            try requireFinite(runs, width: configuration.width, destination)
            let (factors, biases) = names
            checksums[factors] = try write(
                columns: 0..<configuration.rank, of: runs, width: configuration.width,
                shape: [count, configuration.rank],
                to: replacement.path(factors))
            guard configuration.biasRegularization != nil else { continue }
            checksums[biases] = try write(
                columns: configuration.rank..<configuration.width, of: runs, width: configuration.width, shape: [count],
                to: replacement.path(biases))
        }
        for (name, ids) in [(ModelFile.userIDs, userIDs), (ModelFile.itemIDs, itemIDs)] {
            let written = try ids.write(into: replacement, name: name)
            checksums[written.file] = Checksum.text(written.checksum)
        }
        try SealedJSON.write(
            TrainingHistory(sweeps: sweeps, workers: workers), to: replacement.path(ModelFile.training))
        // The description is the marker: it comes last.
        try SealedJSON.write(
            ModelDescription(
                configuration: configuration, intercept: intercept, kernelLevel: kernelLevel,
                storeFingerprint: storeFingerprint, users: userIDs.count, items: itemIDs.count,
                rank: configuration.rank,
                userIDs: userIDs.kind, itemIDs: itemIDs.kind, sweeps: sweeps.count, converged: converged,
                keptSweep: keptSweep, checksums: checksums),
            to: replacement.path(ModelFile.description))
        try replacement.commit()
    }

    private static func requireFinite(
        _ runs: [UnsafeBufferPointer<Float>], width: Int, _ destination: String
    ) throws(Failure) {
        var row = 0
        for run in runs {
            precondition(run.count.isMultiple(of: width), "a run of factors ends within a row")
            if let index = run.firstIndex(where: { !$0.isFinite }) {
                throw Failure(
                    .software, "the factors of row \(row + index / width) are not finite numbers", at: destination,
                    remedy: "train again with more --regularization")
            }
            row += run.count / width
        }
    }

    /// Writes some columns of runs of rows as one array.
    /// - Returns: its checksum.
    private static func write(
        columns: Range<Int>, of runs: [UnsafeBufferPointer<Float>], width: Int, shape: [Int], to path: String
    ) throws(Failure) -> String {
        var writer = try ArrayWriter<Float>(path: path, shape: shape)
        for run in runs {
            if columns == 0..<width {
                try writer.append(run)
                continue
            }
            var part: [Float] = []
            part.reserveCapacity(run.count / width * columns.count)
            for start in stride(from: 0, to: run.count, by: width) {
                part.append(contentsOf: run[start + columns.lowerBound..<start + columns.upperBound])
            }
            try part.withUnsafeBufferPointer { part throws(Failure) in try writer.append(part) }
        }
        return Checksum.text(try writer.finish())
    }
}
