// Why: the NEON kernels must be right before anyone has such a machine at hand. This compares a level's kernels with
// the same equations in double precision; the bounds are those of Tests/LeastSquaresTests/ExactSolverTests.swift.
// It is built by a cross compiler and run under an emulator, so it needs nothing but the C library.

#include "CKernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIXED_ROWS = 600, STEPS = 60 };

static uint64_t state = 1;

/// SplitMix64, scaled to [-1, 1).
static double uniform(void) {
    state += 0x9E3779B97F4A7C15;
    uint64_t bits = state;
    bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9;
    bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB;
    return (double)((bits ^ (bits >> 31)) >> 11) * 0x1p-52 - 1;
}

static float *floats(size_t count) {
    float *memory = aligned_alloc(64, (count * sizeof(float) + 63) / 64 * 64);
    if (memory == NULL) abort();
    memset(memory, 0, (count * sizeof(float) + 63) / 64 * 64);
    return memory;
}

/// The number of eight significant bits that is nearest, of two the one whose last bit is 0.
static float nearest_bfloat16(float exact) {
    uint32_t bits;
    memcpy(&bits, &exact, sizeof bits);
    const uint32_t towards_bits = bits & 0xFFFF0000, away_bits = towards_bits + 0x10000;
    float towards, away;
    memcpy(&towards, &towards_bits, sizeof towards);
    memcpy(&away, &away_bits, sizeof away);
    const float down = fabsf(exact - towards), up = fabsf(away - exact);
    return down < up || (down == up && (towards_bits & 0x10000) == 0) ? towards : away;
}

/// |r - F x|^2.
static double errors_of(const struct mf_row *row, size_t d, const float *x) {
    double total = 0;
    for (size_t k = 0; k < row->count; k++) {
        double error = row->values[k];
        for (size_t j = 0; j < d; j++) error -= (double)row->factors[row->columns[k] * row->stride + j] * x[j];
        total += error * error;
    }
    return total;
}

/// The norm of b - (F'F + ridge I) x.
static double residual_of(const struct mf_row *row, size_t d, double ridge, const float *x) {
    double *left = calloc(d, sizeof(double)), total = 0;
    if (left == NULL) abort();
    for (size_t k = 0; k < row->count; k++) {
        const float *f = row->factors + row->columns[k] * row->stride;
        double error = row->values[k];
        for (size_t j = 0; j < d; j++) error -= (double)f[j] * x[j];
        for (size_t j = 0; j < d; j++) left[j] += error * f[j];
    }
    for (size_t j = 0; j < d; j++) total += (left[j] - ridge * x[j]) * (left[j] - ridge * x[j]);
    free(left);
    return sqrt(total);
}

static int failures = 0;

static void expect(int holds, const char *what, size_t d, size_t n, double found, double bound) {
    if (holds) return;
    failures++;
    printf("FAILED: %s at d = %zu, n = %zu: %g, bound %g\n", what, d, n, found, bound);
}

static void check(const struct mf_kernels *kernels, size_t d, size_t n) {
    const size_t stride = (d + MF_LANES - 1) / MF_LANES * MF_LANES;
    const size_t dual_stride = (n + MF_LANES - 1) / MF_LANES * MF_LANES, side = stride > dual_stride ? stride : dual_stride;
    float *factors = floats(FIXED_ROWS * stride), *values = floats(n + 1), *panel = floats(MF_PANEL_ROWS * stride);
    float *matrix = floats(side * side), *x = floats(side), *errors = floats(2 * n + 1), *vectors = floats(4 * stride);
    float *inverse = floats(stride * stride);
    uint32_t *columns = malloc((n + 1) * sizeof(uint32_t));
    if (columns == NULL) abort();
    double size = 0, norm = 0, values_square = 0;
    for (size_t i = 0; i < FIXED_ROWS; i++)
        for (size_t j = 0; j < d; j++) factors[i * stride + j] = (float)uniform();
    for (size_t k = 0; k < n; k++) {
        columns[k] = (uint32_t)(k * FIXED_ROWS / n);
        values[k] = (float)uniform();
        values_square += (double)values[k] * values[k];
        for (size_t j = 0; j < d; j++) size += pow(factors[columns[k] * stride + j], 2);
    }
    const double ridge = 0.1 * (double)n + 0.1;
    size += (double)d * ridge;
    // Rounded factors are checked against the same factors, rounded by the definition.
    const size_t word_stride = (stride + 31) / 32 * 16;
    uint32_t *words = (uint32_t *)floats(FIXED_ROWS * word_stride);
    float *rounded = floats(FIXED_ROWS * stride);
    kernels->round_factors(factors, FIXED_ROWS, stride, words);
    for (size_t i = 0; i < FIXED_ROWS * stride; i++) rounded[i] = nearest_bfloat16(factors[i]);

    for (int bf16 = 0; bf16 < 2; bf16++) {
        const struct mf_row row = {.factors = factors, .words = bf16 ? words : NULL, .stride = stride,
                                   .columns = columns, .values = values, .count = n};
        const struct mf_row met = {.factors = bf16 ? rounded : factors, .stride = stride, .columns = columns,
                                   .values = values, .count = n};
        memset(matrix, 0, side * side * sizeof(float));
        memset(x, 0, side * sizeof(float));
        kernels->add_normal_equations(&row, panel, matrix, x);
        const ptrdiff_t lost = kernels->solve(matrix, stride, d, (float)ridge, x);
        expect(lost == -1, "pivot", d, n, (double)lost, -1);
        norm = 0;
        for (size_t j = 0; j < d; j++) norm += (double)x[j] * x[j];
        for (size_t j = d; j < stride; j++) expect(x[j] == 0, "padding", d, n, x[j], 0);
        // Rounding makes a factor larger by 2^-8 of itself at most.
        const double bound = 1.01 * (double)(n + 4 * d + 8) * 0x1p-24 * (size * sqrt(norm) + sqrt(size * values_square));
        const double residual = residual_of(&met, d, ridge, x);
        expect(residual <= bound, bf16 ? "bf16 residual" : "residual", d, n, residual, bound);
        const double error = errors_of(&met, d, x), found = kernels->squared_error(&row, x);
        expect(fabs(found - error) <= 1e-4 * (error + 1), "squared error", d, n, found, error);

        // From here on x is held to the residual of single precision, with room for what iteration leaves.
        const double near = 1e-4 * (size * sqrt(norm) + sqrt(size * values_square) + 1e-6);
        for (int preconditioned = 0; preconditioned < 2; preconditioned++) {
            memset(matrix, 0, side * side * sizeof(float));
            memset(x, 0, side * sizeof(float));
            kernels->add_normal_equations(&row, panel, matrix, x);
            // The inverse of what is not quite the matrix.
            expect(kernels->invert(matrix, stride, d, 2 * (float)ridge, inverse) == -1, "inverse", d, n, 0, 0);
            memset(x, 0, side * sizeof(float));
            struct mf_descent at = {
                x, vectors, vectors + stride, vectors + 2 * stride, vectors + 3 * stride, preconditioned ? inverse : NULL, 0};
            const double carried = kernels->conjugate_gradient(&row, STEPS, (float)ridge, errors, &at);
            const double left = residual_of(&met, d, ridge, x), true_errors = errors_of(&met, d, x);
            expect(left <= near, "CG residual", d, n, left, near);
            expect(fabs(carried - true_errors) <= 1e-4 * (carried + 1), "CG errors", d, n, carried, true_errors);
        }
        if (n > 0) {
            float *weights = floats(dual_stride);
            memcpy(weights, values, n * sizeof(float));
            kernels->set_dual_equations(&row, matrix, dual_stride);
            expect(kernels->solve(matrix, dual_stride, n, (float)ridge, weights) == -1, "dual pivot", d, n, 0, 0);
            struct mf_row weighted = row;
            weighted.values = weights;
            memset(x, 0, side * sizeof(float));
            kernels->add_multiples(&weighted, x);
            const double left = residual_of(&met, d, ridge, x);
            expect(left <= near, "dual residual", d, n, left, near);
            free(weights);
        }
    }
    free(words); free(rounded); free(inverse);
    free(factors); free(values); free(panel); free(matrix); free(x); free(errors); free(vectors); free(columns);
}

