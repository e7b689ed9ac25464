/* Self-attention of one head over one sequence. No padding, so no mask. */
#pragma once

#include "operands.h"

#define LEAST (-3e38f)

/* A row of scores to weights, not yet divided by their sum, which is returned; in place, or in bfloat16 to `to`. */
static float exp_and_sum(enum dtype dtype, float *row, long length, bfloat16 *to) {
    floats most = all(LEAST), total = all(0);
    for (long i = length; i % WIDTH; i++) row[i] = LEAST; /* e^x of it is 1e-38 */
    for (long i = 0; i < length; i += WIDTH) most = larger(most, load(row + i));
    float top = largest(most);
    for (long i = 0; i < length; i += WIDTH) {
        floats below = load(row + i) - top;
        floats weight = dtype == FLOAT32 ? exponential(below) : coarse_power_of_two(below * LOG2_E);
        if (dtype == BFLOAT16) *(halves *)(to + i) = rounded(weight);
        else store(row + i, weight);
        total += weight;
    }
    return sum(total);
}

/* Weights to integers. What they are divided by is returned, which is their sum as floats by as many levels as the row got: those of a row
 * whose first token, say, has nearly all of the weight are as fine as 16 bits are. */
static float to_integers(const float *row, long length, float total, uint16_t *integers) {
    float unit = weight_levels(total, length);
    for (long i = 0; i < length; i += WIDTH) *(halves *)(integers + i) = whole(load(row + i) * unit);
    return total * unit;
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

/* What a panel of values came to, divided by the sums of weights. */
static void write_panel(const struct head *h, long row, int count, long panel, const float *sums, block out) {
    for (int r = 0; r < count; r++)
        for (long c = 0; c < PANEL && panel * PANEL + c < h->size; c += WIDTH) {
            long start = (row + r) * h->out_stride + panel * PANEL + c, left = h->size - panel * PANEL - c;
            floats mixed = load(&out[r][c]) / sums[r];
            if (h->rounded_output) store_halves(h->rounded_output + start, rounded(mixed), left);
            else store_part(h->output + start, mixed, left);
        }
}

static void attend(const struct head *h, float scale, float *scratch) {
    struct operands o = lay_out(h, scale, scratch);
    float sums[ROWS];
    block out;
    float *relative = scratch + scratch_size(h->length, h->size);
    if (h->relative.queries) multiply_all_keys(&h->relative, h->length, h->keys, h->stride, h->size, relative);
    int count;
    for (long row = 0; row < h->length; row += count) {
        long first, last;
        count = next_rows(h->length - row);
        panels_seen(h, row, count, &first, &last);
        long start = first * PANEL, seen = (last * PANEL < h->length ? last * PANEL : h->length) - start;
        for (long panel = first; panel < last; panel++) multiply_keys(h, &o, row, count, panel);
        if (h->relative.rows)
            add_relative(&h->relative, row, count, h->length, h->queries + row * h->stride, h->stride, h->size, relative,
                         o.scores, o.wide, start, seen);
        for (int r = 0; r < count; r++) {
            float *own = o.scores + r * o.wide + start;
            uint16_t *weights = h->dtype == FLOAT32 ? 0 : o.weights + r * o.wide;
            if (h->bias) add_bias(own, h->bias - (row + r) + start, seen);
            if (h->window) cut_window(h, row + r, own, start, seen);
            sums[r] = exp_and_sum(h->dtype, own, seen, weights);
            if (h->dtype == INT16) sums[r] = to_integers(own, seen, sums[r], weights);
        }
        for (long panel = 0; panel < panels(h->size); panel++) {
            multiply_values(h, &o, count, start, seen, panel, out);
            write_panel(h, row, count, panel, sums, out);
        }
    }
}
