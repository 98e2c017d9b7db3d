// Why: a thread with descriptors of its own must not take anything from the others, nor leave anything to them.

import ClusterRuntime
import Failures
import Glibc
import TestKit
import Testing

@Suite struct OwnDescriptorsTests {
    @Test(.enabled(if: ProcessDescriptors.canBeOfOneThread)) func aThreadOpensFilesWhereOthersHaveTheirs() throws {
        let mine = try systemCall("open", at: "/dev/zero") { open("/dev/zero", O_RDONLY | O_CLOEXEC) }
        defer { close(mine) }
        // Only the standard three are there.
        let (theirs, byte) = try withOwnDescriptors { () throws(Failure) in
            let descriptor = try systemCall("open", at: "/dev/null") { open("/dev/null", O_RDONLY | O_CLOEXEC) }
            var byte: UInt8 = 1
            return (descriptor, read(descriptor, &byte, 1))
        }
        #expect(theirs == 3 && byte == 0)
        var value: UInt8 = 1
        #expect(read(mine, &value, 1) == 1 && value == 0)
    }

    @Test func whatIsThrownArrives() {
        #expect(throws: Failure(.noInput, "nothing")) {
            try withOwnDescriptors { () throws(Failure) in throw Failure(.noInput, "nothing") }
        }
    }
}
