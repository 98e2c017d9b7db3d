// Why: processors that multiply pairs of bfloat16 numbers do twice the work per instruction. The factors of the panel
// are rounded to bfloat16 for the Gram matrix alone: sums are in single precision, and so are the right-hand side
// and all that follows. Rounding moves each factor by at most 2^-9 of itself, so the solution answers to a Gram matrix
// that is as far off as that, while its residual against the true ratings stays what the fit needs.
//
// Levels without such an instruction round the same way and multiply in single precision: the option works everywhere.

#ifdef MF_BF16_DOT

typedef uint32_t pair __attribute__((vector_size(64), may_alias));

/// Rounds `count` rows of the panel, in place: row k / 2 then has, for each column, row k's number in the low half and
/// row k + 1's in the high half of 32 bits. A missing last row counts as zeros.
MF_INLINE void pair_rows(float *panel, size_t count, size_t stride) {
    const __m512i interleave = _mm512_set_epi16(
        31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    for (size_t k = 0; k < count; k += 2) {
        for (size_t j = 0; j < stride; j += MF_WIDTH) {
            const __m512 low = _mm512_load_ps(panel + k * stride + j);
            const __m512 high = k + 1 < count ? _mm512_load_ps(panel + (k + 1) * stride + j) : _mm512_setzero_ps();
            const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(high, low);
            _mm512_store_si512(panel + k / 2 * stride + j, _mm512_permutexvar_epi16(interleave, both));
        }
    }
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

/// Rounds the panel; it then serves add_gram_bf16 alone.
MF_INLINE void round_panel(float *panel, size_t count, size_t stride) { pair_rows(panel, count, stride); }

/// Rows `first`..<`first + MF_TILE_ROWS` of matrix += P'P, for a panel rounded from `count` rows.
static void add_gram_bf16(const float *panel, size_t count, size_t stride, size_t first, float *matrix) {
    const size_t pairs = (count + 1) / 2;
    size_t j = first / MF_LANES * MF_LANES;
    for (; stride - j >= 3 * MF_LANES && stride - j != 4 * MF_LANES; j += 3 * MF_LANES)
        add_pair_tile(panel, stride, pairs, first, j, 3, matrix);
    for (; stride - j >= 2 * MF_LANES; j += 2 * MF_LANES) add_pair_tile(panel, stride, pairs, first, j, 2, matrix);
    if (j < stride) add_pair_tile(panel, stride, pairs, first, j, 1, matrix);
}

#else

MF_INLINE void round_panel(float *panel, size_t count, size_t stride) {
    for (size_t at = 0; at < count * stride; at++) {
        uint32_t bits;
        memcpy(&bits, panel + at, sizeof bits);
        // To nearest, ties to even; infinities and NaN stay what they are, as their low halves are not rounded up.
        if ((bits & 0x7F800000) != 0x7F800000) bits += 0x7FFF + (bits >> 16 & 1);
        bits &= 0xFFFF0000;
        memcpy(panel + at, &bits, sizeof bits);
    }
}

static void add_gram_bf16(const float *panel, size_t count, size_t stride, size_t first, float *matrix) {
    add_gram(panel, count, stride, first, first + MF_TILE_ROWS, 1, matrix);
}

#endif
