/* Products of a few rows with one panel of a matrix, of values that are narrower than floats: groups of four bytes or of two of 16 bits
 * are multiplied and added in one go. A panel is `(groups, PANEL)`, and a row's last group may end with zeros. */
#pragma once

#include "int16.h"
#include "product.h"

enum dtype { FLOAT32, INT8, BFLOAT16, INT16 }; /* numbers of handler/kernels/structures.py; the last is of attention alone */

enum { QUAD = 4, GROUP = 4 }; /* 8-bit values of a group, and bytes */

typedef int32_t group __attribute__((aligned(1), may_alias));

/* Sums of four products of an unsigned and a signed byte each. Without VNNI pairs are added in 16 bits first, which
 * two weights of 7 bits do not overflow (scripts/packing/exports/quantize.py). */
INLINE ints byte_dot(ints sums, ints a, ints b) {
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

INLINE ints dot(enum dtype dtype, ints sums, ints a, ints b) {
    switch (dtype) {
    case INT8: return byte_dot(sums, a, b);
    case INT16: return whole_dot(sums, a, b);
    default: return (ints)pair_dot((floats)sums, a, b);
    }
}

/* A vector of 8-bit sums as it is, since zero points are taken off it yet; other sums as floats. */
INLINE void store_sums(enum dtype dtype, float *at, ints sums, float unit) {
    store(at, dtype == INT16 ? __builtin_convertvector(sums, floats) * unit : (floats)sums);
}

/* `dtype` and `rows` are constants wherever this is used. `k` counts groups; `stride` is in bytes; `unit` is what a sum of 16-bit integers
 * stands for. */
INLINE void narrow_tile(enum dtype dtype, int rows, const void *a, long stride, const void *panel, long k, struct target to,
                        float unit, struct ahead next, int column) {
    ints sums[ROWS][ACROSS];
#pragma unroll
    for (int r = 0; r < rows; r++) sums[r][0] = sums[r][1] = (ints){0};
    for (long i = 0; i < k; i++) {
        const char *b = (const char *)panel + (i * PANEL + column) * GROUP;
        if (SLOW_CACHE && dtype != INT16) fetch_ahead(next, i);
        fetch_near(b + STEPS_AHEAD * PANEL * GROUP);
        ints left = *(const ints *)b, right = *(const ints *)(b + WIDTH * GROUP);
#pragma unroll
        for (int r = 0; r < rows; r++) {
            ints x = *(const group *)((const char *)a + r * stride + i * GROUP) - (ints){0};
            sums[r][0] = dot(dtype, sums[r][0], x, left);
            sums[r][1] = dot(dtype, sums[r][1], x, right);
        }
    }
#pragma unroll
    for (int r = 0; r < rows; r++) {
        store_sums(dtype, to.rows + r * to.stride + column, sums[r][0], unit);
        store_sums(dtype, to.rows + r * to.stride + column + WIDTH, sums[r][1], unit);
    }
}

#define BYTES(N) case N: if (N <= ROWS) narrow_tile(INT8, N, a, stride, panel, k, to, 1, next, column); break;
#define HALVES(N) case N: if (N <= ROWS) narrow_tile(BFLOAT16, N, a, stride, panel, k, to, 1, next, column); break;
#define WHOLES(N) case N: if (N <= ROWS) narrow_tile(INT16, N, a, stride, panel, k, to, unit, next, column); break;

/* `(rows, k) @ (k, PANEL)` to 32-bit integers; as of the others, rows of `a` are `stride` bytes apart, and `k` counts groups. */
NOINLINE void multiply_int8(int rows, const uint8_t *a, long stride, const int8_t *panel, long k, struct target to,
                          struct ahead next) {
    EACH_COUNT(BYTES)
}

NOINLINE void multiply_bfloat16(int rows, const bfloat16 *a, long stride, const bfloat16 *panel, long k, struct target to,
                              struct ahead next) {
    EACH_COUNT(HALVES)
}

/* To floats. The caller sees to it that sums fit 32 bits. */
NOINLINE void multiply_int16(int rows, const uint16_t *a, long stride, const uint16_t *panel, long k, struct target to, float unit) {
    struct ahead next = nothing(panel);
    EACH_COUNT(WHOLES)
}
