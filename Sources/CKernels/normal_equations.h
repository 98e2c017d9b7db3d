// Why: the equations of a row, F'F and F'values, from the factors that its ratings name.

// Weighted factors are products, which bfloat16 would round once more: their panel is in single precision, whatever the
// form they are gathered from.

MF_INLINE void add_equations(
    struct mf_row row, const bool bf16, const bool weighted, float *panel, float *matrix, float *right) {
    const size_t stride = row.stride, share = (MF_PANEL_ROWS * MF_TILE_ROWS + stride - 1) / stride;
    for (size_t start = 0; start < row.count; start += MF_PANEL_ROWS) {
        const size_t left = row.count - start, count = left < MF_PANEL_ROWS ? left : MF_PANEL_ROWS;
        if (bf16 && !weighted) gather_bf16(row, start, count, panel, right);
        else gather(row, bf16, weighted, start, count, panel, right);
        // While this panel is multiplied, the next one comes from memory, a share of it with each row of tiles.
        for (size_t i = 0, next = start + count; i < stride; i += MF_TILE_ROWS, next += share) {
            prefetch_rows(row, bf16, next, share);
            if (bf16 && !weighted) add_gram_bf16(panel, count, stride, i, matrix);
            else add_gram(panel, count, stride, i, i + MF_TILE_ROWS, 1, matrix);
        }
    }
}

static void add_normal_equations(const struct mf_row *row, float *panel, float *matrix, float *right) {
    const bool bf16 = row->words != NULL, weighted = row->weights != NULL;
    if (bf16 && weighted) add_equations(*row, true, true, panel, matrix, right);
    else if (bf16) add_equations(*row, true, false, panel, matrix, right);
    else if (weighted) add_equations(*row, false, true, panel, matrix, right);
    else add_equations(*row, false, false, panel, matrix, right);
}

/// The 4 x 4 tile of F F' at ratings `p` and `q`, `parts` vectors from column `j` on.
MF_INLINE void add_dual_tile(
    const void *const *p, const void *const *q, const bool bf16, size_t j, const size_t parts, vec sums[4][4]) {
    MF_UNROLL for (size_t c = 0; c < parts; c++) {
        vec right[4];
        MF_UNROLL for (size_t s = 0; s < 4; s++) right[s] = load_part(from_column(q[s], bf16, j), bf16, c);
        MF_UNROLL for (size_t r = 0; r < 4; r++) {
            const vec left = load_part(from_column(p[r], bf16, j), bf16, c);
            MF_UNROLL for (size_t s = 0; s < 4; s++) sums[r][s] += left * right[s];
        }
    }
}

/// matrix = F F' in tiles of 4 x 4 dot products.
MF_INLINE void set_dual(struct mf_row row, const bool bf16, float *matrix, size_t matrix_stride) {
    memset(matrix, 0, matrix_stride * matrix_stride * sizeof(float));
    for (size_t k = 0; k < row.count; k += 4) {
        for (size_t l = k; l < row.count; l += 4) {
            // Beyond the last rating the last is taken again; those products are cleared below.
            const void *p[4], *q[4];
            for (size_t r = 0; r < 4; r++) {
                p[r] = factors_of(row, bf16, k + r < row.count ? k + r : row.count - 1);
                q[r] = factors_of(row, bf16, l + r < row.count ? l + r : row.count - 1);
            }
            vec sums[4][4];
            MF_UNROLL for (size_t r = 0; r < 4; r++) MF_UNROLL for (size_t s = 0; s < 4; s++) sums[r][s] = (vec){0};
            size_t j = 0;
            for (; j + MF_GROUP <= row.stride; j += MF_GROUP) add_dual_tile(p, q, bf16, j, MF_GROUP_PARTS, sums);
            if (j < row.stride) add_dual_tile(p, q, bf16, j, MF_PARTS, sums);
            MF_UNROLL for (size_t r = 0; r < 4; r++)
                *(vec4 *)(matrix + (k + r) * matrix_stride + l) = sum4(sums[r][0], sums[r][1], sums[r][2], sums[r][3]);
        }
    }
    for (size_t k = 0; k < row.count; k++)
        memset(matrix + k * matrix_stride + row.count, 0, (matrix_stride - row.count) * sizeof(float));
    for (size_t k = row.count; k < matrix_stride; k++) memset(matrix + k * matrix_stride, 0, matrix_stride * sizeof(float));
}

static void set_dual_equations(const struct mf_row *row, float *matrix, size_t matrix_stride) {
    if (row->words != NULL) set_dual(*row, true, matrix, matrix_stride);
    else set_dual(*row, false, matrix, matrix_stride);
}

/// x += F'values, `parts` vectors from column `j` on.
MF_INLINE void add_multiples_at(struct mf_row row, const bool bf16, size_t j, const size_t parts, float *x) {
    vec sums[MF_GROUP_PARTS];
    MF_UNROLL for (size_t c = 0; c < parts; c++) sums[c] = load(x + j + c * MF_WIDTH);
    for (size_t k = 0; k < row.count; k++) {
        const void *factors = from_column(factors_of(row, bf16, k), bf16, j);
        MF_UNROLL for (size_t c = 0; c < parts; c++) sums[c] += row.values[k] * load_part(factors, bf16, c);
    }
    MF_UNROLL for (size_t c = 0; c < parts; c++) store(x + j + c * MF_WIDTH, sums[c]);
}

MF_INLINE void add_all_multiples(struct mf_row row, const bool bf16, float *x) {
    size_t j = 0;
    for (; j + MF_GROUP <= row.stride; j += MF_GROUP) add_multiples_at(row, bf16, j, MF_GROUP_PARTS, x);
    if (j < row.stride) add_multiples_at(row, bf16, j, MF_PARTS, x);
}

static void add_multiples(const struct mf_row *row, float *x) {
    if (row->words != NULL) add_all_multiples(*row, true, x);
    else add_all_multiples(*row, false, x);
}
