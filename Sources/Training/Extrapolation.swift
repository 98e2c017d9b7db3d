// Why: near the optimum, alternating least squares goes on in nearly the same direction sweep after sweep, in small
// steps. Going a little further in that direction saves about one sweep in six:
//
//     V~ = V + 0.4 (V - V')        V the item factors of this sweep, V' those of the sweep before
//
// The next user half-step reads V~ instead of V. It may overshoot; `Schedule` notices and takes V~ back. The model is
// always made of factors as they were solved, never of extrapolated ones.

/// How item factors are extrapolated between sweeps.
public enum Extrapolation {
    /// The part of the last change that is added once more.
    public static let coefficient: Float = 0.4

    /// Writes the extrapolation of `present`, whose values a sweep ago were `previous`, to `output`.
    public static func extrapolate(
        _ present: UnsafeBufferPointer<Float>, previous: UnsafeBufferPointer<Float>,
        to output: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(present.count == previous.count && present.count == output.count)
        for index in present.indices {
            output[index] = present[index] + coefficient * (present[index] - previous[index])
        }
    }
}
