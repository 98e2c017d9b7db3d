// Why: the level that every machine has, and the one to read: what the other levels compute, in plain loops.

#include "CKernels.h"

#include <math.h>
#include <string.h>

/// c[0..<MF_LANES] += a * b[0..<MF_LANES]
static inline void add_product(float *restrict c, float a, const float *restrict b) {
    for (size_t lane = 0; lane < MF_LANES; lane++) c[lane] += a * b[lane];
}

/// A += sign P'P in whole tiles, rows `first`..<`last` of A, for a panel P of `count` rows.
static void add_gram(const float *panel, size_t count, size_t stride, size_t first, size_t last, float sign, float *matrix) {
    for (size_t i = first; i < last; i++) {
        for (size_t j = i / MF_LANES * MF_LANES; j < stride; j += MF_LANES) {
            float sum[MF_LANES] = {0};
            for (size_t k = 0; k < count; k++) add_product(sum, panel[k * stride + i], panel + k * stride + j);
            add_product(matrix + i * stride + j, sign, sum);
        }
    }
}

static void add_normal_equations(const struct mf_row *row, float *panel, float *matrix, float *right) {
    const size_t stride = row->stride;
    for (size_t start = 0; start < row->count; start += MF_PANEL_ROWS) {
        const size_t left = row->count - start, count = left < MF_PANEL_ROWS ? left : MF_PANEL_ROWS;
        for (size_t k = 0; k < count; k++) {
            const float *factors = row->factors + row->columns[start + k] * stride;
            memcpy(panel + k * stride, factors, stride * sizeof(float));
            for (size_t j = 0; j < stride; j += MF_LANES) add_product(right + j, row->values[start + k], factors + j);
        }
        add_gram(panel, count, stride, 0, stride, 1, matrix);
    }
}

static ptrdiff_t solve(float *matrix, size_t stride, size_t rank, float ridge, float *right) {
    // Row by row: row i of U is (A_i - the sum over k < i of U_ki U_k) / pivot, and y = (U')^-1 right likewise.
    for (size_t i = 0; i < rank; i++) {
        float *row = matrix + i * stride;
        row[i] += ridge;
        const float diagonal = row[i];
        add_gram(matrix, i, stride, i, i + 1, -1, matrix);
        const float pivot = row[i];
        // A pivot below the rounding error of its own sum carries no information.
        if (!(pivot > diagonal * 0x1p-22f) || !isfinite(pivot)) return (ptrdiff_t)i;
        const float inverse = 1 / sqrtf(pivot);
        for (size_t j = i / MF_LANES * MF_LANES; j < stride; j++) row[j] *= inverse;
        for (size_t k = 0; k < i; k++) right[i] -= matrix[k * stride + i] * right[k];
        right[i] *= inverse;
    }
    for (size_t i = rank; i-- > 0;) {
        const float *row = matrix + i * stride;
        float sum = right[i];
        for (size_t j = i + 1; j < rank; j++) sum -= row[j] * right[j];
        right[i] = sum / row[i];
    }
    return -1;
}

static double squared_error(const struct mf_row *row, const float *x) {
    double total = 0;
    for (size_t k = 0; k < row->count; k++) {
        const float *factors = row->factors + row->columns[k] * row->stride;
        float sums[MF_LANES] = {0};
        for (size_t j = 0; j < row->stride; j += MF_LANES)
            for (size_t lane = 0; lane < MF_LANES; lane++) sums[lane] += factors[j + lane] * x[j + lane];
        for (size_t half = MF_LANES / 2; half > 0; half /= 2)
            for (size_t lane = 0; lane < half; lane++) sums[lane] += sums[lane + half];
        const double error = row->values[k] - sums[0];
        total += error * error;
    }
    return total;
}

const struct mf_kernels *mf_kernels_portable(void) {
    static const struct mf_kernels table = {
        .add_normal_equations = add_normal_equations,
        .solve = solve,
        .squared_error = squared_error,
    };
    return &table;
}
