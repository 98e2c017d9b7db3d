// Why: a row of the implicit loss is solved as any other, but for what all its pairs have in common, c0 G, which joins
// its own factors wherever these are multiplied; see ImplicitLoss.swift.

import CKernels

extension Workspace {
    /// Conjugate gradients from ``solution`` on (c0 G + F'W F + ridge I) x = F'c, c being the row's confidences and W
    /// what they are above c0; the loop of conjugate_gradient.h.
    /// - Returns: the row's part of the loss.
    func descendOverAllPairs(
        _ meetings: mf_row, ridge: Float, inverse: UnsafePointer<Float>?, steps: Int, _ parts: LongRow?
    ) -> Double {
        let table = kernels.table.pointee
        let g = vectors.floats, p = g + stride, q = g + 2 * stride, z = g + 3 * stride
        let scores = errors.floats, images = errors.floats + meetings.count
        var descent = mf_descent(x: solution.floats, g: g, p: p, q: q, z: z, inverse: inverse, least: 0)
        _ = visit(meetings, mf_visit_residual, solution.floats, t: scores, parts)
        if let whole = fixed.whole {
            table.multiply(whole, stride, solution.floats, z)
            for index in 0..<stride { q[index] -= z[index] }
        }
        var square = table.begin_descent(stride, ridge, &descent)
        for step in 1...steps where square != 0 {
            let isLast = step == steps
            var curvature = visit(meetings, isLast ? mf_visit_image : mf_visit_product, p, t: images, parts)
            if let whole = fixed.whole {
                // z is free from one preconditioning to the next.
                table.multiply(whole, stride, p, z)
                curvature += product(p, z)
                if !isLast { for index in 0..<stride { q[index] += z[index] } }
            }
            let alpha = table.step_length(stride, ridge, square, curvature, &descent)
            square = table.descend(stride, ridge, square, alpha, isLast, &descent)
            _ = table.reduce_errors(scores, images, -alpha, meetings.count)
        }
        return loss(meetings, scores: scores)
    }

    /// The part of the loss that ``solution`` leaves of a row.
    func lossOverAllPairs(_ meetings: mf_row, _ parts: LongRow?) -> Double {
        errors.reserve(meetings.count)
        _ = visit(meetings, mf_visit_image, solution.floats, t: errors.floats, parts)
        return loss(meetings, scores: errors.floats)
    }

    private func loss(_ meetings: mf_row, scores: UnsafePointer<Float>) -> Double {
        let table = kernels.table.pointee
        var loss = withUnsafePointer(to: meetings) { table.weighted_loss($0, scores) }
        if let whole = fixed.whole {
            let image = vectors.floats
            table.multiply(whole, stride, solution.floats, image)
            loss += product(solution.floats, image)
        }
        // A sum of squares; rounding may take one that is nothing below 0. A NaN stays one.
        return loss < 0 ? 0 : loss
    }

    /// The row's `visit_ratings`; q is where ``descendOverAllPairs`` has it.
    private func visit(
        _ meetings: mf_row, _ kind: mf_visit, _ p: UnsafePointer<Float>, t: UnsafeMutablePointer<Float>,
        _ parts: LongRow?
    ) -> Double {
        let q = vectors.floats + 2 * stride
        if let parts { return parts.visit(meetings, kind, p, t: t, q: q) }
        return withUnsafePointer(to: meetings) { kernels.table.pointee.visit_ratings($0, kind, p, t, q) }
    }

    /// a . b, in double precision.
    private func product(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>) -> Double {
        (0..<configuration.rank).reduce(0.0) { $0 + Double(a[$1]) * Double(b[$1]) }
    }
}
