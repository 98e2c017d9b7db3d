// Why: AVX-512 with dot products of bfloat16 pairs (Zen 4, Cooper Lake and later); single precision as in AVX-512.

#include "CKernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#pragma clang attribute push( \
    __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16"))), apply_to = function)
#define MF_WIDTH 16
#define MF_TILE_ROWS 8
#define MF_TILE_GROUPS 3
#define MF_BF16_DOT
#include "level.h"
#pragma clang attribute pop

const struct mf_kernels *mf_kernels_avx512bf16(void) {
    return mf_kernels_avx512() != NULL && __builtin_cpu_supports("avx512bf16") ? &table : NULL;
}

#else

const struct mf_kernels *mf_kernels_avx512bf16(void) { return NULL; }

#endif
