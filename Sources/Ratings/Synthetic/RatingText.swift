// Why: generated ratings as text are for other programs, and for measuring how fast ours reads text:
//
//     csv, tsv     user,item,rating,timestamp      a header, then by user
//     movielens    user::item::rating::timestamp   by user
//     netflix      item:                           by item, as in the prize's combined files
//                  user,rating,date
//
// A rating's time is a hash of its pair, between the first and the last day of the prize's ratings.

import Failures

/// Lines of ratings in memory.
struct RatingText {
    private let memory: ElementBuffer<UInt8>
    private(set) var count = 0

    /// The longest line: two ids of ten digits, a star, ten digits or a date, separators and the line's end.
    private static let lineByteCount = 40
    private static let firstSecond = 942_278_400  // 1999-11-11
    private static let secondCount = 2_243 * 86_400

    private init(lineCount: Int) throws(Failure) { memory = try ElementBuffer(count: lineCount * Self.lineByteCount) }

    /// Hands out the bytes, which are valid during the call only.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws(Failure) -> Result) throws(Failure) -> Result {
        defer { withExtendedLifetime(memory) {} }
        return try body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(memory.prefix)[..<count]))
    }

    /// The ratings of `run`, numbered by id less 1, in its order; the format is not Netflix's.
    init(_ run: RatingRun, _ format: RatingFormat) throws(Failure) {
        try self.init(lineCount: run.count)
        let separator = Self.separator(format)
        for index in 0..<run.count {
            let (user, item) = (Int(run.users.pointer[index]) + 1, Int(run.items.pointer[index]) + 1)
            put(user)
            put(separator)
            put(item)
            put(separator)
            put(Int(run.values.pointer[index]))
            put(separator)
            put(Self.second(user, item))
            put("\n")
        }
    }

    /// The ratings of the rows `items` in the Netflix format; rows and columns are ids less 1.
    init(_ rows: SortedRows<UInt8>, items: Range<Int>) throws(Failure) {
        try self.init(lineCount: items.count + items.reduce(0) { $0 + rows.range(of: $1).count })
        for item in items {
            put(item + 1)
            put(":\n")
            for index in rows.range(of: item) {
                let user = Int(rows.columns.pointer[index]) + 1
                put(user)
                put(",")
                put(Int(rows.values.pointer[index]))
                put(",")
                putDate(Self.second(user, item + 1) / 86_400)
                put("\n")
            }
        }
    }

    /// The line before the ratings; empty in formats that have none.
    static func header(_ format: RatingFormat) -> String {
        switch format {
        case .csv, .tsv:
            ["user", "item", "rating", "timestamp"].joined(separator: separator(format).description) + "\n"
        case .movielens, .netflix, .matrixMarket, .adjacency: ""
        }
    }

    private static func separator(_ format: RatingFormat) -> StaticString {
        switch format {
        case .csv, .netflix: ","
        case .tsv: "\t"
        case .movielens: "::"
        case .matrixMarket, .adjacency: preconditionFailure("\(format.rawValue) is read only")
        }
    }

    /// When the user rated the item, in seconds since 1970.
    private static func second(_ user: Int, _ item: Int) -> Int {
        let hash = SplitMix64.mix(UInt64(user) << 32 | UInt64(item))
        return firstSecond + Int(((hash >> 32) * UInt64(secondCount)) >> 32)
    }

    // MARK: - Bytes

    @inline(__always)
    private mutating func put(_ text: StaticString) {
        for index in 0..<text.utf8CodeUnitCount { memory.pointer[count + index] = text.utf8Start[index] }
        count += text.utf8CodeUnitCount
    }

    /// The decimal digits of a number that is not negative, at least `width` of them.
    @inline(__always)
    private mutating func put(_ number: Int, width: Int = 1) {
        var (digits, limit) = (1, 10)
        while number >= limit || digits < width { (digits, limit) = (digits + 1, limit * 10) }
        var rest = UInt64(number)
        for place in stride(from: count + digits - 1, through: count, by: -1) {
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            memory.pointer[place] = UInt8(ascii: "0") + UInt8(digit)
            rest = quotient
        }
        count += digits
    }

    /// The date of a day since 1970, `2005-12-31`.
    private mutating func putDate(_ day: Int) {
        // Years that begin in March have their leap day last, and months of 153 days in five (the civil-from-days
        // algorithm). Counted from 1968-03-01, there is a leap day every 1,461 days until 2100.
        let shifted = day + 671
        let (cycle, dayOfCycle) = shifted.quotientAndRemainder(dividingBy: 1461)
        let year = min(dayOfCycle / 365, 3)
        let dayOfYear = dayOfCycle - 365 * year
        let month = (5 * dayOfYear + 2) / 153
        put(1968 + 4 * cycle + year + (month >= 10 ? 1 : 0), width: 4)
        put("-")
        put(month < 10 ? month + 3 : month - 9, width: 2)
        put("-")
        put(dayOfYear - (153 * month + 2) / 5 + 1, width: 2)
    }
}