/// A constant that is not stored must do what a column of it does.
static void check_constant(const struct mf_kernels *kernels, size_t d, size_t n) {
    const size_t stride = (d + MF_LANES - 1) / MF_LANES * MF_LANES, wide = (d + MF_LANES) / MF_LANES * MF_LANES;
    const float constant = 0.7f;
    float *factors = floats(FIXED_ROWS * stride), *with_column = floats(FIXED_ROWS * wide), *values = floats(n + 1);
    float *x = floats(wide), *errors = floats(2 * n + 1), *vectors = floats(4 * wide);
    uint32_t *columns = malloc((n + 1) * sizeof(uint32_t));
    if (columns == NULL) abort();
    for (size_t i = 0; i < FIXED_ROWS; i++) {
        for (size_t j = 0; j < d; j++) with_column[i * wide + j] = factors[i * stride + j] = (float)uniform();
        with_column[i * wide + d] = constant;
    }
    double size = 0;
    for (size_t k = 0; k < n; k++) {
        columns[k] = (uint32_t)(k * FIXED_ROWS / n);
        values[k] = (float)uniform() + 1;
        size += fabs((double)values[k]);
    }
    const double ridge = 0.1 * (double)n + 0.1;
    const struct mf_row row = {.factors = factors, .stride = stride, .columns = columns, .values = values, .count = n,
                               .constant = constant, .constant_column = d};
    const struct mf_row met = {
        .factors = with_column, .stride = wide, .columns = columns, .values = values, .count = n};
    struct mf_descent at = {x, vectors, vectors + wide, vectors + 2 * wide, vectors + 3 * wide, NULL, 0};
    const double carried = kernels->conjugate_gradient(&row, STEPS, (float)ridge, errors, &at);
    const double left = residual_of(&met, d + 1, ridge, x), near = 1e-4 * (sqrt((double)d + 1) * size + 1e-6);
    const double true_errors = errors_of(&met, d + 1, x);
    expect(left <= near, "residual with a constant", d, n, left, near);
    expect(fabs(carried - true_errors) <= 1e-4 * (carried + 1), "errors with a constant", d, n, carried, true_errors);
    const double found = kernels->squared_error(&row, x);
    expect(fabs(found - true_errors) <= 1e-4 * (true_errors + 1), "squared error with a constant", d, n, found, true_errors);
    free(factors); free(with_column); free(values); free(x); free(errors); free(vectors); free(columns);
}

int main(void) {
    static const size_t ranks[] = {1, 3, 8, 15, 16, 17, 33, 64, 100, 128, 256};
    static const size_t counts[] = {0, 1, 2, 7, 8, 63, 64, 65, 500};
    const struct mf_kernels *levels[] = {mf_kernels_portable(), mf_kernels_neon()};
    static const char *const names[] = {"portable", "neon"};
    for (int level = 0; level < 2; level++) {
        if (levels[level] == NULL) continue;
        for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++)
            for (size_t j = 0; j < sizeof counts / sizeof *counts; j++) {
                check(levels[level], ranks[i], counts[j]);
                check_constant(levels[level], ranks[i], counts[j]);
            }
        printf("%s: checked\n", names[level]);
    }
    return failures > 0;
}
