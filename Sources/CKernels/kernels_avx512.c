// Why: AVX-512, whose 32 registers of 16 floats hold a tile of 8 rows by 3 vectors.

#include "CKernels.h"

#if defined(__x86_64__)

#pragma clang attribute push(__attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#define MF_WIDTH 16
#define MF_TILE_ROWS 8
#define MF_TILE_GROUPS 3
#include "level.h"
#pragma clang attribute pop

const struct mf_kernels *mf_kernels_avx512(void) {
    const int supported = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    return supported ? &table : NULL;
}

#else

const struct mf_kernels *mf_kernels_avx512(void) { return NULL; }

#endif
