// Why: every level runs the same algorithms, written once over vectors of a width that the level chooses:
//
//     MF_WIDTH          floats in a vector: 4, 8 or 16
//     MF_TILE_ROWS      rows of a register tile of the Gram matrix; divides MF_LANES
//     MF_TILE_GROUPS    groups of MF_LANES columns of such a tile
//
// A level's file defines these, switches its instruction set on, and includes level.h, which includes the rest.
// Products are written so that the compiler may fuse them with the addition that follows, where the set can.

#include "CKernels.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define MF_INLINE static inline __attribute__((always_inline))
/// For loops whose bounds are constants after inlining, over arrays that should live in registers.
#if defined(__clang__)
#define MF_UNROLL _Pragma("clang loop unroll(full)")
#else
#define MF_UNROLL _Pragma("GCC unroll 64")
#endif

/// Vectors in MF_LANES floats.
enum { MF_PARTS = MF_LANES / MF_WIDTH };

typedef float vec __attribute__((vector_size(MF_WIDTH * 4), may_alias));
typedef float vec4 __attribute__((vector_size(16), may_alias));

MF_INLINE vec load(const float *from) { return *(const vec *)from; }
MF_INLINE void store(float *to, vec value) { *(vec *)to = value; }

/// Adds the quarters (16), halves (8) of a vector up to four lanes.
MF_INLINE vec4 fold(vec a) {
#if MF_WIDTH == 16
    typedef float vec8 __attribute__((vector_size(32)));
    const vec8 half = __builtin_shufflevector(a, a, 0, 1, 2, 3, 4, 5, 6, 7)
        + __builtin_shufflevector(a, a, 8, 9, 10, 11, 12, 13, 14, 15);
    return __builtin_shufflevector(half, half, 0, 1, 2, 3) + __builtin_shufflevector(half, half, 4, 5, 6, 7);
#elif MF_WIDTH == 8
    return __builtin_shufflevector(a, a, 0, 1, 2, 3) + __builtin_shufflevector(a, a, 4, 5, 6, 7);
#else
    return a;
#endif
}

/// The sums of the lanes of four vectors.
MF_INLINE vec4 sum4(vec a, vec b, vec c, vec d) {
    const vec4 p = fold(a), q = fold(b), r = fold(c), s = fold(d);
    const vec4 pq = __builtin_shufflevector(p, q, 0, 4, 1, 5) + __builtin_shufflevector(p, q, 2, 6, 3, 7);
    const vec4 rs = __builtin_shufflevector(r, s, 0, 4, 1, 5) + __builtin_shufflevector(r, s, 2, 6, 3, 7);
    return __builtin_shufflevector(pq, rs, 0, 1, 4, 5) + __builtin_shufflevector(pq, rs, 2, 3, 6, 7);
}

/// The sum of the lanes of one vector.
MF_INLINE float sum(vec a) {
    const vec4 p = fold(a);
    return (p[0] + p[2]) + (p[1] + p[3]);
}

/// a . b over `count` floats, a multiple of MF_LANES.
MF_INLINE float dot(const float *a, const float *b, size_t count) {
    vec total = {0};
    for (size_t j = 0; j < count; j += MF_WIDTH) total += load(a + j) * load(b + j);
    return sum(total);
}

// The helpers take a row by value: its fields then stay in registers, as no store through a pointer can change them.

/// The factors that rating `k` meets.
MF_INLINE const float *factors_of(struct mf_row row, size_t k) { return row.factors + row.columns[k] * row.stride; }

/// Ratings whose factors are asked for ahead of the one in hand: about the latency of memory.
enum { MF_PREFETCH_AHEAD = 8 };

/// Asks for the factors that rating `k` + MF_PREFETCH_AHEAD meets, if there are so many.
MF_INLINE void prefetch_ahead(struct mf_row row, size_t k) {
    if (k + MF_PREFETCH_AHEAD >= row.count) return;
    const float *factors = factors_of(row, k + MF_PREFETCH_AHEAD);
    for (size_t j = 0; j < row.stride; j += MF_LANES) __builtin_prefetch(factors + j, 0, 3);
}
