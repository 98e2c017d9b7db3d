// Why: one level's table, from the algorithms that the width of its vectors has been given to.

#include "vectors.h"
#include "gram.h"
#include "gram_bf16.h"
#include "normal_equations.h"
#include "cholesky.h"
#include "conjugate_gradient.h"
#include "rows.h"

static const struct mf_kernels table = {
    .add_normal_equations = add_normal_equations,
    .add_normal_equations_bf16 = add_normal_equations_bf16,
    .set_dual_equations = set_dual_equations,
    .add_multiples = add_multiples,
    .solve = solve,
    .conjugate_gradient = conjugate_gradient,
    .squared_error = squared_error,
};
