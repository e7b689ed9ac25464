/* The forward pass of an encoder on a CPU, on packed sequences: `(tokens, hidden)` without padding.
 *
 * handler/runtimes/native.py fills these structures; scripts/packing/kernels.py compiles this file, once per kind of CPU.
 */

#include "attention.h"
#include "linear.h"

struct norm {
    const float *weight, *bias;
};

struct layer {
    struct linear qkv, out, up, down;
    struct norm norm1, norm2;
};

struct model {
    long layers, embedding, hidden, intermediate, heads;
    long farthest; /* distance that `attention_bias` has a value for */
    float eps;
    enum activation activation;
    const float *word_embeddings, *position_embeddings; /* (rows, embedding) */
    const float *token_type_embeddings;                 /* the same; null where there are none */
    const float *attention_bias;                        /* (heads, 2 farthest + 1); null for none */
    struct norm norm;
    struct linear projection; /* from embedding to hidden; its `weight` is null where they are one */
    const struct layer *layer;
    struct linear pooler; /* of the first token's state; its `weight` is null where there is none */
};

/* What differs from batch to batch. Sizes in values: `quantized` has a row of the longest linear per token. */
struct batch {
    long tokens, sequences, longest;
    const int64_t *input_ids, *position_ids, *token_type_ids; /* (tokens,) */
    const int64_t *offsets;                                   /* (sequences + 1,) */
    float *pooled;                       /* (sequences, hidden) */
    float *states, *sums, *attended;        /* (tokens, hidden); `sums` holds embeddings, too */
    float *wide;                         /* (tokens, 3 hidden, intermediate or embedding, whichever is most) */
    uint8_t *quantized;                  /* null without 8-bit linears, as the next two */
    float *scales;                       /* (tokens,) */
    int32_t *zero_points;
    float *scratch; /* per thread, `scratch_size` each */
    struct region *regions; /* 6 and 9 per layer, all zero */
};

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

static void quantize_row(struct batch *b, const float *row, long size, long token) {
    if (!b->quantized) return;
    quantize(row, size, b->quantized + token * quads(size) * QUAD, b->scales + token, b->zero_points + token);
}

static void quantize_rows(struct batch *b, const float *rows, long size, struct context *context) {
    if (!b->quantized) return;
    PARALLEL_FOR(item, items_of(b->tokens), context)
        for (long token = item * TOKENS; token < end_of(item, b->tokens); token++)
            quantize_row(b, rows + token * size, size, token);
    barrier(context, items_of(b->tokens));
}

/* Sums to states, and to 8 bits for the linears that read them. */
static void norm_and_quantize(const struct model *m, struct batch *b, struct norm norm, struct context *context) {
    PARALLEL_FOR(item, items_of(b->tokens), context)
        for (long token = item * TOKENS; token < end_of(item, b->tokens); token++) {
            float *row = b->states + token * m->hidden;
            layer_norm(b->sums + token * m->hidden, m->hidden, norm, m->eps, row);
            quantize_row(b, row, m->hidden, token);
        }
    barrier(context, items_of(b->tokens));
}

static void embed(const struct model *m, struct batch *b, struct context *context) {
    PARALLEL_FOR(item, items_of(b->tokens), context)
        for (long token = item * TOKENS; token < end_of(item, b->tokens); token++) {
            const float *word = m->word_embeddings + b->input_ids[token] * m->embedding;
            const float *position = m->position_embeddings + b->position_ids[token] * m->embedding;
            const float *types = m->token_type_embeddings;
            const float *type = types ? types + b->token_type_ids[token] * m->embedding : 0;
            float *row = b->sums + token * m->embedding;
            for (long i = 0; i < m->embedding; i++) row[i] = word[i] + position[i] + (type ? type[i] : 0);
        }
    barrier(context, items_of(b->tokens));
}

/* Sums of embeddings to states, through a linear. */
static void project(const struct model *m, struct batch *b, struct context *context) {
    struct states normalised = {.floats = b->wide};
    PARALLEL_FOR(item, items_of(b->tokens), context)
        for (long token = item * TOKENS; token < end_of(item, b->tokens); token++)
            layer_norm(b->sums + token * m->embedding, m->embedding, m->norm, m->eps, b->wide + token * m->embedding);
    barrier(context, items_of(b->tokens));
    apply(&m->projection, &normalised, b->tokens, NONE, 0, b->states, context);
    quantize_rows(b, b->states, m->hidden, context);
}

/* An item is one head of one sequence. */
static void attend_all(const struct model *m, struct batch *b, struct context *context) {
    long size = m->hidden / m->heads, stride = 3 * m->hidden;
    float *scratch = b->scratch + context->thread * scratch_size(b->longest, size);
    PARALLEL_FOR(item, b->sequences * m->heads, context) {
        long start = b->offsets[item / m->heads], number = item % m->heads, first = number * size;
        const float *queries = b->wide + start * stride + first;
        struct head head = {
            .length = b->offsets[item / m->heads + 1] - start, .size = size, .stride = stride,
            .queries = queries, .keys = queries + m->hidden, .values = queries + 2 * m->hidden,
            .bias = m->attention_bias ? m->attention_bias + number * (2 * m->farthest + 1) + m->farthest : 0,
            .output = b->attended + start * m->hidden + first, .out_stride = m->hidden,
        };
        attend(&head, 1 / __builtin_sqrtf((float)size), scratch);
    }
    barrier(context, b->sequences * m->heads);
}

static void pool(const struct model *m, struct batch *b, struct context *context) {
    struct states first = {.floats = b->attended};
    PARALLEL_FOR(item, b->sequences, context)
        for (long i = 0; i < m->hidden; i++)
            b->attended[item * m->hidden + i] = b->states[b->offsets[item] * m->hidden + i];
    barrier(context, b->sequences);
    apply(&m->pooler, &first, b->sequences, TANH, 0, b->pooled, context);
}

/* Embeddings, all layers and the pooler; results are in `states` and `pooled`. Several threads may call it at once, each
 * with its own number. When one returns, all is done, though another may still be on its way through. */
void encode(const struct model *m, struct batch *b, long thread) {
    struct context context = {thread, b->regions};
    struct states states = {b->states, b->quantized, b->scales, b->zero_points};
    struct states attended = {b->attended, b->quantized, b->scales, b->zero_points};
    struct states wide = {b->wide, b->quantized, b->scales, b->zero_points};
    embed(m, b, &context);
    if (m->projection.weight) project(m, b, &context);
    else norm_and_quantize(m, b, m->norm, &context);
    for (const struct layer *l = m->layer; l < m->layer + m->layers; l++) {
        apply(&l->qkv, &states, b->tokens, NONE, 0, b->wide, &context);
        attend_all(m, b, &context);
        quantize_rows(b, b->attended, m->hidden, &context);
        apply(&l->out, &attended, b->tokens, NONE, b->states, b->sums, &context);
        norm_and_quantize(m, b, l->norm1, &context);
        apply(&l->up, &states, b->tokens, m->activation, 0, b->wide, &context);
        quantize_rows(b, b->wide, m->intermediate, &context);
        apply(&l->down, &wide, b->tokens, NONE, b->states, b->sums, &context);
        norm_and_quantize(m, b, l->norm2, &context);
    }
    if (m->pooler.weight) pool(m, b, &context);
}

/* Values of scratch memory per thread. */
long scratch(long length, long size) { return scratch_size(length, size); }
