// Why: the factors of MF_PANEL_ROWS ratings are brought together in a panel that stays in the first-level cache while
// gram.h multiplies it. The same pass, which has them in registers, adds to the right-hand side.

/// Floats that the gathering loop handles of a row at once: their part of the right-hand side stays in registers.
enum { MF_GATHER_FLOATS = MF_WIDTH == 16 ? 2 * MF_GROUP : MF_GROUP };

/// Gathers `width` floats, from `first` on, of the factors of ratings `start`..<`start + count` into the panel, each
/// times the root of its weight if there are `weighted` ones, and adds their values' multiples to `right`.
MF_INLINE void gather_columns(
    struct mf_row row, const bool bf16, const bool weighted, size_t start, size_t count, size_t first,
    const size_t width, float *panel, float *right) {
    vec sums[MF_GATHER_FLOATS / MF_WIDTH];
    MF_UNROLL for (size_t c = 0; c < width / MF_WIDTH; c++) sums[c] = load(right + first + c * MF_WIDTH);
    for (size_t k = 0; k < count; k++) {
        if (first == 0) prefetch_ahead(row, bf16, start + k);
        const void *factors = from_column(factors_of(row, bf16, start + k), bf16, first);
        const float value = row.values[start + k];
        const float root = weighted ? sqrtf(row.weights[start + k]) : 1;
        MF_UNROLL for (size_t c = 0; c < width / MF_WIDTH; c++) {
            const vec part = load_part(factors, bf16, c);
            store(panel + k * row.stride + first + c * MF_WIDTH, weighted ? (vec)(root * part) : part);
            sums[c] += value * part;
        }
    }
    MF_UNROLL for (size_t c = 0; c < width / MF_WIDTH; c++) store(right + first + c * MF_WIDTH, sums[c]);
}

/// Runs `body(first column, width)` over all columns of a row; widths are constants.
#define MF_GATHER(stride, body)                                                                                         \
    do {                                                                                                                \
        size_t j = 0;                                                                                                   \
        for (; j + MF_GATHER_FLOATS <= (stride); j += MF_GATHER_FLOATS) body(j, MF_GATHER_FLOATS);                      \
        for (; j + MF_GROUP <= (stride); j += MF_GROUP) body(j, MF_GROUP);                                              \
        if (j < (stride)) body(j, MF_LANES);                                                                            \
    } while (0)

/// Gathers the factors of ratings `start`..<`start + count` into the panel; right += their values' multiples.
MF_INLINE void gather(
    struct mf_row row, const bool bf16, const bool weighted, size_t start, size_t count, float *panel, float *right) {
#define MF_BODY(first, width) gather_columns(row, bf16, weighted, start, count, first, width, panel, right)
    MF_GATHER(row.stride, MF_BODY);
#undef MF_BODY
}
