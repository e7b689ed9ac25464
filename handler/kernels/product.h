/* Products of a few rows with one panel of a matrix: `PANEL` columns, which lie row by row behind each other.
 *
 * A row's sum runs over `k` in order whatever other rows are beside it, so results are batch-invariant to the bit.
 */
#pragma once

#include "vectors.h"

#define __MM_MALLOC_H /* which wants a C library */
#include <immintrin.h>

enum {
    PANEL = 32,
    ACROSS = 2,      /* vectors of columns at a time */
    QUAD = 4,        /* 8-bit values that are multiplied and added in one go */
    ROWS = WIDTH == 16 ? 12 : 6, /* as many sums as there are registers */
    /* With AVX2 the first six rows, at half of a panel, are done sooner than the panel arrives, and the rest of it then waits for
     * nothing; so the next panel is fetched beside all of them. With AVX-512 twelve rows go through all of a panel at once. */
    FETCHES_AHEAD = WIDTH == 8,
};

typedef float block[ROWS][PANEL] __attribute__((aligned(64)));

/* Where the rows of a product go, `stride` apart. */
struct target {
    float *rows;
    long stride;
};

/* Where a thread's next panel is read from beside a product, and how many bytes further on at each step of its sums. */
struct ahead {
    const char *from;
    long step;
};

/* `rows` is a constant wherever this is used, so that all sums are in registers. */
INLINE void tile(int rows, const float *a, long stride, const float *panel, long k, struct target to,
                 struct ahead next, int column) {
    floats sums[ROWS][ACROSS];
#pragma unroll
    for (int r = 0; r < rows; r++) sums[r][0] = sums[r][1] = all(0);
    const char *from = next.from + column / (ACROSS * WIDTH) * k * next.step;
    for (long i = 0; i < k; i++) {
        if (FETCHES_AHEAD) __builtin_prefetch(from + i * next.step, 0, 2);
        floats left = load(panel + i * PANEL + column), right = load(panel + i * PANEL + column + WIDTH);
#pragma unroll
        for (int r = 0; r < rows; r++) {
            floats x = all(a[r * stride + i]);
            sums[r][0] += x * left;
            sums[r][1] += x * right;
        }
    }
#pragma unroll
    for (int r = 0; r < rows; r++) {
        store(to.rows + r * to.stride + column, sums[r][0]);
        store(to.rows + r * to.stride + column + WIDTH, sums[r][1]);
    }
}

/* Sums of four products of an unsigned and a signed byte each. Without VNNI pairs are added in 16 bits first, which
 * two weights of 7 bits do not overflow (scripts/packing/exports/quantize.py). */
INLINE ints dot(ints sums, ints a, ints b) {
#if defined(__AVX512VNNI__)
    return (ints)_mm512_dpbusd_epi32((__m512i)sums, (__m512i)a, (__m512i)b);
#elif defined(__AVX512BW__)
    __m512i pairs = _mm512_maddubs_epi16((__m512i)a, (__m512i)b);
    return sums + (ints)_mm512_madd_epi16(pairs, _mm512_set1_epi16(1));
#elif defined(__AVXVNNI__)
    return (ints)_mm256_dpbusd_avx_epi32((__m256i)sums, (__m256i)a, (__m256i)b);
#else
    __m256i pairs = _mm256_maddubs_epi16((__m256i)a, (__m256i)b);
    return sums + (ints)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
#endif
}

/* The same for bytes; the result is 32-bit integers. `k` counts quads. */
INLINE void byte_tile(int rows, const uint8_t *a, long stride, const int8_t *panel, long k, struct target to,
                      int column) {
    ints sums[ROWS][ACROSS];
#pragma unroll
    for (int r = 0; r < rows; r++) sums[r][0] = sums[r][1] = (ints){0};
    for (long i = 0; i < k; i++) {
        const int8_t *b = panel + (i * PANEL + column) * QUAD;
        ints left = *(const ints *)b, right = *(const ints *)(b + WIDTH * QUAD);
#pragma unroll
        for (int r = 0; r < rows; r++) {
            ints x = *(const int32_t *)(a + r * stride + i * QUAD) - (ints){0};
            sums[r][0] = dot(sums[r][0], x, left);
            sums[r][1] = dot(sums[r][1], x, right);
        }
    }
#pragma unroll
    for (int r = 0; r < rows; r++) {
        *(ints *)(to.rows + r * to.stride + column) = sums[r][0];
        *(ints *)(to.rows + r * to.stride + column + WIDTH) = sums[r][1];
    }
}

#define EACH_COUNT(TILE)                                                                                              \
    for (int column = 0; column < PANEL; column += ACROSS * WIDTH) switch (rows) {                                    \
            TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6) TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12)        \
        }
#define TILE(N) case N: if (N <= ROWS) tile(N, a, stride, panel, k, to, next, column); break;
#define BYTE_TILE(N) case N: if (N <= ROWS) byte_tile(N, a, stride, panel, k, to, column); break;

/* `(rows, k) @ (k, PANEL)`; rows of `a` are `stride` apart. */
static void multiply_ahead(int rows, const float *a, long stride, const float *panel, long k, struct target to,
                           struct ahead next) {
    EACH_COUNT(TILE)
}

/* The same where nothing is known of what is read next. */
INLINE void multiply(int rows, const float *a, long stride, const float *panel, long k, struct target to) {
    multiply_ahead(rows, a, stride, panel, k, to, (struct ahead){(const char *)panel, 0});
}

static void multiply_int8(int rows, const uint8_t *a, long stride, const int8_t *panel, long k, struct target to) {
    EACH_COUNT(BYTE_TILE)
}

/* Rows of the next block: about the same number in each, since a block of one or two rows is slow. */
INLINE int next_rows(long left) {
    long blocks = (left + ROWS - 1) / ROWS;
    return (int)((left + blocks - 1) / blocks);
}

INLINE long panels(long columns) { return (columns + PANEL - 1) / PANEL; }
