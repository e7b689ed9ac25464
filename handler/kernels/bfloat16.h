/* bfloat16, the upper half of a float, and products of pairs of values, with their sums in float32. */
#pragma once

#include "vectors.h"

typedef uint16_t bfloat16;
typedef bfloat16 halves __attribute__((vector_size(2 * WIDTH), aligned(2), may_alias));
typedef int32_t pair __attribute__((aligned(2), may_alias));

enum { PAIR = 2 }; /* values that are multiplied and added in one go */

/* Whether the CPU has an instruction for that. Then attention of 8-bit archives is in bfloat16, too, and else in 16-bit integers: its
 * products are twice as fast as in float32, and its error is a small part of that of the linears. */
#if defined(__AVX512BF16__)
enum { MULTIPLIES_PAIRS = 1 };
#else
enum { MULTIPLIES_PAIRS = 0 };
#endif

INLINE long pairs(long values) { return (values + PAIR - 1) / PAIR; }
INLINE long row_halves(long size) { return row_bytes(pairs(size) * sizeof(pair)) / sizeof(bfloat16); }

/* To the nearest, and where two are as near to the one that ends in 0. */
INLINE halves rounded(floats x) {
#if defined(__AVX512BF16__)
    return (halves)_mm512_cvtneps_pbh((__m512)x);
#else
    ints bits = (ints)x, none = x != x;
    ints near = bits + 0x7fff + ((bits >> 16) & 1);
    return __builtin_convertvector(((near & ~none) | ((bits | 0x400000) & none)) >> 16, halves);
#endif
}

INLINE void store_halves(bfloat16 *to, halves values, long count) {
    if (count >= WIDTH) *(halves *)to = values;
    else for (long i = 0; i < count; i++) to[i] = values[i];
}

/* A row with every value times `scale`, and a zero behind it where its last pair lacks one. */
static void round_row(const float *row, long size, float scale, bfloat16 *to) {
    long i = 0;
    for (; i + WIDTH <= size; i += WIDTH) *(halves *)(to + i) = rounded(load(row + i) * scale);
    store_halves(to + i, rounded(load_part(row + i, size - i) * scale), pairs(size) * PAIR - i);
}

/* Sums of two products each. Without an instruction for it this is slower than float32, and handler/runtimes refuses. */
INLINE floats pair_dot(floats sums, ints a, ints b) {
#if defined(__AVX512BF16__)
    return (floats)_mm512_dpbf16_ps((__m512)sums, (__m512bh)a, (__m512bh)b);
#else
    sums += (floats)(a & -65536) * (floats)(b & -65536);
    return sums + (floats)(a << 16) * (floats)(b << 16);
#endif
}
