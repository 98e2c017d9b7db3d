// Why: one small positive definite system a row, A x = b, by A = U'U in blocks of MF_LANES rows. For block row I:
//
//     1.  A[I][J] -= U[K][I]' U[K][J]    over the finished block rows K < I, for J >= I: the tiles of gram.h
//     2.  U[I][I] from A[I][I] by elimination of its rows; the same steps on the identity give W = (U[I][I]')^-1
//     3.  U[I][J] = W A[I][J]            for J > I
//     4.  y[I] = W (b[I] - U[K][I]' y[K])
//
// and backwards x[I] = W' (y[I] - U[I][J] x[J]). The inverse of each diagonal block replaces the chains of divisions
// and subtractions of a triangular solve, which a core can only wait for, by products. It is computed while the
// elimination of step 2, itself such a chain, leaves the multipliers idle, and W' is kept where U[I][I] stood.

/// Factors the MF_LANES x MF_LANES tile at `a` and replaces it with W'.
/// `least` has the smallest pivot allowed for each row. Returns -1, or the row whose pivot is not above that.
static ptrdiff_t invert_diagonal(float *a, size_t stride, const float *least) {
    float w[MF_LANES * MF_LANES] __attribute__((aligned(64)));
    float u[MF_LANES] __attribute__((aligned(64)));
    memset(w, 0, sizeof w);
    for (size_t r = 0; r < MF_LANES; r++) w[r * MF_LANES + r] = 1;
    for (size_t r = 0; r < MF_LANES; r++) {
        const float pivot = a[r * stride + r];
        if (!(pivot > least[r]) || !isfinite(pivot)) return (ptrdiff_t)r;
        const float inverse = 1 / sqrtf(pivot);
        vec row[MF_PARTS], image[MF_PARTS];
        MF_UNROLL for (size_t c = 0; c < MF_PARTS; c++) {
            row[c] = load(a + r * stride + c * MF_WIDTH) * inverse;
            image[c] = load(w + r * MF_LANES + c * MF_WIDTH) * inverse;
            store(u + c * MF_WIDTH, row[c]);
            store(w + r * MF_LANES + c * MF_WIDTH, image[c]);
        }
        for (size_t s = r + 1; s < MF_LANES; s++) {
            MF_UNROLL for (size_t c = 0; c < MF_PARTS; c++) {
                float *below = a + s * stride + c * MF_WIDTH, *under = w + s * MF_LANES + c * MF_WIDTH;
                store(below, load(below) - u[s] * row[c]);
                store(under, load(under) - u[s] * image[c]);
            }
        }
    }
    // W is lower triangular; the tile takes its transpose, zeros included.
    for (size_t r = 0; r < MF_LANES; r++)
        for (size_t s = 0; s < MF_LANES; s++) a[r * stride + s] = w[s * MF_LANES + r];
    return -1;
}

/// Step 3, for the tile at `a`, with W' at `inverse`.
MF_INLINE void multiply_tile(const float *inverse, float *a, size_t stride) {
    float old[MF_LANES * MF_LANES] __attribute__((aligned(64)));
    for (size_t r = 0; r < MF_LANES; r++) {
        memcpy(old + r * MF_LANES, a + r * stride, MF_LANES * sizeof(float));
        memset(a + r * stride, 0, MF_LANES * sizeof(float));
    }
    // Row r of W ends at column r, so the rows of old that a tile of rows needs end with its last.
    for (size_t r = 0; r < MF_LANES; r += MF_TILE_ROWS)
        add_tile(inverse + r, stride, old, MF_LANES, r + MF_TILE_ROWS, MF_TILE_ROWS, 1, 1, a + r * stride, stride);
}

/// The dot products of MF_LANES rows at `a` with `x`, over `count` floats, a multiple of MF_LANES.
MF_INLINE void multiply_rows(const float *a, size_t stride, const float *x, size_t count, float *products) {
    for (size_t r = 0; r < MF_LANES; r += 4) {
        vec sums[4] = {{0}, {0}, {0}, {0}};
        for (size_t j = 0; j < count; j += MF_WIDTH) {
            const vec part = load(x + j);
            MF_UNROLL for (size_t s = 0; s < 4; s++) sums[s] += load(a + (r + s) * stride + j) * part;
        }
        *(vec4 *)(products + r) = sum4(sums[0], sums[1], sums[2], sums[3]);
    }
}

