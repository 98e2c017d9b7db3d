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

/// The sums of the lanes of four vectors: within lanes of four floats first, so that one fold does for all.
MF_INLINE vec4 sum4(vec a, vec b, vec c, vec d) {
#if MF_WIDTH == 16
#define MF_LANEWISE(a, b, i, j, k, l)                                                                                   \
    __builtin_shufflevector(a, b, i, j, k, l, i + 4, j + 4, k + 4, l + 4, i + 8, j + 8, k + 8, l + 8, i + 12, j + 12, k + 12, l + 12)
#elif MF_WIDTH == 8
#define MF_LANEWISE(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l, i + 4, j + 4, k + 4, l + 4)
#else
#define MF_LANEWISE(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#endif
    // [a0 + a2, b0 + b2, a1 + a3, b1 + b3] in each lane, and the same of c and d.
    const vec ab = MF_LANEWISE(a, b, 0, MF_WIDTH, 1, MF_WIDTH + 1) + MF_LANEWISE(a, b, 2, MF_WIDTH + 2, 3, MF_WIDTH + 3);
    const vec cd = MF_LANEWISE(c, d, 0, MF_WIDTH, 1, MF_WIDTH + 1) + MF_LANEWISE(c, d, 2, MF_WIDTH + 2, 3, MF_WIDTH + 3);
    return fold(MF_LANEWISE(ab, cd, 0, 1, MF_WIDTH, MF_WIDTH + 1) + MF_LANEWISE(ab, cd, 2, 3, MF_WIDTH + 2, MF_WIDTH + 3));
#undef MF_LANEWISE
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
