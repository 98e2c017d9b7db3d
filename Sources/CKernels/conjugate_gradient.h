// Why: a row that starts from its factors of the sweep before needs no Gram matrix: a few steps of conjugate gradients
// on (F'F + ridge I) x = F'values bring it as near to the solution as the sweep can use, and a step visits
// each rating's factors once, for 4 d operations instead of d (d + 1). K is a preconditioner, or I:
//
//     e = values - F x     g = F'e - ridge x     p = z = K g                                        begin_descent
//     each step:   t = F p;  alpha = g.z / (t.t + ridge p.p)                                        step_length
//                  x += alpha p;  h = g - alpha (F't + ridge p);  y = K h                           descend
//                  p = y + (h.y / g.z) p;  g = h;  z = y
//                  e -= alpha t                                                                     reduce_errors
//
// The errors e come along, so the row's squared error costs nothing. The last step needs no F't.
// (Hestenes & Stiefel 1952; for the normal equations: Bjoerck 1996, 7.4. Takacs et al. 2011 use it for ALS.)

/// The last part of a visit to `rows` ratings from `k` on, whose products with p are known but for `offset`: t, and in
/// `errors` what multiplies their factors in q.
MF_INLINE void finish_products(
    struct mf_row row, const enum mf_visit kind, size_t k, const size_t rows, vec4 products, float offset, float *errors,
    float *t) {
    if (row.weights != NULL) {
        *(vec4 *)errors = products;
        memcpy(t + k, errors, rows * sizeof(float));
        if (kind == mf_visit_image) return;
        float weights[MF_ROWS_AT_ONCE] __attribute__((aligned(16))) = {0};
        memcpy(weights, row.weights + k, rows * sizeof(float));
        products = products * *(vec4 *)weights;
        if (kind == mf_visit_residual) {
            memcpy(weights, row.values + k, rows * sizeof(float));
            products = *(vec4 *)weights - products;
        }
        *(vec4 *)errors = products;
        return;
    }
    products = products + offset;
    if (kind == mf_visit_residual) {
        float values[MF_ROWS_AT_ONCE] __attribute__((aligned(16))) = {0};
        memcpy(values, row.values + k, rows * sizeof(float));
        products = *(vec4 *)values - products;
    }
    *(vec4 *)errors = products;
    memcpy(t + k, errors, rows * sizeof(float));
}

/// Vectors of p and of q that the registers hold beside what a visit needs.
#if MF_WIDTH == 16
enum { MF_HELD_PARTS = 8 };
#else
enum { MF_HELD_PARTS = 4 };
#endif

/// Visits `rows` (4 or 1) ratings from `k` on; p and q have `parts` vectors, a constant, in registers.
MF_INLINE void visit_held_rows(
    struct mf_row row, const bool bf16, const enum mf_visit kind, bool far, size_t k, const size_t rows, const size_t parts,
    const vec *p, float offset, float *t, vec *q) {
    // What is read once stays in registers where those are enough.
    const bool keeps = MF_WIDTH == 16 && parts <= 4 && kind != mf_visit_image;
    const void *f[MF_ROWS_AT_ONCE];
    vec kept[MF_ROWS_AT_ONCE][4];
    vec sums[MF_ROWS_AT_ONCE] = {{0}, {0}, {0}, {0}};
    MF_UNROLL for (size_t r = 0; r < rows; r++) {
        if (far) prefetch_ahead(row, bf16, k + r);
        f[r] = factors_of(row, bf16, k + r);
    }
    MF_UNROLL for (size_t c = 0; c < parts; c++)
        MF_UNROLL for (size_t r = 0; r < rows; r++) {
            const vec part = load_part(f[r], bf16, c);
            if (keeps) kept[r][c] = part;
            sums[r] += part * p[c];
        }
    float errors[MF_ROWS_AT_ONCE] __attribute__((aligned(16)));
    finish_products(row, kind, k, rows, sum4(sums[0], sums[1], sums[2], sums[3]), offset, errors, t);
    if (kind == mf_visit_image) return;
    MF_UNROLL for (size_t c = 0; c < parts; c++) {
        vec total = q[c] + errors[0] * (keeps ? kept[0][c] : load_part(f[0], bf16, c));
        if (rows == MF_ROWS_AT_ONCE) {
            const vec others = errors[2] * (keeps ? kept[2][c] : load_part(f[2], bf16, c))
                + errors[3] * (keeps ? kept[3][c] : load_part(f[3], bf16, c));
            total = total + errors[1] * (keeps ? kept[1][c] : load_part(f[1], bf16, c)) + others;
        }
        q[c] = total;
    }
}

