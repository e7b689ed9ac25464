/* Self-attention of one head over one sequence. No padding, so no mask. */
#pragma once

#include "product.h"

#define LEAST (-3e38f)

struct head {
    long length, size, stride;          /* tokens, values per head, distance between tokens of q, k and v */
    const float *queries, *keys, *values;
    const float *bias;                   /* added to scores by the key's place minus the query's; null for none */
    long window;                         /* tokens to either side that a query looks at; 0 for all */
    float *output;                       /* (length, size), rows `out_stride` apart */
    long out_stride;
};

/* Floats of scratch memory that a head needs. */
INLINE long scratch_size(long length, long size) {
    return panels(length) * PANEL * size + length * panels(size) * PANEL + ROWS * panels(length) * PANEL;
}

/* Keys as the columns of a matrix in panels, scaled. Columns beyond the last token stay as they are: `exp_and_sum` does not
 * look at their scores. */
static void pack_keys(const struct head *h, float scale, float *laid) {
    for (long token = 0; token < h->length; token++) {
        float *column = laid + token / PANEL * PANEL * h->size + token % PANEL;
        for (long i = 0; i < h->size; i++) column[i * PANEL] = h->keys[token * h->stride + i] * scale;
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

/* A row of scores to weights, not yet divided by their sum, which is returned. */
static float exp_and_sum(float *row, long length) {
    floats most = all(LEAST), total = all(0);
    for (long i = length; i % WIDTH; i++) row[i] = LEAST; /* e^x of it is 1e-38 */
    for (long i = 0; i < length; i += WIDTH) most = larger(most, load(row + i));
    float top = __builtin_reduce_max(most);
    for (long i = 0; i < length; i += WIDTH) {
        floats weight = exponential(load(row + i) - top);
        store(row + i, weight);
        total += weight;
    }
    return sum(total);
}

static void add_bias(float *row, const float *bias, long length) {
    long i = 0;
    for (; i + WIDTH <= length; i += WIDTH) store(row + i, load(row + i) + load(bias + i));
    for (; i < length; i++) row[i] += bias[i];
}

/* Panels of keys that a block of queries looks at, `first` to `last`. */
static void panels_seen(const struct head *h, long row, int count, long *first, long *last) {
    *first = 0, *last = panels(h->length);
    if (!h->window) return;
    long low = row - h->window, high = panels(row + count + h->window);
    if (low > 0) *first = low / PANEL;
    if (high < *last) *last = high;
}

/* What lies beyond a query's window, in the `length` scores from the key `start` on, is for none. */
static void cut_window(const struct head *h, long query, float *row, long start, long length) {
    for (long i = 0; start + i < query - h->window; i++) row[i] = LEAST;
    for (long i = query + h->window + 1 - start; i < length; i++) row[i] = LEAST;
}

static void attend(const struct head *h, float scale, float *scratch) {
    long across = panels(h->length), wide = across * PANEL;
    float *keys = scratch, *values = keys + wide * h->size, *scores = values + h->length * panels(h->size) * PANEL;
    float sums[ROWS];
    block out;
    pack_keys(h, scale, keys);
    pack_values(h, values);
    int count;
    for (long row = 0; row < h->length; row += count) {
        long first, last;
        count = next_rows(h->length - row);
        panels_seen(h, row, count, &first, &last);
        long start = first * PANEL, seen = (last * PANEL < h->length ? last * PANEL : h->length) - start;
        for (long panel = first; panel < last; panel++) {
            multiply(count, h->queries + row * h->stride, h->stride, keys + panel * PANEL * h->size, h->size, out);
            for (int r = 0; r < count; r++)
                for (int c = 0; c < PANEL; c += WIDTH) store(scores + r * wide + panel * PANEL + c, load(&out[r][c]));
        }
        for (int r = 0; r < count; r++) {
            float *own = scores + r * wide + start;
            if (h->bias) add_bias(own, h->bias - (row + r) + start, seen);
            if (h->window) cut_window(h, row + r, own, start, seen);
            sums[r] = exp_and_sum(own, seen);
        }
        for (long panel = 0; panel < panels(h->size); panel++) {
            multiply(count, scores + start, wide, values + (panel * h->length + start) * PANEL, seen, out);
            for (int r = 0; r < count; r++)
                for (long c = 0; c < PANEL && panel * PANEL + c < h->size; c++)
                    h->output[(row + r) * h->out_stride + panel * PANEL + c] = out[r][c] / sums[r];
        }
    }
}
