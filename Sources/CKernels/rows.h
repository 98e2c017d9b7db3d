// Why: what a row's solution leaves of its ratings.

static double squared_error(const struct mf_row *of, const float *x) {
    const struct mf_row row = *of;
    double total = 0;
    size_t k = 0;
    for (; k + 4 <= row.count; k += 4) {
        const float *f[4];
        MF_UNROLL for (size_t r = 0; r < 4; r++) {
            prefetch_ahead(row, k + r);
            f[r] = factors_of(row, k + r);
        }
        vec sums[4] = {{0}, {0}, {0}, {0}};
        for (size_t j = 0; j < row.stride; j += MF_WIDTH) {
            const vec part = load(x + j);
            MF_UNROLL for (size_t r = 0; r < 4; r++) sums[r] += load(f[r] + j) * part;
        }
        const vec4 products = sum4(sums[0], sums[1], sums[2], sums[3]);
        MF_UNROLL for (size_t r = 0; r < 4; r++) {
            const double error = row.values[k + r] - products[r];
            total += error * error;
        }
    }
    for (; k < row.count; k++) {
        const double error = row.values[k] - dot(factors_of(row, k), x, row.stride);
        total += error * error;
    }
    return total;
}
