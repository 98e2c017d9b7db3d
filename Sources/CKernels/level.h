// Why: one level's table, from the algorithms that the width of its vectors has been given to.

#include "vectors.h"
#include "factors.h"
#include "gram.h"
#include "gather.h"
#include "gram_bf16.h"
#include "normal_equations.h"
#include "cholesky.h"
#include "conjugate_gradient.h"
#include "rows.h"
#include "measure.h"

static const struct mf_kernels table = {
    .round_factors = round_factors,
    .add_normal_equations = add_normal_equations,
    .set_dual_equations = set_dual_equations,
    .add_multiples = add_multiples,
    .solve = solve,
    .invert = invert,
    .conjugate_gradient = conjugate_gradient,
    .visit_ratings = visit_ratings,
    .begin_descent = begin_descent,
    .step_length = step_length,
    .descend = descend,
    .reduce_errors = reduce_errors,
    .squared_error = squared_error,
    .weighted_loss = weighted_loss,
    .multiply = multiply,
    .multiply_add = multiply_add,
    .sum_all = sum_all,
};
