// Why: the level that every machine has: vectors of four floats, which any architecture's baseline has or the
// compiler takes apart.

#define MF_WIDTH 4
#define MF_TILE_ROWS 2
#define MF_TILE_GROUPS 1
#include "level.h"

const struct mf_kernels *mf_kernels_portable(void) { return &table; }
