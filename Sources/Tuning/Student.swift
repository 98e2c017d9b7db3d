// Why: a standard error of two or three folds is itself uncertain, and twice it proves little; how many of it prove
// something, Student's distribution knows.

/// The value that a variable of Student's distribution exceeds with a probability of 5%: exact to four digits up to ten
/// degrees of freedom, and to 0.001 above, where it is the first terms of the expansion in 1 / nu around the normal
/// distribution's (Abramowitz and Stegun, 26.7.5).
/// - Parameter nu: degrees of freedom, 1 or more.
package func studentQuantile(degreesOfFreedom nu: Int) -> Double {
    let few = [6.3138, 2.9200, 2.3534, 2.1318, 2.0150, 1.9432, 1.8946, 1.8595, 1.8331, 1.8125]
    if nu <= few.count { return few[nu - 1] }
    let (z, n) = (1.6448536, Double(nu))
    let (z3, z5) = (z * z * z, z * z * z * z * z)
    return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n)
}
