// Why: the equations of a row, F'F and F'values, from the factors that its ratings name.

MF_INLINE void add_equations(struct mf_row row, const bool bf16, float *panel, float *matrix, float *right) {
    const size_t stride = row.stride, share = (MF_PANEL_ROWS * MF_TILE_ROWS + stride - 1) / stride;
    for (size_t start = 0; start < row.count; start += MF_PANEL_ROWS) {
        const size_t left = row.count - start, count = left < MF_PANEL_ROWS ? left : MF_PANEL_ROWS;
        gather(row, start, count, panel, right);
        if (bf16) round_panel(panel, count, stride);
        // While this panel is multiplied, the next one comes from memory, a share of it with each row of tiles.
        for (size_t i = 0, next = start + count; i < stride; i += MF_TILE_ROWS, next += share) {
            prefetch_rows(row, next, share);
            if (bf16) add_gram_bf16(panel, count, stride, i, matrix);
            else add_gram(panel, count, stride, i, i + MF_TILE_ROWS, 1, matrix);
        }
    }
}

static void add_normal_equations(const struct mf_row *row, float *panel, float *matrix, float *right) {
    add_equations(*row, false, panel, matrix, right);
}

static void add_normal_equations_bf16(const struct mf_row *row, float *panel, float *matrix, float *right) {
    add_equations(*row, true, panel, matrix, right);
}

/// matrix = F F' in tiles of 4 x 4 dot products.
static void set_dual_equations(const struct mf_row *of, float *matrix, size_t matrix_stride) {
    const struct mf_row row = *of;
    memset(matrix, 0, matrix_stride * matrix_stride * sizeof(float));
    for (size_t k = 0; k < row.count; k += 4) {
        for (size_t l = k; l < row.count; l += 4) {
            // Beyond the last rating the last is taken again; those products are cleared below.
            const float *p[4], *q[4];
            for (size_t r = 0; r < 4; r++) {
                p[r] = factors_of(row, k + r < row.count ? k + r : row.count - 1);
                q[r] = factors_of(row, l + r < row.count ? l + r : row.count - 1);
            }
            vec sums[4][4];
            MF_UNROLL for (size_t r = 0; r < 4; r++) MF_UNROLL for (size_t s = 0; s < 4; s++) sums[r][s] = (vec){0};
            for (size_t j = 0; j < row.stride; j += MF_WIDTH) {
                vec right[4];
                MF_UNROLL for (size_t s = 0; s < 4; s++) right[s] = load(q[s] + j);
                MF_UNROLL for (size_t r = 0; r < 4; r++) {
                    const vec left = load(p[r] + j);
                    MF_UNROLL for (size_t s = 0; s < 4; s++) sums[r][s] += left * right[s];
                }
            }
            MF_UNROLL for (size_t r = 0; r < 4; r++)
                *(vec4 *)(matrix + (k + r) * matrix_stride + l) = sum4(sums[r][0], sums[r][1], sums[r][2], sums[r][3]);
        }
    }
    for (size_t k = 0; k < row.count; k++)
        memset(matrix + k * matrix_stride + row.count, 0, (matrix_stride - row.count) * sizeof(float));
    for (size_t k = row.count; k < matrix_stride; k++) memset(matrix + k * matrix_stride, 0, matrix_stride * sizeof(float));
}

static void add_multiples(const struct mf_row *of, float *x) {
    const struct mf_row row = *of;
    for (size_t k = 0; k < row.count; k++) {
        const float *factors = factors_of(row, k);
        for (size_t j = 0; j < row.stride; j += MF_WIDTH) store(x + j, load(x + j) + row.values[k] * load(factors + j));
    }
}
