// Why: the inner loop of the readers is compiled once for each way in which fields are separated.
//
// Text is read up to a line feed that always follows its last byte, so a look one byte ahead needs no bound.

typealias TextPointer = UnsafePointer<UInt8>

/// How fields are separated in a line.
protocol FieldSeparator {
    /// Bytes of the separator at `place`; 0 when there is none.
    static func length(at place: TextPointer) -> Int
}

enum DoubleColon: FieldSeparator {
    @inline(__always)
    static func length(at place: TextPointer) -> Int {
        place[0] == UInt8(ascii: ":") && place[1] == UInt8(ascii: ":") ? 2 : 0
    }
}

enum Comma: FieldSeparator {
    @inline(__always)
    static func length(at place: TextPointer) -> Int { place[0] == UInt8(ascii: ",") ? 1 : 0 }
}

enum Tab: FieldSeparator {
    @inline(__always)
    static func length(at place: TextPointer) -> Int { place[0] == UInt8(ascii: "\t") ? 1 : 0 }
}

enum Blanks: FieldSeparator {
    @inline(__always)
    static func length(at place: TextPointer) -> Int {
        var length = 0
        while place[length] == UInt8(ascii: " ") || place[length] == UInt8(ascii: "\t") { length += 1 }
        return length
    }
}

/// Whether a line ends at `place`: LF, or CR LF.
@inline(__always)
func isLineEnd(_ place: TextPointer) -> Bool {
    place[0] == UInt8(ascii: "\n") || (place[0] == UInt8(ascii: "\r") && place[1] == UInt8(ascii: "\n"))
}

/// The first byte that is no space, at or after `place`.
@inline(__always)
func skipSpaces(_ place: TextPointer) -> TextPointer {
    var place = place
    while place[0] == UInt8(ascii: " ") { place += 1 }
    return place
}

extension UnsafeBufferPointer where Element == UInt8 {
    /// The text for a message: in quotes, short, and without anything that could garble a terminal.
    var quoted: String {
        let limit = 40
        let text = String(decoding: prefix(limit), as: UTF8.self).unicodeScalars.map { scalar in
            scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
                ? "?" : String(scalar)
        }
        return "\"" + text.joined() + (count > limit ? "..." : "") + "\""
    }
}
