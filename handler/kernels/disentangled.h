/* What relative positions add to attention's scores: products of queries with keys of positions and of keys with queries
 * of positions, from which a score gathers its own (DeBERTa, https://arxiv.org/abs/2006.03654, section 3.1). */
#pragma once

#include "product.h"

/* Of one head. Positions are columns in panels, `(panels, size, PANEL)`; a pointer is null where there are none. */
struct relative {
    const float *keys, *queries;
    const int32_t *rows; /* column for the key's place minus the query's, of both signs, ascending */
};

INLINE long first_panel(const int32_t *rows, long least) { return rows[least] / PANEL; }
INLINE long last_panel(const int32_t *rows, long most) { return rows[most] / PANEL + 1; }

/* Positions that a sequence can have, as whole panels. */
INLINE long positions_across(const int32_t *rows, long length) {
    return (last_panel(rows, length - 1) - first_panel(rows, 1 - length)) * PANEL;
}

/* Floats of scratch memory: products of all keys, and of a block of queries. */
INLINE long relative_scratch(const int32_t *rows, long length) {
    return rows ? (length + ROWS) * positions_across(rows, length) : 0;
}

/* Products of a few rows with the positions of the distances `least` to `most`. Rows of `to` are `across`
 * apart. */
static void multiply_positions(int count, const float *a, long stride, const float *positions, long size,
                               const int32_t *rows, long least, long most, float *to, long across) {
    for (long panel = first_panel(rows, least); panel < last_panel(rows, most); panel++)
        multiply(count, a, stride, positions + panel * PANEL * size, size, (struct target){to + panel * PANEL, across});
}

/* Products of all keys. */
static void multiply_all_keys(const struct relative *relative, long length, const float *keys, long stride, long size, float *to) {
    long across = positions_across(relative->rows, length);
    to -= first_panel(relative->rows, 1 - length) * PANEL;
    int count;
    for (long key = 0; key < length; key += count) {
        count = next_rows(length - key);
        multiply_positions(count, keys + key * stride, stride, relative->queries, size, relative->rows, key - length + 1,
                           key + count - 1, to + key * across, across);
    }
}

/* Adds to the scores of a block of queries, from the one at `row` on, for `seen` keys from `start` on. */
static void add_relative(const struct relative *relative, long row, int count, long length, const float *queries,
                         long stride, long size, float *scratch, float *scores, long wide, long start, long seen) {
    const int32_t *rows = relative->rows;
    long panel = first_panel(rows, 1 - length), across = positions_across(rows, length);
    float *by_query = scratch + length * across - panel * PANEL;
    const float *by_key = scratch - panel * PANEL + start * across;
    if (relative->keys)
        multiply_positions(count, queries, stride, relative->keys, size, rows, 1 - row - count, length - 1 - row, by_query,
                           across);
    for (int r = 0; r < count; r++) {
        const int32_t *own = rows + start - row - r;
        float *to = scores + r * wide + start;
        if (relative->keys)
            for (long k = 0; k < seen; k++) to[k] += by_query[r * across + own[k]];
        if (relative->queries)
            for (long k = 0; k < seen; k++) to[k] += by_key[k * across + own[k]];
    }
}
