/* What a head multiplies: its queries, keys and values, as rows and panels of floats or of bfloat16. */
#pragma once

#include "bfloat16.h"
#include "disentangled.h"

struct head {
    long length, size, stride;          /* tokens, values per head, distance between tokens of q, k and v */
    long rounded;                        /* whether products are in bfloat16 */
    const float *queries, *keys, *values;
    const float *bias;                   /* added to scores by the key's place minus the query's; null for none */
    long window;                         /* tokens to either side that a query looks at; 0 for all */
    struct relative relative;            /* its `rows` are null for none */
    float *output;                       /* (length, size), rows `out_stride` apart */
    bfloat16 *rounded_output;            /* the same in bfloat16, where it is read in it; else null */
    long out_stride;
};

/* Parts of a thread's scratch memory. `scores` has `ROWS` rows of `wide` floats, and `weights` as many of bfloat16. */
struct operands {
    long wide; /* columns of all panels of keys, as rows of floats have them */
    float *keys, *values;
    bfloat16 *rounded_queries, *rounded_keys, *rounded_values, *weights; /* null in float32, as the two above in bfloat16 */
    float *scores;
};

/* Floats of scratch memory that a head needs, in float32 or bfloat16. */
INLINE long scratch_size(long length, long size) {
    long columns = panels(length) * PANEL, values = length * panels(size) * PANEL;
    return columns * size + values + length * pairs(size) + (ROWS + ROWS / PAIR) * row_floats(columns);
}

/* Keys as the columns of a matrix in panels, scaled. Columns beyond the last token stay as they are: `exp_and_sum` does not
 * look at their scores. */
static void pack_keys(const struct head *h, float scale, float *laid) {
    for (long token = 0; token < h->length; token++) {
        float *column = laid + token / PANEL * PANEL * h->size + token % PANEL;
        for (long i = 0; i < h->size; i++) column[i * PANEL] = h->keys[token * h->stride + i] * scale;
    }
}

static void pack_rounded_keys(const struct head *h, float scale, bfloat16 *laid) {
    long rows = pairs(h->size);
    for (long token = 0; token < h->length; token++) {
        pair *column = (pair *)laid + token / PANEL * PANEL * rows + token % PANEL;
        for (long i = 0; i < h->size; i += WIDTH) {
            halves row = rounded(load_part(h->keys + token * h->stride + i, h->size - i) * scale);
            for (long p = 0; p < WIDTH / PAIR && i / PAIR + p < rows; p++) column[(i / PAIR + p) * PANEL] = ((pair *)&row)[p];
        }
    }
}

/* Values as a matrix in panels. */
static void pack_values(const struct head *h, float *laid) {
    for (long panel = 0; panel < panels(h->size); panel++)
        for (long token = 0; token < h->length; token++, laid += PANEL)
            for (long c = 0; c < PANEL; c++) {
                long i = panel * PANEL + c;
                laid[c] = i < h->size ? h->values[token * h->stride + i] : 0;
            }
}

/* Rows of two tokens, value by value; zeros are beside the last of an odd number. */
static void pack_rounded_values(const struct head *h, bfloat16 *laid) {
    for (long first = 0; first < panels(h->size) * PANEL; first += PANEL)
        for (long token = 0; token < h->length; token += PAIR, laid += PANEL * PAIR)
            for (long c = 0; c < PANEL; c += WIDTH) {
                const float *even = h->values + token * h->stride + first + c, *odd = even + h->stride;
                long there = h->size - first - c;
                ints low = __builtin_convertvector(rounded(load_part(even, there)), ints);
                ints high = __builtin_convertvector(rounded(load_part(odd, token + 1 < h->length ? there : 0)), ints);
                *(ints *)(laid + c * PAIR) = low | high << 16;
            }
}

/* Everything laid out; `scratch` has `scratch_size` floats. */
static struct operands lay_out(const struct head *h, float scale, float *scratch) {
    long columns = panels(h->length) * PANEL, wide = row_floats(columns), rows = pairs(h->size) * PAIR;
    PREFETCH(h->queries, h->length, h->stride, h->size * sizeof(float), 0)
    PREFETCH(h->keys, h->length, h->stride, h->size * sizeof(float), 0)
    PREFETCH(h->values, h->length, h->stride, h->size * sizeof(float), 0)
    if (!h->rounded) {
        float *keys = scratch, *values = keys + columns * h->size, *scores = values + h->length * panels(h->size) * PANEL;
        pack_keys(h, scale, keys);
        pack_values(h, values);
        return (struct operands){.wide = wide, .keys = keys, .values = values, .scores = scores};
    }
    float *scores = scratch;
    bfloat16 *weights = (bfloat16 *)(scores + ROWS * wide), *keys = weights + ROWS * wide, *values = keys + columns * rows;
    bfloat16 *queries = values + pairs(h->length) * PAIR * panels(h->size) * PANEL;
    for (long token = 0; token < h->length; token++)
        round_row(h->queries + token * h->stride, h->size, 1, queries + token * rows);
    pack_rounded_keys(h, scale, keys);
    pack_rounded_values(h, values);
    return (struct operands){.wide = wide, .rounded_queries = queries, .rounded_keys = keys, .rounded_values = values,
                             .weights = weights, .scores = scores};
}

/* Scores of `count` queries from `row` on for a panel of keys, to `scores`. */
INLINE void multiply_keys(const struct head *h, const struct operands *o, long row, int count, long panel) {
    struct target to = {o->scores + panel * PANEL, o->wide};
    long rows = pairs(h->size);
    if (o->rounded_keys)
        multiply_bfloat16(count, o->rounded_queries + row * rows * PAIR, rows * PAIR,
                          o->rounded_keys + panel * PANEL * rows * PAIR, rows, to);
    else multiply(count, h->queries + row * h->stride, h->stride, o->keys + panel * PANEL * h->size, h->size, to);
}

/* A panel of values by the weights of `count` queries, of the `seen` keys from `start` on. */
INLINE void multiply_values(const struct head *h, const struct operands *o, int count, long start, long seen, long panel,
                            block out) {
    struct target to = {out[0], PANEL};
    if (o->rounded_values)
        multiply_bfloat16(count, o->weights, o->wide, o->rounded_values + (panel * pairs(h->length) * PAIR + start) * PANEL,
                          pairs(seen), to);
    else multiply(count, o->scores + start, o->wide, o->values + (panel * h->length + start) * PANEL, seen, to);
}