/// Visits all ratings with p and q, of `parts` vectors, in registers.
MF_INLINE void visit_held(
    struct mf_row row, const bool bf16, const enum mf_visit kind, bool far, const size_t parts, const float *p,
    float offset, float *t, float *q) {
    vec held_p[MF_HELD_PARTS], held_q[MF_HELD_PARTS];
    MF_UNROLL for (size_t c = 0; c < parts; c++) {
        held_p[c] = load(p + c * MF_WIDTH);
        held_q[c] = (vec){0};
    }
    size_t k = 0;
    for (; k + MF_ROWS_AT_ONCE <= row.count; k += MF_ROWS_AT_ONCE)
        visit_held_rows(row, bf16, kind, far, k, MF_ROWS_AT_ONCE, parts, held_p, offset, t, held_q);
    for (; k < row.count; k++) visit_held_rows(row, bf16, kind, far, k, 1, parts, held_p, offset, t, held_q);
    if (kind == mf_visit_image) return;
    MF_UNROLL for (size_t c = 0; c < parts; c++) store(q + c * MF_WIDTH, held_q[c]);
}

/// q += the multiples `errors` of the factors at `f`, `parts` vectors from column `j` on.
MF_INLINE void add_wide(
    const void *const *f, const bool bf16, const size_t rows, size_t j, const size_t parts, const float *errors, float *q) {
    MF_UNROLL for (size_t c = 0; c < parts; c++) {
        float *at = q + j + c * MF_WIDTH;
        vec even = load(at), odd = (vec){0};
        MF_UNROLL for (size_t r = 0; r < rows; r++) {
            const vec product = errors[r] * load_part(from_column(f[r], bf16, j), bf16, c);
            if (r % 2 == 0) even += product;
            else odd += product;
        }
        store(at, even + odd);
    }
}

/// Visits `rows` ratings from `k` on, for any stride.
MF_INLINE void visit_wide_rows(
    struct mf_row row, const bool bf16, const enum mf_visit kind, bool far, size_t k, const size_t rows, const float *p,
    float offset, float *t, float *q) {
    const void *f[MF_ROWS_AT_ONCE];
    MF_UNROLL for (size_t r = 0; r < rows; r++) {
        if (far) prefetch_ahead(row, bf16, k + r);
        f[r] = factors_of(row, bf16, k + r);
    }
    float errors[MF_ROWS_AT_ONCE] __attribute__((aligned(16)));
    finish_products(row, kind, k, rows, products_with(f, bf16, rows, row.stride, p), offset, errors, t);
    if (kind == mf_visit_image) return;
    size_t j = 0;
    for (; j + MF_GROUP <= row.stride; j += MF_GROUP) add_wide(f, bf16, rows, j, MF_GROUP_PARTS, errors, q);
    if (j < row.stride) add_wide(f, bf16, rows, j, MF_PARTS, errors, q);
}

MF_INLINE void visit_wide(
    struct mf_row row, const bool bf16, const enum mf_visit kind, bool far, const float *p, float offset, float *t,
    float *q) {
    if (kind != mf_visit_image) memset(q, 0, row.stride * sizeof(float));
    size_t k = 0;
    for (; k + MF_ROWS_AT_ONCE <= row.count; k += MF_ROWS_AT_ONCE)
        visit_wide_rows(row, bf16, kind, far, k, MF_ROWS_AT_ONCE, p, offset, t, q);
    for (; k < row.count; k++) visit_wide_rows(row, bf16, kind, far, k, 1, p, offset, t, q);
}

/// Factors of more than this many bytes do not stay in the second-level cache from one visit to the next.
enum { MF_NEAR_BYTES = 1 << 19 };

/// Visits all ratings; sets q but for the constant's column.
MF_INLINE void visit_all(
    struct mf_row row, const bool bf16, const enum mf_visit kind, const float *p, float *t, float *q) {
    const float offset = constant_product(&row, p);
    const bool far = kind == mf_visit_residual || row.count * row.stride * (bf16 ? 2 : 4) > MF_NEAR_BYTES;
    switch (row.stride / MF_WIDTH) {
    case 1: visit_held(row, bf16, kind, far, 1, p, offset, t, q); break;
    case 2: visit_held(row, bf16, kind, far, 2, p, offset, t, q); break;
    case 3: visit_held(row, bf16, kind, far, 3, p, offset, t, q); break;
    case 4: visit_held(row, bf16, kind, far, 4, p, offset, t, q); break;
#if MF_WIDTH == 16
    case 5: visit_held(row, bf16, kind, far, 5, p, offset, t, q); break;
    case 6: visit_held(row, bf16, kind, far, 6, p, offset, t, q); break;
    case 7: visit_held(row, bf16, kind, far, 7, p, offset, t, q); break;
    case 8: visit_held(row, bf16, kind, far, 8, p, offset, t, q); break;
#endif
    default: visit_wide(row, bf16, kind, far, p, offset, t, q);
    }
}

/// The sum of any number of floats of any alignment, or of their squares, in double precision.
MF_INLINE double sum_of(const float *a, size_t count, const bool squares) {
    typedef double part __attribute__((vector_size(MF_WIDTH * 8)));
    typedef float loose __attribute__((vector_size(MF_WIDTH * 4), aligned(4), may_alias));
    part sums[2] = {{0}, {0}};
    size_t k = 0;
    for (; k + 2 * MF_WIDTH <= count; k += 2 * MF_WIDTH) {
        MF_UNROLL for (size_t c = 0; c < 2; c++) {
            const part wide = __builtin_convertvector(*(const loose *)(a + k + c * MF_WIDTH), part);
            sums[c] += squares ? wide * wide : wide;
        }
    }
    const part both = sums[0] + sums[1];
    double total = 0;
    MF_UNROLL for (size_t lane = 0; lane < MF_WIDTH; lane++) total += both[lane];
    for (; k < count; k++) total += squares ? (double)a[k] * a[k] : a[k];
    return total;
}

