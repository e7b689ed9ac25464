/* How fast a core multiplies and adds what is in its registers: what benchmarks/precisions.py holds the kernels against. */
#pragma clang diagnostic ignored "-Wunused-function" /* the headers' products */
#include "narrow.h"

enum { SUMS = WIDTH == 16 ? 24 : 12 }; /* as many as the kernels' products have: AVX2 has half of the registers */

#define PEAK(NAME, TYPE, STEP)                                                                                            \
    float peak_##NAME(long steps) {                                                                                           \
        TYPE sums[SUMS] = {};                                                                                             \
        ints a = {}, b = {};                                                                                              \
        for (long i = 0; i < steps; i++) {                                                                                \
            __asm__ volatile("" : "+v"(a), "+v"(b)); /* so that no product is computed once for all steps */              \
            _Pragma("unroll") for (int s = 0; s < SUMS; s++) STEP;                                                        \
        }                                                                                                                 \
        TYPE total = sums[0];                                                                                             \
        for (int s = 1; s < SUMS; s++) total += sums[s];                                                                  \
        return total[0];                                                                                                  \
    }

PEAK(float32, floats, sums[s] = sums[s] * (floats)a + (floats)b)
PEAK(int8, ints, sums[s] = byte_dot(sums[s], a, b))
PEAK(bfloat16, floats, sums[s] = pair_dot(sums[s], a, b))

/* Multiplications and additions of a step, in floats. */
long operations(void) { return 2 * SUMS * WIDTH; }
