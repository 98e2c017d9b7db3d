// Why: nearly all the work of an exact half-step is A += F'F. The factors are gathered MF_PANEL_ROWS rows at a time
// into a panel that stays in the first-level cache, and A is updated in tiles that stay in registers:
//
//              j ->  groups of MF_LANES columns          tile[r][c] += P[k][i + r] * P[k][j + c]   for every k
//      i   [ 0 ][ 1 ][ 2 ][ 3 ]
//      |        [ 4 ][ 5 ][ 6 ]       of each row of tiles only those on and right of the diagonal
//      v             [ 7 ][ 8 ]

/// tile = the sum over k < count of P[k][0..<rows] (outer) Q[k][0..<groups * MF_LANES]; then A += sign * tile.
MF_INLINE void add_tile(
    const float *p, size_t p_stride, const float *q, size_t q_stride, size_t count, const size_t rows, const size_t groups,
    float sign, float *a, size_t a_stride) {
    vec tile[MF_TILE_ROWS][MF_TILE_GROUPS * MF_PARTS];
    MF_UNROLL for (size_t r = 0; r < rows; r++)
        MF_UNROLL for (size_t c = 0; c < groups * MF_PARTS; c++) tile[r][c] = (vec){0};
    for (size_t k = 0; k < count; k++, p += p_stride, q += q_stride) {
        vec right[MF_TILE_GROUPS * MF_PARTS];
        MF_UNROLL for (size_t c = 0; c < groups * MF_PARTS; c++) right[c] = load(q + c * MF_WIDTH);
        MF_UNROLL for (size_t r = 0; r < rows; r++)
            MF_UNROLL for (size_t c = 0; c < groups * MF_PARTS; c++) tile[r][c] += p[r] * right[c];
    }
    MF_UNROLL for (size_t r = 0; r < rows; r++)
        MF_UNROLL for (size_t c = 0; c < groups * MF_PARTS; c++) {
            float *at = a + r * a_stride + c * MF_WIDTH;
            store(at, load(at) + sign * tile[r][c]);
        }
}

/// Rows i..<i + MF_TILE_ROWS of A += sign * P'Q, columns `first`..<`last`, both multiples of MF_LANES.
static void add_tiles(
    const float *p, const float *q, size_t stride, size_t count, size_t i, size_t first, size_t last, float sign, float *a) {
    size_t j = first;
#define MF_TILES(groups)                                                                                                \
    add_tile(p + i, stride, q + j, stride, count, MF_TILE_ROWS, groups, sign, a + i * stride + j, stride);              \
    j += (groups) * MF_LANES;
#if MF_TILE_GROUPS == 3
    // Four groups are two and two, not three and one: a narrow tile waits for loads.
    while (last - j >= 3 * MF_LANES && last - j != 4 * MF_LANES) { MF_TILES(3) }
#endif
#if MF_TILE_GROUPS >= 2
    while (last - j >= 2 * MF_LANES) { MF_TILES(2) }
#endif
    while (j < last) { MF_TILES(1) }
#undef MF_TILES
}

/// A += sign * P'P for a panel of `count` rows, in rows `first`..<`last` of A.
static void add_gram(
    const float *panel, size_t count, size_t stride, size_t first, size_t last, float sign, float *matrix) {
    for (size_t i = first; i < last; i += MF_TILE_ROWS)
        add_tiles(panel, panel, stride, count, i, i / MF_LANES * MF_LANES, stride, sign, matrix);
}
