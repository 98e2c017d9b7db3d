// Why: `--json` prints one object, with the same conventions in every command.

import Foundation

/// Prints `report` to standard output as one JSON object with sorted keys; key names are those of its `CodingKeys`.
public func printJSON(_ report: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    print(String(decoding: try encoder.encode(report), as: UTF8.self))
}
