/* Products of a few rows with one panel of a matrix: `PANEL` columns, which lie row by row behind each other.
 *
 * A row's sum runs over `k` in order whatever other rows are beside it, so results are batch-invariant to the bit.
 */
#pragma once

#include "bfloat16.h"

enum {
    PANEL = 32,
    ACROSS = 2,      /* vectors of columns at a time */
    ROWS = WIDTH == 16 ? 12 : 6, /* as many sums as there are registers */
};

/* What is fetched while a product is computed. With AVX2 the first six rows, at half of a panel, are done sooner than the panel
 * arrives, and the rest of it then waits for nothing; so a thread's next panel is fetched beside all of them. With AVX-512 twelve
 * rows go through all of a panel at once, which most CPUs fetch by themselves. Intel's that have no bfloat16 do not, as measured on an Ice
 * Lake: its third cache gives a core a sixth of what the second one does. There, what the next steps read is fetched from the
 * second one, too. */
enum {
    SLOW_CACHE = WIDTH == 16 && !MULTIPLIES_PAIRS,
    FETCHES_AHEAD = WIDTH == 8 || SLOW_CACHE,
    STEPS_AHEAD = SLOW_CACHE ? 8 : 0,
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

/* The line that is next of the next panel, or the two that are. */
INLINE void fetch_ahead(struct ahead next, long step) {
    __builtin_prefetch(next.from + step * next.step, 0, 2);
    if (SLOW_CACHE && next.step > LINE) __builtin_prefetch(next.from + step * next.step + LINE, 0, 2);
}

/* Two lines that are read after a few steps. */
INLINE void fetch_near(const void *line) {
    if (!STEPS_AHEAD) return;
    __builtin_prefetch(line, 0, 3);
    __builtin_prefetch((const char *)line + LINE, 0, 3);
}

/* `rows` is a constant wherever this is used, so that all sums are in registers. */
INLINE void tile(int rows, const float *a, long stride, const float *panel, long k, struct target to,
                 struct ahead next, int column) {
    floats sums[ROWS][ACROSS];
#pragma unroll
    for (int r = 0; r < rows; r++) sums[r][0] = sums[r][1] = all(0);
    next.from += column / (ACROSS * WIDTH) * k * next.step;
    for (long i = 0; i < k; i++) {
        if (FETCHES_AHEAD) fetch_ahead(next, i);
        fetch_near(panel + (i + STEPS_AHEAD) * PANEL + column);
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

#define EACH_COUNT(TILE)                                                                                              \
    for (int column = 0; column < PANEL; column += ACROSS * WIDTH) switch (rows) {                                    \
            TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6) TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12)        \
        }
#define TILE(N) case N: if (N <= ROWS) tile(N, a, stride, panel, k, to, next, column); break;

/* `(rows, k) @ (k, PANEL)`; rows of `a` are `stride` apart. */
NOINLINE void multiply_ahead(int rows, const float *a, long stride, const float *panel, long k, struct target to,
                           struct ahead next) {
    EACH_COUNT(TILE)
}

/* Where nothing is known of what is read next. */
INLINE struct ahead nothing(const void *panel) { return (struct ahead){panel, 0}; }

INLINE void multiply(int rows, const float *a, long stride, const float *panel, long k, struct target to) {
    multiply_ahead(rows, a, stride, panel, k, to, nothing(panel));
}

/* Rows of the next block: about the same number in each, since a block of one or two rows is slow. */
INLINE int next_rows(long left) {
    long blocks = (left + ROWS - 1) / ROWS;
    return (int)((left + blocks - 1) / blocks);
}

INLINE long panels(long columns) { return (columns + PANEL - 1) / PANEL; }
