/* The two kinds of layers, and their halves. */
#pragma once

#include "model.h"

/* Queries and keys of all tokens by the angles of their positions: half of a head's values with the other half. */
static void turn(const struct model *m, struct batch *b, const float *turns, struct context *context) {
    long size = m->hidden / m->heads, half = size / 2;
    PARALLEL_FOR(item, items_of(b->tokens), context)
        for (long token = item * TOKENS; token < end_of(item, b->tokens); token++) {
            const float *cosines = turns + b->position_ids[token] * size, *sines = cosines + half;
            float *row = b->wide + token * row_floats(projected(m));
            for (float *head = row; head < row + (m->heads + m->key_heads) * size; head += size)
                for (long i = 0; i < half; i++) {
                    float left = head[i], right = head[half + i];
                    head[i] = left * cosines[i] - right * sines[i];
                    head[half + i] = right * cosines[i] + left * sines[i];
                }
        }
    barrier(context, items_of(b->tokens));
}

enum { FEW = 512 }; /* keys */

/* What attention of a sequence multiplies. As integers, 16 bits hold no weight below a 65,000th of a row's greatest: where one token has
 * nearly all of the weight, as [SEP] often has, that is up to 1 % of it for 512 keys, and more would be too much. */
INLINE enum dtype attention_dtype(const struct batch *b, long length) {
    if (b->halves || (b->quantized && MULTIPLIES_PAIRS)) return BFLOAT16;
    return b->quantized && length <= FEW ? INT16 : FLOAT32;
}

/* An item is one head of one sequence. */
static void attend_all(const struct model *m, struct batch *b, const struct layer *l, struct context *context) {
    long size = m->hidden / m->heads, stride = row_floats(projected(m)), shared = m->heads / m->key_heads;
    long positions = m->relative_panels * PANEL * size, out_stride = b->halves ? row_halves(m->hidden) : row_floats(m->hidden);
    float *scratch = b->scratch + context->thread * head_scratch(m, b->longest);
    PARALLEL_FOR(item, b->sequences * m->heads, context) {
        long start = b->offsets[item / m->heads], number = item % m->heads, first = number * size;
        const float *queries = b->wide + start * stride, *keys = queries + m->hidden + number / shared * size;
        struct head head = {
            .length = b->offsets[item / m->heads + 1] - start, .size = size, .stride = stride,
            .queries = queries + first, .keys = keys, .values = keys + m->key_heads * size,
            .bias = m->attention_bias ? m->attention_bias + number * (2 * m->farthest + 1) + m->farthest : 0,
            .window = l->window, .output = b->attended + start * out_stride + first,
            .dtype = attention_dtype(b, b->offsets[item / m->heads + 1] - start),
            .rounded_output = b->halves ? b->halves + start * out_stride + first : 0, .out_stride = out_stride,
            .relative.keys = l->relative_keys ? l->relative_keys + number * positions : 0,
            .relative.queries = l->relative_queries ? l->relative_queries + number * positions : 0,
            .relative.rows = m->relative_rows,
        };
        attend(&head, 1 / __builtin_sqrtf((float)size), scratch);
    }
    barrier(context, b->sequences * m->heads);
}

/* Half of what `up` made, activated, times the other half. */
static void gate(const struct model *m, struct batch *b, struct context *context) {
    PARALLEL_FOR(item, items_of(b->tokens), context)
        for (long token = item * TOKENS; token < end_of(item, b->tokens); token++) {
            const float *first = b->wide + token * row_floats(2 * m->intermediate), *second = first + m->intermediate;
            float *row = b->gated + token * row_floats(m->intermediate);
            long i = 0;
            for (; i + WIDTH <= m->intermediate; i += WIDTH)
                store(row + i, activate(load(first + i), m->activation) * load(second + i));
            for (; i < m->intermediate; i++) row[i] = activate(all(first[i]), m->activation)[0] * second[i];
            quantize_row(b, row, m->intermediate, 0, token);
        }
    barrier(context, items_of(b->tokens));
}

INLINE struct states reading(const struct batch *b, const float *floats) {
    return (struct states){floats, b->quantized, b->scales, b->zero_points, b->halves};
}

/* From rows to what the heads see, in `attended`; `read` may be there, too. */
static void self_attention(const struct model *m, struct batch *b, const struct layer *l, const float *read,
                           struct context *context) {
    struct states states = reading(b, read);
    apply(&l->qkv, &states, b->tokens, NONE, 0, b->wide, context);
    if (l->turns) turn(m, b, l->turns, context);
    attend_all(m, b, l, context);
    if (b->quantized) quantize_rows(b, b->attended, m->hidden, 0, context);
}

/* From rows to `to`: what the feed-forward network makes of them, and `residual`. */
static void feed_forward(const struct model *m, struct batch *b, const struct layer *l, const float *read,
                         const float *residual, float *to, struct context *context) {
    struct states states = reading(b, read), wide = reading(b, m->gated ? b->gated : b->wide);
    if (m->gated) {
        apply(&l->up, &states, b->tokens, NONE, 0, b->wide, context);
        gate(m, b, context);
    } else if (b->halves) {
        wide.halves = (bfloat16 *)b->wide;
        apply_rounded(&l->up, &states, b->tokens, m->activation, (bfloat16 *)b->wide, context);
    } else {
        apply(&l->up, &states, b->tokens, m->activation, 0, b->wide, context);
        quantize_rows(b, b->wide, m->intermediate, 0, context);
    }
    apply(&l->down, &wide, b->tokens, NONE, residual, to, context);
}

/* Each half's sum is normalised. */
static void layer_norm_last(const struct model *m, struct batch *b, const struct layer *l, struct context *context) {
    struct states attended = reading(b, b->attended);
    self_attention(m, b, l, b->states, context);
    apply(&l->out, &attended, b->tokens, NONE, b->states, b->sums, context);
    norm_and_quantize(m, b, b->sums, l->norm1, &l->up, b->states, context);
    feed_forward(m, b, l, b->states, b->states, b->sums, context);
    norm_and_quantize(m, b, b->sums, l->norm2, l + 1 < m->layer + m->layers ? &l[1].qkv : 0, b->states, context);
}

/* What each half reads is normalised, if it is not yet; sums stay in `states`. */
static void layer_norm_first(const struct model *m, struct batch *b, const struct layer *l, struct context *context) {
    struct states attended = reading(b, b->attended);
    if (l->norm1.weight) norm_and_quantize(m, b, b->states, l->norm1, &l->qkv, b->attended, context);
    self_attention(m, b, l, l->norm1.weight ? b->attended : b->states, context);
    apply(&l->out, &attended, b->tokens, NONE, b->states, b->states, context);
    norm_and_quantize(m, b, b->states, l->norm2, &l->up, b->attended, context);
    feed_forward(m, b, l, b->attended, b->states, b->states, context);
}
