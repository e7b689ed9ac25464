/* 16-bit integers in the place of floats, for attention of 8-bit archives on CPUs that do not multiply in bfloat16. */
#pragma once

#include "bfloat16.h"

enum { VALUE_LEVELS = 4095 }; /* of values, between 0 and their greatest magnitude */

/* The most that either factor of so many products may be, so that their sum fits 32 bits. */
INLINE float levels(long products) {
    float most = __builtin_sqrtf((float)(INT32_MAX / products)) - 1;
    return most < INT16_MAX ? most : INT16_MAX;
}

/* What a row's weights, of which the greatest is 1, are multiplied by, so that the sum of their products with values fits, too. */
INLINE float weight_levels(float total, long length) {
    float most = (float)(INT32_MAX / VALUE_LEVELS - length) / total; /* each may be rounded up */
    return most < INT16_MAX ? most : INT16_MAX;
}

/* The greatest magnitude in `length` rows; no number if one of them is none or infinite. */
static float magnitude(const float *rows, long length, long stride, long size) {
    ints most = {0}; /* without their signs, floats are in the order of their bits */
    for (long row = 0; row < length; row++)
        for (long i = 0; i < size; i += WIDTH)
            most = __builtin_elementwise_max(most, (ints)load_part(rows + row * stride + i, size - i) & INT32_MAX);
    ints found = __builtin_reduce_max(most) - (ints){0};
    float value = ((floats)found)[0];
    return value + (value - value);
}

/* What brings values of that magnitude to so many levels. */
INLINE float to_levels(float magnitude, float levels) { return levels / (magnitude < 1e-30f ? 1e-30f : magnitude); }

/* To the nearest. */
INLINE halves whole(floats x) {
#ifdef __AVX512F__
    return __builtin_convertvector((ints)_mm512_cvtps_epi32((__m512)x), halves);
#else
    return __builtin_convertvector((ints)_mm256_cvtps_epi32((__m256)x), halves);
#endif
}

/* Sums of two products each. */
INLINE ints whole_dot(ints sums, ints a, ints b) {
#if defined(__AVX512VNNI__)
    return (ints)_mm512_dpwssd_epi32((__m512i)sums, (__m512i)a, (__m512i)b);
#elif defined(__AVX512BW__)
    return sums + (ints)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif defined(__AVXVNNI__)
    return (ints)_mm256_dpwssd_avx_epi32((__m256i)sums, (__m256i)a, (__m256i)b);
#else
    return sums + (ints)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#endif
}
