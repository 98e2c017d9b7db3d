// Why: a row meets its factors in one of two forms, and all that reads them does so here. Solving a row visits them
// several times and most rows together touch all of the fixed side, so what they weigh decides how much of it a
// cache holds. bfloat16 is the upper half of a single precision number; it halves that weight.
//
//     words of a row       [ 0 ][ 1 ] ... [ 15 ]   [ 16 ] ...        one group of MF_GROUP columns: 16 words, 64 bytes
//     low half, column       0    1         15       32              becomes a float by a shift,
//     high half, column     16   17         31       48              by a mask
//
// A stride that is an odd multiple of MF_LANES leaves the high halves of the last group zero.

/// Columns in a group of MF_LANES words.
enum { MF_GROUP = 2 * MF_LANES };
/// Vectors of a group.
enum { MF_GROUP_PARTS = MF_GROUP / MF_WIDTH };

typedef uint32_t bits __attribute__((vector_size(MF_WIDTH * 4), may_alias));

// The helpers take a row by value: its fields then stay in registers, as no store through a pointer can change them.

/// Words of a row of `stride` factors.
MF_INLINE size_t word_stride(size_t stride) { return (stride + MF_GROUP - 1) / MF_GROUP * MF_LANES; }

/// The factors that rating `k` meets.
MF_INLINE const void *factors_of(struct mf_row row, const bool bf16, size_t k) {
    if (bf16) return row.words + row.columns[k] * word_stride(row.stride);
    return row.factors + row.columns[k] * row.stride;
}

/// The same from column `first` on, a multiple of MF_GROUP.
MF_INLINE const void *from_column(const void *factors, const bool bf16, size_t first) {
    if (bf16) return (const uint32_t *)factors + first / 2;
    return (const float *)factors + first;
}

/// Vector `part` of the factors; to be a constant after inlining.
MF_INLINE vec load_part(const void *factors, const bool bf16, const size_t part) {
    if (!bf16) return load((const float *)factors + part * MF_WIDTH);
    const size_t within = part % MF_GROUP_PARTS;
    const uint32_t *words = (const uint32_t *)factors + part / MF_GROUP_PARTS * MF_LANES + within % MF_PARTS * MF_WIDTH;
    const bits word = *(const bits *)words;
    return within < MF_PARTS ? (vec)(word << 16) : (vec)(word & 0xFFFF0000);
}

/// E: the padded number of columns of vectors that meet a row.
MF_INLINE size_t extended_stride(const struct mf_row *row) {
    const size_t end = row->constant_column / MF_LANES * MF_LANES + MF_LANES;
    return row->constant == 0 || end < row->stride ? row->stride : end;
}

/// What the constant adds to every product with `x`.
MF_INLINE float constant_product(const struct mf_row *row, const float *x) {
    return row->constant == 0 ? 0 : row->constant * x[row->constant_column];
}

/// Ratings whose factors are asked for ahead of the one in hand: about the latency of memory.
enum { MF_PREFETCH_AHEAD = 8 };

/// Asks for the factors that rating `k` meets; `locality` as __builtin_prefetch has it.
#define MF_PREFETCH(row, bf16, k, locality)                                                                             \
    do {                                                                                                                \
        const char *at = factors_of(row, bf16, k);                                                                      \
        const size_t bytes = (bf16) ? word_stride((row).stride) * 4 : (row).stride * 4;                                 \
        for (size_t offset = 0; offset < bytes; offset += 64) __builtin_prefetch(at + offset, 0, locality);             \
    } while (0)

/// Asks for the factors that rating `k` + MF_PREFETCH_AHEAD meets, if there are so many.
MF_INLINE void prefetch_ahead(struct mf_row row, const bool bf16, size_t k) {
    if (k + MF_PREFETCH_AHEAD < row.count) MF_PREFETCH(row, bf16, k + MF_PREFETCH_AHEAD, 3);
}

/// Asks for the factors of ratings `start`..<`start + count`, as far as there are so many, for the second-level cache.
MF_INLINE void prefetch_rows(struct mf_row row, const bool bf16, size_t start, size_t count) {
    const size_t end = start + count < row.count ? start + count : row.count;
    for (size_t k = start; k < end; k++) MF_PREFETCH(row, bf16, k, 2);
}

/// Dot products with up to four rows of factors are taken together: x is then loaded once for them.
enum { MF_ROWS_AT_ONCE = 4 };

/// The products of `x` with the factors of `rows` (4, or 1) ratings at `f`; `stride` floats.
MF_INLINE vec4 products_with(
    const void *const *f, const bool bf16, const size_t rows, size_t stride, const float *x) {
    vec sums[MF_ROWS_AT_ONCE] = {{0}, {0}, {0}, {0}};
    size_t j = 0;
    for (; j + MF_GROUP <= stride; j += MF_GROUP)
        MF_UNROLL for (size_t c = 0; c < MF_GROUP_PARTS; c++)
            MF_UNROLL for (size_t r = 0; r < rows; r++)
                sums[r] += load_part(from_column(f[r], bf16, j), bf16, c) * load(x + j + c * MF_WIDTH);
    if (j < stride)
        MF_UNROLL for (size_t c = 0; c < MF_PARTS; c++)
            MF_UNROLL for (size_t r = 0; r < rows; r++)
                sums[r] += load_part(from_column(f[r], bf16, j), bf16, c) * load(x + j + c * MF_WIDTH);
    return sum4(sums[0], sums[1], sums[2], sums[3]);
}

/// Rounds `count` rows of `stride` floats to bfloat16, to nearest, ties to even; infinities and NaN stay what they are.
static void round_factors(const float *from, size_t count, size_t stride, uint32_t *words) {
    for (size_t row = 0; row < count; row++, from += stride, words += word_stride(stride)) {
        for (size_t j = 0; j < stride; j += MF_GROUP) {
            MF_UNROLL for (size_t c = 0; c < MF_PARTS; c++) {
                bits halves[2] = {{0}, {0}};
                MF_UNROLL for (size_t half = 0; half < 2; half++) {
                    const size_t column = j + half * MF_LANES + c * MF_WIDTH;
                    if (column >= stride) continue;
                    const bits exact = (bits)load(from + column);
                    const bits special = (bits)((exact & 0x7F800000) == 0x7F800000);
                    // A NaN whose payload is in its lower half alone must not become an infinity.
                    const bits nan = (bits)((exact & 0x7FFFFFFF) > 0x7F800000) & 0x00400000;
                    const bits rounded = exact + ((0x7FFF + (exact >> 16 & 1)) & ~special);
                    halves[half] = (rounded | nan) & 0xFFFF0000;
                }
                *(bits *)(words + j / 2 + c * MF_WIDTH) = halves[0] >> 16 | halves[1];
            }
        }
    }
}
