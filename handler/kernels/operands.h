/* What a head multiplies: its queries, keys and values, as rows and panels of floats or of 16 bits. */
#pragma once

#include "disentangled.h"
#include "narrow.h"

struct head {
    long length, size, stride;          /* tokens, values per head, distance between tokens of q, k and v */
    enum dtype dtype;                    /* of products: FLOAT32, BFLOAT16 or INT16 */
    const float *queries, *keys, *values;
    const float *bias;                   /* added to scores by the key's place minus the query's; null for none */
    long window;                         /* tokens to either side that a query looks at; 0 for all */
    struct relative relative;            /* its `rows` are null for none */
    float *output;                       /* (length, size), rows `out_stride` apart */
    bfloat16 *rounded_output;            /* the same in bfloat16, where it is read in it; else null */
    long out_stride;
};

/* What values are multiplied by before they become 16 bits: 1 in bfloat16, except for keys, which are scaled as in float32. */
struct units {
    float queries, keys, values;
    float score; /* what a sum of integers stands for */
};

/* Parts of a thread's scratch memory. `scores` has `ROWS` rows of `wide` floats, and `weights` as many of 16 bits. */
struct operands {
    long wide; /* columns of all panels of keys, as rows of floats have them */
    float *keys, *values;
    uint16_t *narrow_queries, *narrow_keys, *narrow_values, *weights; /* null in float32, as the two above otherwise */
    float *scores;
    struct units units;
};

/* Floats of scratch memory that a head needs, in any dtype. */
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

INLINE halves narrowed(enum dtype dtype, floats x) { return dtype == INT16 ? whole(x) : rounded(x); }

static void pack_narrow_keys(const struct head *h, float scale, uint16_t *laid) {
    long rows = pairs(h->size);
    for (long token = 0; token < h->length; token++) {
        pair *column = (pair *)laid + token / PANEL * PANEL * rows + token % PANEL;
        for (long i = 0; i < h->size; i += WIDTH) {
            halves row = narrowed(h->dtype, load_part(h->keys + token * h->stride + i, h->size - i) * scale);
            for (long p = 0; p < WIDTH / PAIR && i / PAIR + p < rows; p++) column[(i / PAIR + p) * PANEL] = ((pair *)&row)[p];
        }
    }
}

/* Rows as they are; a zero is behind one whose last pair lacks a value. */
static void pack_narrow_queries(const struct head *h, float scale, uint16_t *laid) {
    for (long token = 0; token < h->length; token++, laid += pairs(h->size) * PAIR)
        for (long i = 0; i < h->size; i += WIDTH) {
            halves row = narrowed(h->dtype, load_part(h->queries + token * h->stride + i, h->size - i) * scale);
            store_halves(laid + i, row, pairs(h->size) * PAIR - i);
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
static void pack_narrow_values(const struct head *h, float scale, uint16_t *laid) {
    for (long first = 0; first < panels(h->size) * PANEL; first += PANEL)
        for (long token = 0; token < h->length; token += PAIR, laid += PANEL * PAIR)
            for (long c = 0; c < PANEL; c += WIDTH) {
                const float *even = h->values + token * h->stride + first + c, *odd = even + h->stride;
                long there = h->size - first - c, beside = token + 1 < h->length ? there : 0;
                ints low = __builtin_convertvector(narrowed(h->dtype, load_part(even, there) * scale), ints);
                ints high = __builtin_convertvector(narrowed(h->dtype, load_part(odd, beside) * scale), ints);
                *(ints *)(laid + c * PAIR) = low | high << 16;
            }
}

/* Queries and keys get as many levels as the sum of their products leaves room for. */
static struct units measure(const struct head *h, float scale) {
    if (h->dtype != INT16) return (struct units){1, scale, 1, 1};
    float most = levels(h->size);
    float queries = to_levels(magnitude(h->queries, h->length, h->stride, h->size), most);
    float keys = to_levels(magnitude(h->keys, h->length, h->stride, h->size), most);
    float values = to_levels(magnitude(h->values, h->length, h->stride, h->size), VALUE_LEVELS);
    return (struct units){queries, keys, values, scale / (queries * keys)};
}

/* Everything laid out; `scratch` has `scratch_size` floats. */
static struct operands lay_out(const struct head *h, float scale, float *scratch) {
    long columns = panels(h->length) * PANEL, wide = row_floats(columns), rows = pairs(h->size) * PAIR;
    PREFETCH(h->queries, h->length, h->stride, h->size * sizeof(float), 0)
    PREFETCH(h->keys, h->length, h->stride, h->size * sizeof(float), 0)
    PREFETCH(h->values, h->length, h->stride, h->size * sizeof(float), 0)
    if (h->dtype == FLOAT32) {
        float *keys = scratch, *values = keys + columns * h->size, *scores = values + h->length * panels(h->size) * PANEL;
        pack_keys(h, scale, keys);
        pack_values(h, values);
        return (struct operands){.wide = wide, .keys = keys, .values = values, .scores = scores};
    }
    float *scores = scratch;
    uint16_t *weights = (uint16_t *)(scores + ROWS * wide), *keys = weights + ROWS * wide, *values = keys + columns * rows;
    uint16_t *queries = values + pairs(h->length) * PAIR * panels(h->size) * PANEL;
    struct units units = measure(h, scale);
    pack_narrow_queries(h, units.queries, queries);
    pack_narrow_keys(h, units.keys, keys);
    pack_narrow_values(h, units.values, values);
    return (struct operands){.wide = wide, .narrow_queries = queries, .narrow_keys = keys, .narrow_values = values,
                             .weights = weights, .scores = scores, .units = units};
}

/* Scores of `count` queries from `row` on for a panel of keys, to `scores`. */
INLINE void multiply_keys(const struct head *h, const struct operands *o, long row, int count, long panel) {
    struct target to = {o->scores + panel * PANEL, o->wide};
    long rows = pairs(h->size), stride = rows * sizeof(pair), from = row * rows * PAIR, column = panel * PANEL * rows * PAIR;
    switch (h->dtype) {
    case BFLOAT16:
        multiply_bfloat16(count, o->narrow_queries + from, stride, o->narrow_keys + column, rows, to, nothing(o->scores));
        return;
    case INT16: multiply_int16(count, o->narrow_queries + from, stride, o->narrow_keys + column, rows, to, o->units.score); return;
    default: multiply(count, h->queries + row * h->stride, h->stride, o->keys + panel * PANEL * h->size, h->size, to);
    }
}

/* A panel of values by the weights of `count` queries, of the `seen` keys from `start` on. */
INLINE void multiply_values(const struct head *h, const struct operands *o, int count, long start, long seen, long panel,
                            block out) {
    struct target to = {out[0], PANEL};
    long stride = o->wide * sizeof(uint16_t), from = (panel * pairs(h->length) * PAIR + start) * PANEL;
    switch (h->dtype) {
    case BFLOAT16:
        multiply_bfloat16(count, o->weights, stride, o->narrow_values + from, pairs(seen), to, nothing(o->scores));
        return;
    case INT16: multiply_int16(count, o->weights, stride, o->narrow_values + from, pairs(seen), to, 1 / o->units.values); return;
    default: multiply(count, o->scores + start, o->wide, o->values + (panel * h->length + start) * PANEL, seen, to);
    }
}
