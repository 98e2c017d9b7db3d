// Why: the inner loops of the solver, and nothing else. Only here does a function need an instruction set of its
// own, so these are C; every level fills one table of the same functions (same shapes, same contracts), and the
// rest of the program holds a pointer to one table. No function allocates, locks, starts threads or decides.
//
// Shapes. d is the rank, D the stride: d rounded up to a multiple of MF_LANES. Every row of factors has D floats,
// the last D - d of them zero, and every matrix here is D x D, row-major, of which only the upper triangle is
// read and written, in whole MF_LANES x MF_LANES tiles: A[i * D + j] for j / MF_LANES >= i / MF_LANES.
// The upper triangle, because the rows of both a panel of factors and the triangular factor U (A = U'U) then lie
// along the vectors: the update of A by a panel P, A += P'P, and that by finished rows of U, A -= U'U, are one loop.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Rows of factors are padded to a multiple of this many floats (64 bytes).
enum { MF_LANES = 16 };

/// Rows of factors that a panel holds.
enum { MF_PANEL_ROWS = 64 };

/// The ratings of one row (or a segment of them), and the factors that they meet.
struct mf_row {
    /// The fixed side in single precision; row c begins at `factors + c * stride`, 64-byte aligned.
    const float *factors;
    /// The fixed side as `round_factors` writes it, which is then met instead of `factors`; NULL where it is not wanted.
    const uint32_t *words;
    /// D.
    size_t stride;
    /// The column of each rating.
    const uint32_t *columns;
    /// The rating of each, less the intercept.
    const float *values;
    /// Ratings; 0 is allowed.
    size_t count;
    /// For the implicit loss, how much a unit of each rating's product with x weighs more than that of a pair without a
    /// rating; `values` are then the confidences. NULL for the explicit loss.
    const float *weights;
    /// What every row of the fixed side has in column `constant_column`, though it is not stored there: the factor that
    /// a bias meets. 0 for none, and with weights. Vectors that meet the row then have E floats, the padded number of
    /// columns up to that one; E is D where the padding has room for it.
    float constant;
    /// d.
    size_t constant_column;
};

/// What a visit to the factors that a row meets is for; W is the diagonal of its weights.
enum mf_visit {
    /// t = values - F p, q = F't; with weights t = F p, q = F'(values - W t)
    mf_visit_residual,
    /// t = F p, q = F't; with weights q = F'W t
    mf_visit_product,
    /// t = F p
    mf_visit_image,
};

/// Where a descent by conjugate gradients stands: E floats each, which is D without a constant.
struct mf_descent {
    /// The solution so far.
    float *x;
    /// The residual of the equations.
    float *g;
    /// The direction.
    float *p;
    /// What the last visit left.
    float *q;
    /// The preconditioned residual; the same as `g` without a preconditioner.
    float *z;
    /// The preconditioner: E x E, symmetric, whole; NULL for none.
    const float *inverse;
    /// The g.z at which the descent ends; `begin_descent` sets it.
    float least;
};

/// One instruction set's functions. All pointers to floats are 64-byte aligned unless they say otherwise.
struct mf_kernels {
    /// Rounds `count` rows of D floats to bfloat16: rows of D / 2 words, rounded up to a multiple of MF_LANES, 64-byte
    /// aligned; factors.h has their layout.
    void (*round_factors)(const float *from, size_t count, size_t stride, uint32_t *words);

    /// matrix += F'F, with weights F'W F, and right += F'values, without a constant, F being the factors that `row` meets; sums are in
    /// single precision. A negative weight makes the matrix NaN. `panel` is room for MF_PANEL_ROWS * D floats.
    void (*add_normal_equations)(const struct mf_row *row, float *panel, float *matrix, float *right);

    /// matrix = F F', without a constant, one row a rating: `matrix_stride` is the row's count rounded up to a multiple of MF_LANES, and
    /// what is beyond the count is 0.
    void (*set_dual_equations)(const struct mf_row *row, float *matrix, size_t matrix_stride);

    /// x += F'values, without a constant.
    void (*add_multiples)(const struct mf_row *row, float *x);

    /// Adds `ridge` to the first `rank` diagonal elements, replaces the matrix with its triangular factor U, and
    /// `right` with the solution. The padding of the solution is 0.
    /// Returns -1, or the first row whose pivot is not finite or is lost in rounding; `right` is then undefined.
    ptrdiff_t (*solve)(float *matrix, size_t stride, size_t rank, float ridge, float *right);

    /// Adds `ridge` to the first `rank` diagonal elements and replaces the matrix with its triangular factor; sets
    /// `inverse`, D x D, to the whole inverse, whose padding is 0. Returns as `solve` does.
    ptrdiff_t (*invert)(float *matrix, size_t stride, size_t rank, float ridge, float *inverse);

    /// Moves x by `steps` steps of conjugate gradients towards the solution of (F'F + ridge I) x = F'values.
    /// `errors` is room for 2 * count floats of any alignment.
    /// Returns the sum of squared errors that x then has; not finite when the input was not.
    double (*conjugate_gradient)(
        const struct mf_row *row, size_t steps, float ridge, float *errors, struct mf_descent *at);

    // The parts of the same, for a row that is visited in segments by several threads: t and the square of a visit are
    // the segments' one after another, q is the sum of theirs.

    /// Visits all ratings; returns the sum of the squares of t, each times its weight if there are any. q is not
    /// written for an image.
    double (*visit_ratings)(const struct mf_row *row, enum mf_visit kind, const float *p, float *t, float *q);
    /// After the visit for the residual: sets g, z and p, of `stride` floats. Returns g.z, which is 0 at the solution.
    float (*begin_descent)(size_t stride, float ridge, struct mf_descent *at);
    /// After the visit for the product or, in the last step, for the image of p: alpha.
    float (*step_length)(size_t stride, float ridge, float square, double image_square, const struct mf_descent *at);
    /// Moves x by alpha p and, unless this is the last step, g, z and p to the next step. Returns g.z, or 0 where that
    /// has fallen to what rounding leaves.
    float (*descend)(size_t stride, float ridge, float square, float alpha, bool last, struct mf_descent *at);
    /// errors -= alpha * images. Returns the sum of their squares.
    double (*reduce_errors)(float *errors, const float *images, float alpha, size_t count);

    /// The sum over the ratings of (value - f . x)^2: dot products in single precision, their errors in double.
    double (*squared_error)(const struct mf_row *row, const float *x);

    /// The sum over the ratings of a row with weights of c (1 - s)^2 - (c - w) s^2, with c of `values` and s of
    /// `scores`, of any alignment; in double precision.
    double (*weighted_loss)(const struct mf_row *row, const float *scores);

    /// y = M x, for a symmetric matrix of D x D that is whole.
    void (*multiply)(const float *matrix, size_t stride, const float *x, float *y);

    /// Multiply-adds from and to registers, for measuring the peak. Returns how many operations that were, a
    /// multiply-add being two. `sink` is one vector of zeros, and takes what keeps the compiler honest.
    size_t (*multiply_add)(size_t rounds, float *sink);

    /// The sum of `count` floats, a multiple of 128, for measuring the bandwidth of memory.
    float (*sum_all)(const float *a, size_t count);
};

/// The baseline of any architecture.
const struct mf_kernels *mf_kernels_portable(void);

// The rest are NULL on machines that lack the set.
const struct mf_kernels *mf_kernels_avx2(void);
const struct mf_kernels *mf_kernels_avx512(void);
const struct mf_kernels *mf_kernels_avx512bf16(void);
const struct mf_kernels *mf_kernels_neon(void);

#endif