/// b += sign * the sum over k < count of y[k] * a[k], MF_LANES floats of each row.
MF_INLINE void add_rows(const float *a, size_t stride, const float *y, size_t count, float sign, float *b) {
    // Two sums, so that the additions of one need not wait for each other.
    vec even[MF_PARTS], odd[MF_PARTS];
    MF_UNROLL for (size_t c = 0; c < MF_PARTS; c++) even[c] = odd[c] = (vec){0};
    for (size_t k = 0; k < count; k += 2) {
        MF_UNROLL for (size_t c = 0; c < MF_PARTS; c++) {
            even[c] += y[k] * load(a + k * stride + c * MF_WIDTH);
            odd[c] += y[k + 1] * load(a + (k + 1) * stride + c * MF_WIDTH);
        }
    }
    MF_UNROLL for (size_t c = 0; c < MF_PARTS; c++)
        store(b + c * MF_WIDTH, load(b + c * MF_WIDTH) + sign * (even[c] + odd[c]));
}

/// Steps 1 to 3 for the whole matrix.
/// Returns -1, or the first row whose pivot is lost.
static ptrdiff_t factor(float *matrix, size_t stride, size_t rank, float ridge) {
    for (size_t i = 0; i < rank; i++) matrix[i * stride + i] += ridge;
    // The padding becomes an identity, which leaves its part of the solution 0.
    for (size_t i = rank; i < stride; i++) matrix[i * stride + i] = 1;
    for (size_t block = 0; block < stride; block += MF_LANES) {
        float *diagonal = matrix + block * stride + block;
        // A pivot below the rounding error of its own sum carries no information.
        float least[MF_LANES];
        for (size_t r = 0; r < MF_LANES; r++) least[r] = diagonal[r * stride + r] * 0x1p-22f;
        if (block > 0) add_gram(matrix, block, stride, block, block + MF_LANES, -1, matrix);
        const ptrdiff_t lost = invert_diagonal(diagonal, stride, least);
        if (lost >= 0) return (ptrdiff_t)block + lost;
        for (size_t j = block + MF_LANES; j < stride; j += MF_LANES)
            multiply_tile(diagonal, matrix + block * stride + j, stride);
    }
    return -1;
}

/// Step 4 and the way back, with the factor in `matrix`. `right` is zero before `first`, a multiple of MF_LANES.
static void substitute(const float *matrix, size_t stride, size_t first, float *right) {
    for (size_t block = first; block < stride; block += MF_LANES) {
        float y[MF_LANES] __attribute__((aligned(64)));
        if (block > first)
            add_rows(matrix + first * stride + block, stride, right + first, block - first, -1, right + block);
        memcpy(y, right + block, sizeof y);
        memset(right + block, 0, sizeof y);
        add_rows(matrix + block * stride + block, stride, y, MF_LANES, 1, right + block);
    }
    for (size_t block = stride; block > 0;) {
        block -= MF_LANES;
        float products[MF_LANES] __attribute__((aligned(64)));
        const size_t next = block + MF_LANES;
        multiply_rows(matrix + block * stride + next, stride, right + next, stride - next, products);
        for (size_t r = 0; r < MF_LANES; r++) products[r] = right[block + r] - products[r];
        multiply_rows(matrix + block * stride + block, stride, products, MF_LANES, right + block);
    }
}

static ptrdiff_t solve(float *matrix, size_t stride, size_t rank, float ridge, float *right) {
    const ptrdiff_t lost = factor(matrix, stride, rank, ridge);
    if (lost < 0) substitute(matrix, stride, 0, right);
    return lost;
}

static ptrdiff_t invert(float *matrix, size_t stride, size_t rank, float ridge, float *inverse) {
    const ptrdiff_t lost = factor(matrix, stride, rank, ridge);
    if (lost >= 0) return lost;
    memset(inverse, 0, stride * stride * sizeof(float));
    for (size_t i = 0; i < rank; i++) {
        inverse[i * stride + i] = 1;
        substitute(matrix, stride, i / MF_LANES * MF_LANES, inverse + i * stride);
    }
    return -1;
}
