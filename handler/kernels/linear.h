/* Linears: a matrix in panels, and what follows its product while the result is still at hand. */
#pragma once

#include "narrow.h"
#include "threads.h"

/* `weight` is (panels, in, PANEL) floats, (panels, in / QUAD, PANEL, QUAD) bytes with a `scale` and the `sums` of each
 * column, or (panels, in / PAIR, PANEL, PAIR) in bfloat16; `bias`, `scale` and `sums` are as long as the panels. `smooth`
 * is (in,): what an input is multiplied by before it becomes bytes, and the weight was divided by; null for nothing. */
struct linear {
    long in, out, dtype;
    const void *weight;
    const float *bias;
    const float *scale;
    const int32_t *sums;
    const float *smooth;
};

/* States of all tokens: floats, 8-bit values with a scale and a zero point per row, or bfloat16. */
struct states {
    const float *floats;
    const uint8_t *quantized;
    const float *scales;
    const int32_t *zero_points;
    const bfloat16 *halves;
};

/* What becomes of a product: `(rows, out)` floats with a residual of their shape, which may be null, or bfloat16. */
struct result {
    enum activation activation;
    const float *residual;
    float *floats;
    bfloat16 *halves;
};

enum { AT_ONCE = 384 }; /* rows that stay in the cache while all panels pass */

INLINE long quads(long in) { return (in + QUAD - 1) / QUAD; }
INLINE long row_quads(long in) { return row_bytes(quads(in) * QUAD); }

INLINE floats load_smooth(const float *row, const float *smooth, long i) {
    return smooth ? load(row + i) * load(smooth + i) : load(row + i);
}

/* One row, times `smooth`, to 255 levels between its smallest and largest value; zero is always one of them. */
static void quantize(const float *row, long size, const float *smooth, uint8_t *quantized, float *scale,
                     int32_t *zero_point) {
    floats low[4] = {}, high[4] = {}; /* four at a time, so that none waits for the last */
    floats none = all(0);             /* stays 0, unless a value is no number: then the row's scale is none either */
    long i = 0;
    for (; i + 4 * WIDTH <= size; i += 4 * WIDTH)
#pragma unroll
        for (int j = 0; j < 4; j++) {
            floats values = load_smooth(row, smooth, i + j * WIDTH);
            low[j] = smaller(low[j], values);
            high[j] = larger(high[j], values);
            none += values - values;
        }
    float least = __builtin_reduce_min(smaller(smaller(low[0], low[1]), smaller(low[2], low[3])));
    float most = __builtin_reduce_max(larger(larger(high[0], high[1]), larger(high[2], high[3])));
    for (long rest = i; rest < size; rest++) {
        float value = smooth ? row[rest] * smooth[rest] : row[rest];
        least = value < least ? value : least;
        most = value > most ? value : most;
        none[0] += value - value;
    }
    float width = (most - least) / 255;
    width = width < 1e-10f ? 1e-10f : width;
    float inverse = 1 / width;
    *scale = width + sum(none);
    *zero_point = (int32_t)(-least * inverse + 0.5f);
    float shift = (float)*zero_point + 0.5f;
    floats most_level = all(255);
    for (i = 0; i + WIDTH <= size; i += WIDTH) {
        floats levels = smaller(most_level, larger(all(0), load_smooth(row, smooth, i) * inverse + shift));
        *(bytes *)(quantized + i) = __builtin_convertvector(__builtin_convertvector(levels, ints), bytes);
    }
    for (; i < size; i++) {
        float value = (smooth ? row[i] * smooth[i] : row[i]) * inverse + shift;
        quantized[i] = (uint8_t)(value > 255 ? 255 : value < 0 ? 0 : value);
    }
    for (; i < quads(size) * QUAD; i++) quantized[i] = 0;
}

/* A block of integers to floats, in place. */
static void dequantize(int rows, const struct states *x, long row, const struct linear *l, long column, block out) {
    for (int r = 0; r < rows; r++) {
        float scale = x->scales[row + r];
        int32_t zero_point = x->zero_points[row + r];
        for (int c = 0; c < PANEL; c += WIDTH) {
            ints whole = *(ints *)&out[r][c] - zero_point * *(const ints *)(l->sums + column + c);
            store(&out[r][c], __builtin_convertvector(whole, floats) * scale * load(l->scale + column + c));
        }
    }
}

/* Steps of a product's sums: values, or groups of them, of 32 bits either way. */
INLINE long steps(const struct linear *l) {
    return l->dtype == INT8 ? quads(l->in) : l->dtype == BFLOAT16 ? pairs(l->in) : l->in;
}

/* A panel that is fetched in equal shares beside `blocks` of rows, or a little more than it. */
INLINE struct ahead fetched(const struct linear *l, long panel, long blocks) {
    return (struct ahead){(const char *)l->weight + panel * PANEL * steps(l) * GROUP, (ACROSS * WIDTH * GROUP + blocks - 1) / blocks};
}

