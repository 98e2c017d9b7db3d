// Why: a search takes hours, and what it has found by then must outlive it. Each trial is a file of its own, written
// when it ends, so that whatever ends the search costs the trial that was running and nothing else.
//
//     tuning.json             what is searched, and how: the same when it goes on
//     trial-00012-3.json      candidate 12 on fold 3, both from 0

import ArrayFiles
import Failures
import Foundation
import Training

/// What determines a search and its results.
public struct SearchDescription: SealedDocument, Sendable, Hashable {
    public static let format = "swift-mf tuning"
    public static let formatVersion = 1

    /// Fingerprint of the ratings.
    public var storeFingerprint: String
    /// The job of each candidate.
    public var configurations: [JobConfiguration]
    public var folds: Int
    /// The folds that are tried; fewer than `folds` for a single split.
    public var foldsTried: Int
    public var seed: UInt64
    public var metric: String

    public init(
        storeFingerprint: String, configurations: [JobConfiguration], folds: Int, foldsTried: Int, seed: UInt64,
        metric: String
    ) {
        self.storeFingerprint = storeFingerprint
        self.configurations = configurations
        self.folds = folds
        self.foldsTried = foldsTried
        self.seed = seed
        self.metric = metric
    }

    enum CodingKeys: String, CodingKey {
        case configurations, folds, seed, metric
        case foldsTried = "folds_tried"
        case storeFingerprint = "store_fingerprint"
    }
}

/// The result of a candidate on a fold.
public struct Trial: SealedDocument, Sendable, Hashable {
    public static let format = "swift-mf trial"
    public static let formatVersion = 1

    public var candidate: Int
    public var fold: Int
    /// The metric on the fold; nil when the trial failed.
    public var value: Double?
    /// Why it failed.
    public var failure: String?
    public var sweeps: Int?
    /// The sweep whose factors were kept, where early stopping chose it.
    public var keptSweep: Int?
    /// The level of the kernels, on which the last digits rest.
    public var kernels: String?
    public var seconds: Double

    public init(
        candidate: Int, fold: Int, value: Double? = nil, failure: String? = nil, sweeps: Int? = nil,
        keptSweep: Int? = nil, kernels: String? = nil, seconds: Double = 0
    ) {
        self.candidate = candidate
        self.fold = fold
        self.value = value
        self.failure = failure
        self.sweeps = sweeps
        self.keptSweep = keptSweep
        self.kernels = kernels
        self.seconds = seconds
    }

    /// Whether a search can have written it.
    fileprivate var isSound: Bool {
        (value == nil) == (failure != nil) && seconds >= 0
            && (1...JobConfiguration.maximumSweeps).contains(keptSweep ?? 1)
    }

    enum CodingKeys: String, CodingKey {
        case candidate, fold, value, failure, sweeps, kernels, seconds
        case keptSweep = "kept_sweep"
    }
}

/// The folder of a search.
public struct Journal: Sendable {
    public let path: String
    private let lock: FileLock
    private static let marker = "tuning.json"
    private static let lockFile = "lock"

    /// Opens the folder for a search, or makes it.
    /// - Parameter resumes: whether it may hold trials of the same search, which then count.
    /// - Throws: a ``Failure``: `cannotCreate` when something else is there; `usage` when there are trials and
    ///   `resumes` is false, or they are of another search; `tryAgain` when another process works on it.
    public init(path: String, of search: SearchDescription, resumes: Bool) throws(Failure) {
        self.path = path
        try Self.makeFolder(path)
        lock = try FileLock(
            path: "\(path)/\(Self.lockFile)",
            taken: Failure(
                .tryAgain, "another process works on the search in this folder", at: path,
                remedy: "wait for its end, or give another --results folder"))
        // Nobody else writes here from now on.
        try Self.describe(search, in: path, resumes: resumes)
    }

    /// Makes the folder; one that is there holds a search, or nothing.
    private static func makeFolder(_ path: String) throws(Failure) {
        if FileManager.default.fileExists(atPath: "\(path)/\(marker)") { return }
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            try systemCall("make the folder", at: path, kind: .cannotCreate) { mkdir(path, 0o777) }
            return
        }
        let names = isDirectory.boolValue ? try? FileManager.default.contentsOfDirectory(atPath: path) : nil
        // What a search leaves that ended before its first file was whole, or one that begins just now.
        guard let names,
            names.allSatisfy({ $0 == marker || $0 == lockFile || $0.hasPrefix(".\(marker).tmp-") })
        else {
            throw Failure(
                .cannotCreate, "is there, and holds no search of ours", at: path,
                remedy: "give an empty folder, or one that is not there yet")
        }
    }

    /// Writes down what is searched; what is there must be the same.
    private static func describe(_ search: SearchDescription, in path: String, resumes: Bool) throws(Failure) {
        let marker = path + "/" + Self.marker
        guard FileManager.default.fileExists(atPath: marker) else {
            try replaceFile(at: marker) { temporary throws(Failure) in try SealedJSON.write(search, to: temporary) }
            return try syncDirectory(path)
        }
        guard resumes else {
            throw Failure(
                .usage, "there is a search in this folder", at: path,
                remedy: "say --resume to go on with it, or give another --results folder")
        }
        let other = try SealedJSON.read(SearchDescription.self, at: marker)
        guard other == search else {
            throw Failure(
                .usage,
                "the search in this folder differs in \(search.differences(from: other).joined(separator: ", "))",
                at: path, remedy: "give the same ratings and options, or another --results folder")
        }
    }

    /// The trial of a candidate on a fold, if it is there and whole.
    public func trial(_ candidate: Int, fold: Int) -> Trial? {
        guard let trial = try? SealedJSON.read(Trial.self, at: file(candidate, fold)),
            trial.candidate == candidate, trial.fold == fold, trial.isSound
        else { return nil }
        return trial
    }

    /// Keeps a trial.
    public func keep(_ trial: Trial) throws(Failure) {
        try replaceFile(at: file(trial.candidate, trial.fold)) { temporary throws(Failure) in
            try SealedJSON.write(trial, to: temporary)
        }
        try syncDirectory(path)
    }

    private func file(_ candidate: Int, _ fold: Int) -> String {
        path + String(format: "/trial-%05d-%d.json", candidate, fold)
    }
}

extension SearchDescription {
    /// What differs, for a person.
    fileprivate func differences(from other: SearchDescription) -> [String] {
        [
            ("the ratings", storeFingerprint != other.storeFingerprint), ("--metric", metric != other.metric),
            ("the candidates", configurations != other.configurations), ("--tuning-seed", seed != other.seed),
            ("the folds", (folds, foldsTried) != (other.folds, other.foldsTried)),
        ].filter(\.1).map(\.0)
    }
}
