// Why: NEON, the baseline of 64-bit ARM: 32 registers of four floats hold a tile of four rows by four vectors, and
// multiply-add is always fused.

#include "CKernels.h"

#if defined(__aarch64__)

#define MF_WIDTH 4
#define MF_TILE_ROWS 4
#define MF_TILE_GROUPS 1
#include "level.h"

const struct mf_kernels *mf_kernels_neon(void) { return &table; }

#else

const struct mf_kernels *mf_kernels_neon(void) { return NULL; }

#endif