/* The rows of a panel's product by the linear's dtype. */
static void multiply_panel(const struct linear *l, const struct states *x, long row, int count, long column,
                           struct ahead next, block out) {
    struct target to = {out[0], PANEL};
    const void *weight = (const char *)l->weight + column * steps(l) * GROUP;
    switch (l->dtype) {
    case INT8:
        multiply_int8(count, x->quantized + row * row_quads(l->in), row_quads(l->in), weight, steps(l), to, next);
        dequantize(count, x, row, l, column, out);
        return;
    case BFLOAT16: {
        long stride = row_halves(l->in);
        multiply_bfloat16(count, x->halves + row * stride, stride * sizeof(bfloat16), weight, steps(l), to, next);
        return;
    }
    default: multiply_ahead(count, x->floats + row * row_floats(l->in), row_floats(l->in), weight, l->in, to, next);
    }
}

/* Bias, activation and residual, and the columns that there are to `y`. */
static void epilogue(int rows, block out, const float *bias, enum activation activation, const float *residual, float *y,
                   long stride, long columns) {
    for (int r = 0; r < rows; r++, y += stride, residual += residual ? stride : 0) {
        for (int c = 0; c < PANEL; c += WIDTH) {
            floats value = activate(load(&out[r][c]) + load(bias + c), activation);
            if (c + WIDTH <= columns) {
                store(y + c, residual ? value + load(residual + c) : value);
                continue;
            }
            for (int i = 0; i < WIDTH && c + i < columns; i++) y[c + i] = value[i] + (residual ? residual[c + i] : 0);
        }
    }
}

/* Bias and activation, and the columns that there are to `y`; a row's last pair may have one that is not, for which the next matrix
 * has zeros. */
static void round_epilogue(int rows, block out, const float *bias, enum activation activation, bfloat16 *y, long stride,
                           long columns) {
    for (int r = 0; r < rows; r++, y += stride) {
        for (int c = 0; c < PANEL; c += WIDTH) {
            halves value = rounded(activate(load(&out[r][c]) + load(bias + c), activation));
            store_halves(y + c, value, columns - c);
        }
    }
}

/* One panel of columns for the rows `first` to `last`; the thread's `following` one is fetched meanwhile. */
static void apply_panel(const struct linear *l, const struct states *x, long first, long last, long panel, long following,
                        const struct result *y) {
    long column = panel * PANEL, wide = row_floats(l->out), stride = row_halves(l->out);
    struct ahead next = fetched(l, following, (last - first + ROWS - 1) / ROWS);
    int count;
    for (long row = first; row < last; row += count, next.from += PANEL / (ACROSS * WIDTH) * steps(l) * next.step) {
        block out;
        count = next_rows(last - row);
        long offset = row * wide + column;
        const float *residual = y->residual ? y->residual + offset : 0;
        float *floats = y->floats + offset;
        bfloat16 *halves = y->halves + row * stride + column;
        if (y->halves) PREFETCH(halves, count, stride, PANEL * sizeof *halves, 1)
        else PREFETCH(floats, count, wide, PANEL * sizeof *floats, 1)
        if (residual) PREFETCH(residual, count, wide, PANEL * sizeof *residual, 0)
        multiply_panel(l, x, row, count, column, next, out);
        if (y->halves) round_epilogue(count, out, l->bias + column, y->activation, halves, stride, pairs(l->out) * PAIR - column);
        else epilogue(count, out, l->bias + column, y->activation, residual, floats, wide, l->out - column);
    }
}

static void apply_all(const struct linear *l, const struct states *x, long rows, struct result y,
                      struct context *context) {
    long parts = (rows + AT_ONCE - 1) / AT_ONCE, part = (rows + parts - 1) / parts, across = panels(l->out);
    long before = -1;
    PARALLEL_FOR(item, parts * across, context) {
        if (before >= 0) context->apart = item - before;
        before = item;
        long first = item / across * part, last = first + part < rows ? first + part : rows;
        apply_panel(l, x, first, last, item % across, (item + context->apart) % across, &y);
    }
    barrier(context, parts * across);
}

/* `(rows, in)` to `(rows, out)`. `residual` has the shape of `y`, or is null. */
static void apply(const struct linear *l, const struct states *x, long rows, enum activation activation,
                  const float *residual, float *y, struct context *context) {
    apply_all(l, x, rows, (struct result){activation, residual, .floats = y}, context);
}

/* The same in bfloat16, for the linear that reads it. */
static void apply_rounded(const struct linear *l, const struct states *x, long rows, enum activation activation, bfloat16 *y,
                          struct context *context) {
    apply_all(l, x, rows, (struct result){activation, .halves = y}, context);
}
