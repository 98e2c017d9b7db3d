// Why: AVX2 with fused multiply-add, x86-64 since 2013. Eight of the sixteen registers hold a tile.

#include "CKernels.h"

#if defined(__x86_64__)

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define MF_WIDTH 8
#define MF_TILE_ROWS 4
#define MF_TILE_GROUPS 1
#include "level.h"
#pragma clang attribute pop

const struct mf_kernels *mf_kernels_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &table : NULL;
}

#else

const struct mf_kernels *mf_kernels_avx2(void) { return NULL; }

#endif
