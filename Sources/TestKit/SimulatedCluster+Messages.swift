// Why: what travels in a simulated cluster: letters over links that may lose, delay and damage them, always through the
// codec.

import Cluster

extension SimulatedCluster {
    /// Puts a message on its way.
    mutating func send(_ letter: Letter, _ index: Int, toWorker: Bool) {
        let (serial, generation) = (members[index].serial, members[index].link.generation)
        var delay = random(scenario.latency)
        if toWorker, index < scenario.slowReaders { delay += random(.milliseconds(1) ... .milliseconds(60)) }
        if let bandwidth = scenario.bytesPerSecond {
            delay += .seconds(Double(letter.header.count + (letter.payload?.bytes.count ?? 0)) / Double(bandwidth))
        }
        let path = SimulatedLink.path(toWorker: toWorker)
        let arrival = members[index].link.send(letter, along: path, delay: delay, now: now)
        events.schedule(.arrival(serial, toWorker: toWorker, generation: generation), at: arrival)
    }

    mutating func arrive(_ serial: Int, _ toWorker: Bool, _ generation: Int) throws {
        guard let index = index(serial), members[index].link.generation == generation else { return }
        let path = SimulatedLink.path(toWorker: toWorker)
        if members[index].link[keyPath: path].isBlocked {
            members[index].link[keyPath: path].overdueCount += 1
            return
        }
        let letter = members[index].link[keyPath: path].letters.removeFirst()
        try deliver(letter, serial, toWorker)
        if isDrawn(oneIn: scenario.faults?.duplicatesOneIn) {
            result.doubled += 1
            try deliver(letter, serial, toWorker)
        }
    }

    private mutating func deliver(_ letter: Letter, _ serial: Int, _ toWorker: Bool) throws {
        guard let index = index(serial) else { return }
        let isDamaged = isDrawn(oneIn: scenario.damagesOneIn)
        if isDamaged { result.damaged += 1 }
        func open<Message: WireMessage>(_ type: Message.Type) throws(WireError) -> Parcel<Message> {
            if isDamaged { throw WireError("damaged") }
            return try letter.open(as: type)
        }
        if toWorker {
            guard !members[index].isOver else { return }
            let actions: [Worker.Action]
            do throws(WireError) {
                actions = members[index].machine.receive(try open(CoordinatorMessage.self), now: now(of: index))
            } catch {
                actions = members[index].machine.receiveMalformed(
                    error, hadPayload: letter.payload != nil, now: now(of: index))
            }
            try perform(actions, by: serial)
        } else {
            do throws(WireError) {
                perform(coordinator.receive(try open(WorkerMessage.self), from: members[index].id, now: coordinatorNow))
            } catch {
                perform(coordinator.receiveMalformed(error, from: members[index].id, now: coordinatorNow))
            }
        }
    }
}
