/* What `encode` reads and writes, and what is done row by row. handler/runtimes/native.py fills these structures. */
#pragma once

#include "attention.h"
#include "linear.h"

/* Layer normalisation; without a bias, normalisation by the root mean square. */
struct norm {
    const float *weight, *bias;
};

struct layer {
    struct linear qkv, out, up, down;
    struct norm norm1, norm2; /* the first one's `weight` is null where states are normalised already */
    const float *turns;       /* (positions, heads' size): cosines, then sines; null where positions turn nothing */
    long window;              /* of attention; 0 for none */
    const float *relative_keys, *relative_queries; /* `struct relative` of each head; null for none */
};

struct model {
    long layers, embedding, hidden, intermediate, heads;
    long key_heads;         /* of keys and of values */
    long farthest;          /* distance that `attention_bias` has a value for */
    long norm_first, gated, norm_projected; /* see handler/encoders/description.py */
    float eps;
    enum activation activation;
    const float *word_embeddings;                             /* (rows, embedding) */
    const float *position_embeddings, *token_type_embeddings; /* the same; null where there are none */
    const float *attention_bias;                        /* (heads, 2 farthest + 1); null for none */
    const int32_t *relative_rows; /* see `struct relative`; for distances of the longest sequence; null for none */
    long relative_panels;         /* of a head's positions */
    struct norm norm;         /* of embeddings; its `weight` is null where the layers normalise them */
    struct norm final_norm;   /* its `weight` is null where the last layer normalises */
    struct linear projection; /* from embedding to hidden; its `weight` is null where they are one */
    const struct layer *layer;
    struct linear pooler; /* of the first token's state; its `weight` is null where there is none */
};

/* What differs from batch to batch. Sizes in values: `quantized` has a row of the longest linear per token. Rows of floats are
 * `row_floats` apart, those of the others `row_quads` and `row_halves`. */
struct batch {
    long tokens, sequences, longest;
    const int64_t *input_ids, *position_ids, *token_type_ids; /* (tokens,) */
    const int64_t *offsets;                                   /* (sequences + 1,) */
    float *pooled;                       /* (sequences, hidden) */
    float *states, *sums, *attended;        /* (tokens, hidden); `sums` holds embeddings, too */
    float *wide;                         /* (tokens, 3 hidden, outputs of `up` or embedding, whichever is most) */
    float *gated;                        /* (tokens, intermediate); null where nothing is */
    uint8_t *quantized;                  /* null without 8-bit linears, as the next two */
    float *scales;                       /* (tokens,) */
    int32_t *zero_points;
    bfloat16 *halves; /* as `quantized`; null without linears in bfloat16 */
    float *scratch; /* per thread, `head_scratch` each */
    struct region *regions; /* 7, and 9 per layer or 10 with `turns`; all zero */
    const int32_t *threads; /* see `struct context`, as of the next one */
    long over;
    long helpers, joined; /* how many may take part, and how many have come */
};

/* Floats of scratch memory that a thread needs. */
INLINE long head_scratch(const struct model *m, long length) {
    return scratch_size(length, m->hidden / m->heads) + relative_scratch(m->relative_rows, length);
}

enum { TOKENS = 8 }; /* of an item */

INLINE long items_of(long tokens) { return (tokens + TOKENS - 1) / TOKENS; }
INLINE long end_of(long item, long tokens) { return (item + 1) * TOKENS < tokens ? (item + 1) * TOKENS : tokens; }

/* Layer normalisation of one row. */
static void layer_norm(const float *row, long size, struct norm norm, float eps, float *to) {
    floats total = all(0), squares = all(0);
    long whole = size / WIDTH * WIDTH;
    for (long i = 0; i < whole; i += WIDTH) total += load(row + i);
    float mean = sum(total);
    for (long i = whole; i < size; i++) mean += row[i];
    mean /= size;
    for (long i = 0; i < whole; i += WIDTH) {
        floats apart = load(row + i) - mean;
        squares += apart * apart;
    }
    float variance = sum(squares);
    for (long i = whole; i < size; i++) variance += (row[i] - mean) * (row[i] - mean);
    float inverse = 1 / __builtin_sqrtf(variance / size + eps);
    for (long i = 0; i < whole; i += WIDTH)
        store(to + i, (load(row + i) - mean) * inverse * load(norm.weight + i) + load(norm.bias + i));
    for (long i = whole; i < size; i++) to[i] = (row[i] - mean) * inverse * norm.weight[i] + norm.bias[i];
}

/* Normalisation of one row by its root mean square (https://arxiv.org/abs/1910.07467). */
static void rms_norm(const float *row, long size, struct norm norm, float eps, float *to) {
    floats squares = all(0);
    long whole = size / WIDTH * WIDTH;
    for (long i = 0; i < whole; i += WIDTH) squares += load(row + i) * load(row + i);
    float total = sum(squares);
    for (long i = whole; i < size; i++) total += row[i] * row[i];
    float inverse = 1 / __builtin_sqrtf(total / size + eps);
    for (long i = 0; i < whole; i += WIDTH) store(to + i, load(row + i) * inverse * load(norm.weight + i));
    for (long i = whole; i < size; i++) to[i] = row[i] * inverse * norm.weight[i];
}

INLINE void normalize(const float *row, long size, struct norm norm, float eps, float *to) {
    if (norm.bias) layer_norm(row, size, norm, eps, to);
    else rms_norm(row, size, norm, eps, to);
}

/* Values of a token's queries, keys and values. */
INLINE long projected(const struct model *m) { return (m->heads + 2 * m->key_heads) * (m->hidden / m->heads); }

/* A row as the linear that reads it has it, if it does not read floats; `smooth` is that linear's. */
static void quantize_row(struct batch *b, const float *row, long size, const float *smooth, long token) {
    if (b->quantized)
        quantize(row, size, smooth, b->quantized + token * row_quads(size), b->scales + token, b->zero_points + token);
    if (b->halves) round_row(row, size, 1, b->halves + token * row_halves(size));
}

static void quantize_rows(struct batch *b, const float *rows, long size, const float *smooth, struct context *context) {
    if (!b->quantized && !b->halves) return;
    PARALLEL_FOR(item, items_of(b->tokens), context)
        for (long token = item * TOKENS; token < end_of(item, b->tokens); token++)
            quantize_row(b, rows + token * row_floats(size), size, smooth, token);
    barrier(context, items_of(b->tokens));
}

/* Sums to normalised rows, and to 8 bits or bfloat16 for the linear that reads them next, if there is one. */
static void norm_and_quantize(const struct model *m, struct batch *b, const float *sums, struct norm norm,
                              const struct linear *reader, float *to, struct context *context) {
    PARALLEL_FOR(item, items_of(b->tokens), context)
        for (long token = item * TOKENS; token < end_of(item, b->tokens); token++) {
            float *row = to + token * row_floats(m->hidden);
            normalize(sums + token * row_floats(m->hidden), m->hidden, norm, m->eps, row);
            quantize_row(b, row, m->hidden, reader ? reader->smooth : 0, token);
        }
    barrier(context, items_of(b->tokens));
}
