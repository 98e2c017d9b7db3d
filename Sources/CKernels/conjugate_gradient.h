// Why: a row that starts from its factors of the sweep before needs no Gram matrix: two or three steps of conjugate
// gradients on (F'F + ridge I) x = F'values bring it as near to the solution as the sweep can use, and a step visits
// each rating's factors once, for 4 d operations instead of d (d + 1).
//
//     e = values - F x     g = F'e - ridge x     p = g                                    begin_descent
//     each step:   t = F p;  alpha = g.g / (t.t + ridge p.p)                              step_length
//                  x += alpha p;  h = g - alpha (F't + ridge p);  p = h + (h.h / g.g) p;  g = h      descend
//                  e -= alpha t                                                           reduce_errors
//
// The errors e come along, so the row's squared error costs nothing. The last step needs no F't.
// (Hestenes & Stiefel 1952; for the normal equations: Bjoerck 1996, 7.4. Takacs et al. 2011 use it for ALS.)

/// Visits `rows` (4 or 1) ratings from `k` on; p and q have `parts` vectors.
MF_INLINE void visit_rows(
    struct mf_row row, const enum mf_visit kind, bool far, size_t k, const size_t rows, size_t parts, const vec *p, float *t,
    vec *q) {
    const float *f[4];
    vec sums[4] = {{0}, {0}, {0}, {0}};
    MF_UNROLL for (size_t r = 0; r < rows; r++) {
        if (far) prefetch_ahead(row, k + r);
        f[r] = factors_of(row, k + r);
    }
    for (size_t c = 0; c < parts; c++)
        MF_UNROLL for (size_t r = 0; r < rows; r++) sums[r] += load(f[r] + c * MF_WIDTH) * p[c];
    vec4 products = sum4(sums[0], sums[1], sums[2], sums[3]);
    float errors[4] __attribute__((aligned(16))) = {0};
    if (kind == mf_visit_residual) {
        memcpy(errors, row.values + k, rows * sizeof(float));
        products = *(vec4 *)errors - products;
    }
    *(vec4 *)errors = products;
    memcpy(t + k, errors, rows * sizeof(float));
    if (kind == mf_visit_image) return;
    for (size_t c = 0; c < parts; c++) {
        const size_t j = c * MF_WIDTH;
        vec total = q[c] + errors[0] * load(f[0] + j);
        if (rows == 4) {
            const vec others = errors[2] * load(f[2] + j) + errors[3] * load(f[3] + j);
            total = total + errors[1] * load(f[1] + j) + others;
        }
        q[c] = total;
    }
}

/// Vectors of p and of q that the registers hold beside what a visit needs.
#if MF_WIDTH == 16
enum { MF_HELD_PARTS = 8 };
#else
enum { MF_HELD_PARTS = 4 };
#endif

/// Visits all ratings.
MF_INLINE void visit_parts(
    struct mf_row row, const enum mf_visit kind, bool far, size_t parts, const vec *p, float *t, vec *q) {
    size_t k = 0;
    for (; k + 4 <= row.count; k += 4) visit_rows(row, kind, far, k, 4, parts, p, t, q);
    for (; k < row.count; k++) visit_rows(row, kind, far, k, 1, parts, p, t, q);
}

/// The same with p and q in registers.
MF_INLINE void visit_held(
    struct mf_row row, const enum mf_visit kind, bool far, const size_t parts, const float *p, float *t, float *q) {
    vec held_p[MF_HELD_PARTS], held_q[MF_HELD_PARTS];
    for (size_t c = 0; c < parts; c++) {
        held_p[c] = load(p + c * MF_WIDTH);
        held_q[c] = (vec){0};
    }
    visit_parts(row, kind, far, parts, held_p, t, held_q);
    if (kind == mf_visit_image) return;
    for (size_t c = 0; c < parts; c++) store(q + c * MF_WIDTH, held_q[c]);
}

/// Rows of factors beyond this many floats do not stay in the second-level cache from one visit to the next.
enum { MF_NEAR_FLOATS = 1 << 17 };

