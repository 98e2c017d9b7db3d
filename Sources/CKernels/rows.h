// Why: what a row's solution leaves of its ratings.

MF_INLINE double sum_squared_errors(struct mf_row row, const bool bf16, const float *x) {
    const float offset = constant_product(&row, x);
    double total = 0;
    for (size_t k = 0; k < row.count;) {
        const size_t rows = k + MF_ROWS_AT_ONCE <= row.count ? MF_ROWS_AT_ONCE : 1;
        const void *f[MF_ROWS_AT_ONCE];
        for (size_t r = 0; r < rows; r++) {
            prefetch_ahead(row, bf16, k + r);
            f[r] = factors_of(row, bf16, k + r);
        }
        const vec4 products = rows == MF_ROWS_AT_ONCE ? products_with(f, bf16, MF_ROWS_AT_ONCE, row.stride, x)
                                                      : products_with(f, bf16, 1, row.stride, x);
        for (size_t r = 0; r < rows; r++, k++) {
            const double error = row.values[k] - (products[r] + offset);
            total += error * error;
        }
    }
    return total;
}

static double squared_error(const struct mf_row *row, const float *x) {
    return row->words != NULL ? sum_squared_errors(*row, true, x) : sum_squared_errors(*row, false, x);
}
