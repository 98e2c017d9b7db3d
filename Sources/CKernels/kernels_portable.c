// Why: the level that every machine has: vectors of four floats, which any architecture's baseline has or the
// compiler takes apart.

// It is the one that machines of different architectures share, so it must round alike on all of them: no product is
// fused with an addition, although some could.
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("fp-contract=off")
#endif

#define MF_WIDTH 4
#define MF_TILE_ROWS 2
#define MF_TILE_GROUPS 1
#include "level.h"

const struct mf_kernels *mf_kernels_portable(void) { return &table; }
