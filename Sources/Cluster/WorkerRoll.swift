// Why: the model names the workers that took part. Workers come and go, and some come again, so that they are called by
// name here; and who may come in without a key may come under any number of names, so that these have a bound.

import Training

/// Who has taken part in a job.
struct WorkerRoll {
    private var records: [String: WorkerRecord] = [:]

    /// - Parameter records: of the coordinators before this one.
    init(_ records: [WorkerRecord] = []) {
        for record in records { self.records[record.name] = record }
    }

    /// Counts a block that the worker of `hello` solved. Names beyond ``Limits/workerCount`` are left out.
    mutating func countBlock(of hello: WorkerMessage.Hello) {
        guard records[hello.name] != nil || records.count < Limits.workerCount else { return }
        var record = records[hello.name] ?? WorkerRecord(name: hello.name, threads: 0, blocks: 0)
        record.threads = hello.threads
        record.blocks += 1
        records[hello.name] = record
    }

    /// By name.
    var all: [WorkerRecord] { records.values.sorted { $0.name < $1.name } }
}
