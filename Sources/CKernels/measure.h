// Why: a figure means something only as a part of what the machine can do, measured in the same minute.

/// Independent sums: more than the latency of a multiply-add times its rate, and fewer than the registers.
enum { MF_CHAINS = 12 };

static size_t multiply_add(size_t rounds, float *sink) {
    vec sums[MF_CHAINS];
    vec factor, term;
    MF_UNROLL for (size_t c = 0; c < MF_CHAINS; c++) sums[c] = load(sink) + (float)c;
    factor = load(sink) + 0.5f;
    term = load(sink) + 1.0f;
    for (size_t round = 0; round < rounds; round++)
        MF_UNROLL for (size_t c = 0; c < MF_CHAINS; c++) sums[c] = sums[c] * factor + term;
    MF_UNROLL for (size_t c = 0; c < MF_CHAINS; c++) store(sink, load(sink) + sums[c]);
    return rounds * MF_CHAINS * MF_WIDTH * 2;
}

static float sum_all(const float *a, size_t count) {
    vec sums[8];
    MF_UNROLL for (size_t c = 0; c < 8; c++) sums[c] = (vec){0};
    for (size_t k = 0; k + 8 * MF_WIDTH <= count; k += 8 * MF_WIDTH)
        MF_UNROLL for (size_t c = 0; c < 8; c++) sums[c] += load(a + k + c * MF_WIDTH);
    vec total = (vec){0};
    MF_UNROLL for (size_t c = 0; c < 8; c++) total += sums[c];
    return sum(total);
}
