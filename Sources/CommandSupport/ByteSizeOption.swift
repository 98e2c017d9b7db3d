// Why: options that take a size of memory.

import ArgumentParser
import Cluster

extension ByteSize: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }

    public var defaultValueDescription: String { optionText }
}