MF_INLINE double sum_of_squares(const float *a, size_t count) { return sum_of(a, count, true); }

/// The sum over the ratings of w t^2 or, as a loss, of c (1 - t)^2 - (c - w) t^2 = c + t (w t - 2 c); in double
/// precision.
MF_INLINE double sum_of_terms(struct mf_row row, const float *t, const bool loss) {
    double sums[4] = {0}, total = 0;
    size_t k = 0;
    for (; k + 4 <= row.count; k += 4)
        MF_UNROLL for (size_t c = 0; c < 4; c++) {
            const double at = t[k + c], weighted = (double)row.weights[k + c] * at, confidence = row.values[k + c];
            sums[c] += loss ? confidence + at * (weighted - 2 * confidence) : weighted * at;
        }
    for (; k < row.count; k++) {
        const double at = t[k], weighted = (double)row.weights[k] * at, confidence = row.values[k];
        total += loss ? confidence + at * (weighted - 2 * confidence) : weighted * at;
    }
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + total;
}

MF_INLINE void visit_as(struct mf_row row, const bool bf16, enum mf_visit kind, const float *p, float *t, float *q) {
    switch (kind) {
    case mf_visit_residual: visit_all(row, bf16, mf_visit_residual, p, t, q); break;
    case mf_visit_product: visit_all(row, bf16, mf_visit_product, p, t, q); break;
    case mf_visit_image: visit_all(row, bf16, mf_visit_image, p, t, q); break;
    }
}

static double visit_ratings(const struct mf_row *row, enum mf_visit kind, const float *p, float *t, float *q) {
    if (row->words != NULL) visit_as(*row, true, kind, p, t, q);
    else visit_as(*row, false, kind, p, t, q);
    if (row->constant != 0 && kind != mf_visit_image) {
        for (size_t j = row->stride; j < extended_stride(row); j++) q[j] = 0;
        q[row->constant_column] = row->constant * (float)sum_of(t, row->count, false);
    }
    return row->weights == NULL ? sum_of_squares(t, row->count) : sum_of_terms(*row, t, false);
}

static double weighted_loss(const struct mf_row *row, const float *scores) {
    return sum_of_terms(*row, scores, true);
}

static void multiply(const float *matrix, size_t stride, const float *x, float *y) {
    for (size_t j = 0; j < stride; j += MF_LANES) {
        memset(y + j, 0, MF_LANES * sizeof(float));
        add_rows(matrix + j, stride, x, stride, 1, y + j);
    }
}

/// z = K g.
MF_INLINE void precondition(size_t stride, struct mf_descent *at) {
    if (at->inverse == NULL) {
        memcpy(at->z, at->g, stride * sizeof(float));
        return;
    }
    multiply(at->inverse, stride, at->g, at->z);
}

static float begin_descent(size_t stride, float ridge, struct mf_descent *at) {
    for (size_t j = 0; j < stride; j += MF_WIDTH) store(at->g + j, load(at->q + j) - ridge * load(at->x + j));
    precondition(stride, at);
    memcpy(at->p, at->z, stride * sizeof(float));
    const float square = dot(at->g, at->z, stride);
    // The residual that the steps carry along goes on falling when the true one has reached the rounding errors of
    // single precision, 2^-23 of the first; from there on directions mean nothing.
    at->least = square * 0x1p-46f;
    return square;
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
    precondition(stride, at);
    const float next = dot(at->g, at->z, stride), beta = next / square;
    if (next <= at->least) return 0;
    for (size_t j = 0; j < stride; j += MF_WIDTH) store(at->p + j, load(at->z + j) + beta * load(at->p + j));
    return next;
}

static double reduce_errors(float *errors, const float *images, float alpha, size_t count) {
    for (size_t k = 0; k < count; k++) errors[k] -= alpha * images[k];
    return sum_of_squares(errors, count);
}

static double conjugate_gradient(
    const struct mf_row *row, size_t steps, float ridge, float *errors, struct mf_descent *at) {
    const size_t stride = extended_stride(row);
    float *images = errors + row->count;
    double error = visit_ratings(row, mf_visit_residual, at->x, errors, at->q);
    float square = begin_descent(stride, ridge, at);
    for (size_t step = 1; step <= steps && square != 0; step++) {
        const bool last = step == steps;
        const double image_square = visit_ratings(row, last ? mf_visit_image : mf_visit_product, at->p, images, at->q);
        const float alpha = step_length(stride, ridge, square, image_square, at);
        square = descend(stride, ridge, square, alpha, last, at);
        error = reduce_errors(errors, images, alpha, row->count);
    }
    return error;
}
