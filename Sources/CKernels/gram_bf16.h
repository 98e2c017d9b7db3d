// Why: processors that multiply pairs of bfloat16 numbers do twice the work per instruction. Where the factors that a
// row meets are in bfloat16, their products are exact in single precision, in which they are summed.
//
// The panel has, for ratings k and k + 1 and each column, k's number in the low half and k + 1's in the high half of 32
// bits, in row k / 2. Levels without such an instruction gather the numbers as floats and use gram.h.

#ifdef MF_BF16_DOT

/// Gathers `width` columns, from `first` on, of ratings `start`..<`start + count` as pairs, and adds their values'
/// multiples to `right`. A missing last rating counts as zeros.
MF_INLINE void gather_pair_columns(
    struct mf_row row, size_t start, size_t count, size_t first, const size_t width, float *panel, float *right) {
    static const uint32_t nothing[MF_GATHER_FLOATS / 2] __attribute__((aligned(64)));
    enum { PARTS = MF_GATHER_FLOATS / MF_WIDTH };
    vec sums[PARTS];
    MF_UNROLL for (size_t c = 0; c < width / MF_WIDTH; c++) sums[c] = load(right + first + c * MF_WIDTH);
    for (size_t k = 0; k < count; k += 2) {
        const bool both = k + 1 < count;
        if (first == 0) {
            prefetch_ahead(row, true, start + k);
            prefetch_ahead(row, true, start + k + 1);
        }
        const uint32_t *even = from_column(factors_of(row, true, start + k), true, first);
        const uint32_t *odd = both ? from_column(factors_of(row, true, start + k + 1), true, first) : nothing;
        const float even_value = row.values[start + k], odd_value = both ? row.values[start + k + 1] : 0;
        MF_UNROLL for (size_t c = 0; c < width / MF_WIDTH; c++) {
            // Columns in low halves, then those in high halves.
            const bits a = *(const bits *)(even + c / 2 * MF_LANES), b = *(const bits *)(odd + c / 2 * MF_LANES);
            const bits pair = c % 2 == 0 ? (a & 0xFFFF) | b << 16 : a >> 16 | (b & 0xFFFF0000);
            *(bits *)(panel + k / 2 * row.stride + first + c * MF_WIDTH) = pair;
            sums[c] += even_value * (vec)(pair << 16);
            sums[c] += odd_value * (vec)(pair & 0xFFFF0000);
        }
    }
    MF_UNROLL for (size_t c = 0; c < width / MF_WIDTH; c++) store(right + first + c * MF_WIDTH, sums[c]);
}

/// The panel of ratings `start`..<`start + count`; right += their values' multiples.
MF_INLINE void gather_bf16(struct mf_row row, size_t start, size_t count, float *panel, float *right) {
#define MF_BODY(first, width) gather_pair_columns(row, start, count, first, width, panel, right)
    MF_GATHER(row.stride, MF_BODY);
#undef MF_BODY
}

/// add_tile of gram.h, for a panel of `count` rows of pairs.
MF_INLINE void add_pair_tile(
    const float *panel, size_t stride, size_t count, size_t i, size_t j, const size_t groups, float *matrix) {
    __m512 tile[MF_TILE_ROWS][MF_TILE_GROUPS];
    MF_UNROLL for (size_t r = 0; r < MF_TILE_ROWS; r++)
        MF_UNROLL for (size_t c = 0; c < groups; c++) tile[r][c] = _mm512_setzero_ps();
    for (size_t k = 0; k < count; k++, panel += stride) {
        __m512bh right[MF_TILE_GROUPS];
        MF_UNROLL for (size_t c = 0; c < groups; c++)
            right[c] = (__m512bh)_mm512_load_si512(panel + j + c * MF_WIDTH);
        MF_UNROLL for (size_t r = 0; r < MF_TILE_ROWS; r++) {
            int left;
            memcpy(&left, panel + i + r, sizeof left);
            MF_UNROLL for (size_t c = 0; c < groups; c++)
                tile[r][c] = _mm512_dpbf16_ps(tile[r][c], (__m512bh)_mm512_set1_epi32(left), right[c]);
        }
    }
    MF_UNROLL for (size_t r = 0; r < MF_TILE_ROWS; r++)
        MF_UNROLL for (size_t c = 0; c < groups; c++) {
            float *at = matrix + (i + r) * stride + j + c * MF_WIDTH;
            store(at, load(at) + (vec)tile[r][c]);
        }
}

/// Rows `first`..<`first + MF_TILE_ROWS` of matrix += P'P, for a panel of `count` ratings.
static void add_gram_bf16(const float *panel, size_t count, size_t stride, size_t first, float *matrix) {
    const size_t pairs = (count + 1) / 2;
    size_t j = first / MF_LANES * MF_LANES;
    for (; stride - j >= 3 * MF_LANES && stride - j != 4 * MF_LANES; j += 3 * MF_LANES)
        add_pair_tile(panel, stride, pairs, first, j, 3, matrix);
    for (; stride - j >= 2 * MF_LANES; j += 2 * MF_LANES) add_pair_tile(panel, stride, pairs, first, j, 2, matrix);
    if (j < stride) add_pair_tile(panel, stride, pairs, first, j, 1, matrix);
}

#else

MF_INLINE void gather_bf16(struct mf_row row, size_t start, size_t count, float *panel, float *right) {
    gather(row, true, false, start, count, panel, right);
}

static void add_gram_bf16(const float *panel, size_t count, size_t stride, size_t first, float *matrix) {
    add_gram(panel, count, stride, first, first + MF_TILE_ROWS, 1, matrix);
}

#endif