/// Visits all ratings; sets q.
MF_INLINE void visit_all(struct mf_row row, const enum mf_visit kind, const float *p, float *t, float *q) {
    const bool far = kind == mf_visit_residual || row.count * row.stride > MF_NEAR_FLOATS;
    switch (row.stride / MF_WIDTH) {
    case 1: visit_held(row, kind, far, 1, p, t, q); break;
    case 2: visit_held(row, kind, far, 2, p, t, q); break;
    case 3: visit_held(row, kind, far, 3, p, t, q); break;
    case 4: visit_held(row, kind, far, 4, p, t, q); break;
#if MF_WIDTH == 16
    case 6: visit_held(row, kind, far, 6, p, t, q); break;
    case 8: visit_held(row, kind, far, 8, p, t, q); break;
#endif
    default:
        memset(q, 0, row.stride * sizeof(float));
        visit_parts(row, kind, far, row.stride / MF_WIDTH, (const vec *)p, t, (vec *)q);
    }
}

/// The sum of squares of any number of floats of any alignment, in double precision.
MF_INLINE double sum_of_squares(const float *a, size_t count) {
    typedef double part __attribute__((vector_size(MF_WIDTH * 8)));
    typedef float loose __attribute__((vector_size(MF_WIDTH * 4), aligned(4), may_alias));
    part sums[2] = {{0}, {0}};
    size_t k = 0;
    for (; k + 2 * MF_WIDTH <= count; k += 2 * MF_WIDTH) {
        MF_UNROLL for (size_t c = 0; c < 2; c++) {
            const part wide = __builtin_convertvector(*(const loose *)(a + k + c * MF_WIDTH), part);
            sums[c] += wide * wide;
        }
    }
    const part both = sums[0] + sums[1];
    double total = 0;
    MF_UNROLL for (size_t lane = 0; lane < MF_WIDTH; lane++) total += both[lane];
    for (; k < count; k++) total += (double)a[k] * a[k];
    return total;
}

static double visit_ratings(const struct mf_row *row, enum mf_visit kind, const float *p, float *t, float *q) {
    switch (kind) {
    case mf_visit_residual: visit_all(*row, mf_visit_residual, p, t, q); break;
    case mf_visit_product: visit_all(*row, mf_visit_product, p, t, q); break;
    case mf_visit_image: visit_all(*row, mf_visit_image, p, t, q); break;
    }
    return sum_of_squares(t, row->count);
}

static float begin_descent(size_t stride, float ridge, struct mf_descent *at) {
    for (size_t j = 0; j < stride; j += MF_WIDTH) {
        const vec gradient = load(at->q + j) - ridge * load(at->x + j);
        store(at->g + j, gradient);
        store(at->p + j, gradient);
    }
    return dot(at->g, at->g, stride);
}

static float step_length(size_t stride, float ridge, float square, double image_square, const struct mf_descent *at) {
    const double curvature = image_square + (double)ridge * dot(at->p, at->p, stride);
    // Not positive only when everything underflows: x is then as good as it gets. A NaN must stay one.
    return curvature <= 0 ? 0 : (float)(square / curvature);
}

static float descend(size_t stride, float ridge, float square, float alpha, bool last, struct mf_descent *at) {
    for (size_t j = 0; j < stride; j += MF_WIDTH) store(at->x + j, load(at->x + j) + alpha * load(at->p + j));
    if (last) return 0;
    for (size_t j = 0; j < stride; j += MF_WIDTH)
        store(at->g + j, load(at->g + j) - alpha * (load(at->q + j) + ridge * load(at->p + j)));
    const float next = dot(at->g, at->g, stride), beta = next / square;
    for (size_t j = 0; j < stride; j += MF_WIDTH) store(at->p + j, load(at->g + j) + beta * load(at->p + j));
    return next;
}

static double reduce_errors(float *errors, const float *images, float alpha, size_t count) {
    for (size_t k = 0; k < count; k++) errors[k] -= alpha * images[k];
    return sum_of_squares(errors, count);
}

static double conjugate_gradient(
    const struct mf_row *row, size_t steps, float ridge, float *errors, struct mf_descent *at) {
    float *images = errors + row->count;
    double error = visit_ratings(row, mf_visit_residual, at->x, errors, at->q);
    float square = begin_descent(row->stride, ridge, at);
    for (size_t step = 1; step <= steps && square != 0; step++) {
        const bool last = step == steps;
        const double image_square = visit_ratings(row, last ? mf_visit_image : mf_visit_product, at->p, images, at->q);
        const float alpha = step_length(row->stride, ridge, square, image_square, at);
        square = descend(row->stride, ridge, square, alpha, last, at);
        error = reduce_errors(errors, images, alpha, row->count);
    }
    return error;
}
