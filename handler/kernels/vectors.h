/* Vectors of floats as wide as the CPU has them, and the functions of one argument that an encoder needs. */
#pragma once

#include <stdint.h>

#define __MM_MALLOC_H /* which wants a C library */
#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))
#define NOINLINE static __attribute__((noinline)) /* of products, whose sums want all registers for themselves */

#ifdef __AVX512F__
enum { WIDTH = 16 };
#else
enum { WIDTH = 8 };
#endif
enum { LINE = 64 }; /* bytes of the cache */
#define LOG2_E 1.44269504088896341f

typedef float floats __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));
typedef int32_t ints __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));
typedef uint8_t bytes __attribute__((vector_size(WIDTH), aligned(1), may_alias));

INLINE floats all(float value) { return value - (floats){0}; }
INLINE floats load(const float *from) { return *(const floats *)from; }
INLINE void store(float *to, floats values) { *(floats *)to = values; }

/* Up to `WIDTH` values, and zeros where there are no more. */
INLINE floats load_part(const float *from, long count) {
    if (count >= WIDTH) return load(from);
    floats values = all(0);
    for (long i = 0; i < count; i++) values[i] = from[i];
    return values;
}

/* Those of the values that there is place for. */
INLINE void store_part(float *to, floats values, long count) {
    if (count >= WIDTH) store(to, values);
    else for (long i = 0; i < count; i++) to[i] = values[i];
}

/* How many bytes rows of so many are apart. Of rows that are a multiple of 4,096 apart, all first values, all second ones and so on
 * share one set of the nearest cache, which holds eight lines: a block of twelve rows would never stay in it. */
INLINE long row_bytes(long bytes) { return bytes % 4096 ? bytes : bytes + LINE; }
INLINE long row_floats(long size) { return row_bytes(size * sizeof(float)) / sizeof(float); }

/* What `rows` of `size` bytes will be read from or written to, into the cache while something else is computed. */
#define PREFETCH(from, rows, stride, size, written)                                                                       \
    for (long r = 0; r < (rows); r++)                                                                                     \
        for (long b = 0; b < (size); b += LINE) __builtin_prefetch((const char *)((from) + r * (stride)) + b, written);

/* One instruction each. Where either is no number, it is `y`: so functions get what may be none as `y`. */
INLINE floats larger(floats x, floats y) {
    ints chosen = x > y;
    return (floats)(((ints)x & chosen) | ((ints)y & ~chosen));
}
INLINE floats smaller(floats x, floats y) {
    ints chosen = x < y;
    return (floats)(((ints)x & chosen) | ((ints)y & ~chosen));
}

/* A vector's values moved by `n` places, those that leave at one end to the other. */
#ifdef __AVX512F__
#define ROTATED(x, n)                                                                                                     \
    __builtin_shufflevector(x, x, n, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6, n + 7, n + 8, n + 9, n + 10, n + 11, n + 12, \
                            n + 13, n + 14, n + 15)
#else
#define ROTATED(x, n) __builtin_shufflevector(x, x, n, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6, n + 7)
#endif

/* By halves, since each addition waits for the last. */
INLINE float sum(floats x) {
    if (WIDTH == 16) x += ROTATED(x, 8);
    x += ROTATED(x, 4);
    x += ROTATED(x, 2);
    return x[0] + x[1];
}

INLINE float largest(floats x) {
    if (WIDTH == 16) x = larger(x, ROTATED(x, 8));
    x = larger(x, ROTATED(x, 4));
    x = larger(x, ROTATED(x, 2));
    x = larger(x, ROTATED(x, 1));
    return x[0];
}

/* e^x within 2 units in the last place, between the ends: x = n ln 2 + r, and a polynomial of r (Cephes, expf). */
INLINE floats exponential(floats x) {
    x = smaller(all(88.3f), larger(all(-87.3f), x));
    floats whole = __builtin_elementwise_roundeven(x * LOG2_E);
    ints n = __builtin_convertvector(whole, ints);
    floats r = x - whole * 0.693359375f + whole * 2.12194440e-4f;
    floats y = all(1.9875691500e-4f);
    y = y * r + 1.3981999507e-3f;
    y = y * r + 8.3334519073e-3f;
    y = y * r + 4.1665795894e-2f;
    y = y * r + 1.6666665459e-1f;
    y = y * r + 5.0000001201e-1f;
    y = y * r * r + r + 1;
    return y * (floats)((n + 127) << 23);
}

/* 2^x of what is at most 0, within 8e-5 of it: for what is rounded to 16 bits. The polynomial
 * is the one of its degree whose greatest relative error is least. */
INLINE floats coarse_power_of_two(floats x) {
    x = larger(all(-126), x);
    floats whole = __builtin_elementwise_roundeven(x), r = x - whole;
    ints n = __builtin_convertvector(whole, ints);
    floats y = all(5.51716685e-2f);
    y = y * r + 2.42611125e-1f;
    y = y * r + 6.93260968e-1f;
    y = y * r + 9.99928057e-1f;
    return y * (floats)((n + 127) << 23);
}

/* The error function within 4e-7: a rational function that meets 1 at both ends (Eigen, XLA). */
INLINE floats error_function(floats x) {
    x = smaller(all(4), larger(all(-4), x));
    floats y = x * x;
    floats over = all(-2.72614225801306e-10f);
    over = over * y + 2.77068142495902e-08f;
    over = over * y - 2.10102402082508e-06f;
    over = over * y - 5.69250639462346e-05f;
    over = over * y - 7.34990630326855e-04f;
    over = over * y - 2.95459980854025e-03f;
    over = over * y - 1.60960333262415e-02f;
    floats under = all(-1.45660718464996e-05f);
    under = under * y - 2.13374055278905e-04f;
    under = under * y - 1.68282697438203e-03f;
    under = under * y - 7.37332916720468e-03f;
    under = under * y - 1.42647390514189e-02f;
    return x * over / under;
}

INLINE floats gelu(floats x) { return 0.5f * x * (1 + error_function(x * 0.70710678118654752f)); }

INLINE floats hyperbolic_tangent(floats x) { return 1 - 2 / (exponential(2 * x) + 1); }

INLINE floats gelu_tanh(floats x) {
    return 0.5f * x * (1 + hyperbolic_tangent(0.79788456080286536f * (x + 0.044715f * x * x * x)));
}

INLINE floats sigmoid(floats x) { return 1 / (1 + exponential(-x)); }

/* x tanh(ln(1 + e^x)), by e^x alone: above 20 it is x. */
INLINE floats mish(floats x) {
    floats power = exponential(smaller(all(20), x));
    floats part = power * (power + 2);
    return x * (part / (part + 2));
}

enum activation { NONE, GELU, GELU_TANH, RELU, TANH, SIGMOID, SILU, QUICK_GELU, MISH, GELU_10 }; /* numbers of handler/activations.py */

INLINE floats activate(floats x, enum activation activation) {
    switch (activation) {
    case GELU: return gelu(x);
    case GELU_TANH: return gelu_tanh(x);
    case RELU: return larger(all(0), x);
    case TANH: return hyperbolic_tangent(x);
    case SIGMOID: return sigmoid(x);
    case SILU: return x * sigmoid(x);
    case QUICK_GELU: return x * sigmoid(1.702f * x);
    case MISH: return mish(x);
    case GELU_10: return gelu(smaller(all(10), x));
    default: return x;
    }
}
