/* The forward pass of a BERT encoder on a CPU, on packed sequences: `(tokens, hidden)` without padding.
 *
 * handler/runtimes/native.py fills these structures; scripts/kernels.py compiles this file, once per kind of CPU.
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
    long layers, hidden, inner, heads;
    float eps;
    enum activation activation;
    const float *words, *positions, *types; /* tables, (rows, hidden); `types` may be null */
    struct norm norm;
    const struct layer *layer;
    struct linear pooler; /* of the first token's state; its `weight` is null where there is none */
};

/* What differs from batch to batch. Sizes in values: `bytes` has a row of the longest linear per token. */
struct batch {
    long tokens, sequences, longest;
    const int64_t *ids, *places, *kinds; /* (tokens,) rows of the three tables */
    const int64_t *starts;               /* (sequences + 1,) */
    float *pooled;                       /* (sequences, hidden) */
    float *states, *sums, *mixed;        /* (tokens, hidden) */
    float *wide;                         /* (tokens, 3 hidden or inner, whichever is more) */
    uint8_t *bytes;                      /* null without 8-bit linears, as the next two */
    float *levels;                       /* (tokens,) */
    int32_t *zeros;
    float *scratch; /* per thread, `scratch_size` each */
    struct stage *stages; /* 4 and 9 per layer, all zero */
};

enum { TOKENS = 8 }; /* of a piece */

INLINE long pieces_of(long tokens) { return (tokens + TOKENS - 1) / TOKENS; }
INLINE long end_of(long piece, long tokens) { return (piece + 1) * TOKENS < tokens ? (piece + 1) * TOKENS : tokens; }

/* Layer normalisation of one row. */
static void normalize(const float *row, long size, struct norm norm, float eps, float *to) {
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

static void row_to_bytes(struct batch *b, const float *row, long size, long token) {
    if (b->bytes) quantize(row, size, b->bytes + token * quads(size) * QUAD, b->levels + token, b->zeros + token);
}

static void rows_to_bytes(struct batch *b, const float *rows, long size, struct share *share) {
    if (!b->bytes) return;
    EACH(piece, pieces_of(b->tokens), share)
        for (long token = piece * TOKENS; token < end_of(piece, b->tokens); token++)
            row_to_bytes(b, rows + token * size, size, token);
    meet(share, pieces_of(b->tokens));
}

/* Sums to states, and to bytes for the linears that read them. */
static void settle(const struct model *m, struct batch *b, struct norm norm, struct share *share) {
    EACH(piece, pieces_of(b->tokens), share)
        for (long token = piece * TOKENS; token < end_of(piece, b->tokens); token++) {
            float *row = b->states + token * m->hidden;
            normalize(b->sums + token * m->hidden, m->hidden, norm, m->eps, row);
            row_to_bytes(b, row, m->hidden, token);
        }
    meet(share, pieces_of(b->tokens));
}

static void embed(const struct model *m, struct batch *b, struct share *share) {
    EACH(piece, pieces_of(b->tokens), share)
        for (long token = piece * TOKENS; token < end_of(piece, b->tokens); token++) {
            const float *word = m->words + b->ids[token] * m->hidden;
            const float *place = m->positions + b->places[token] * m->hidden;
            const float *kind = m->types ? m->types + b->kinds[token] * m->hidden : 0;
            float *row = b->sums + token * m->hidden;
            for (long i = 0; i < m->hidden; i++) row[i] = word[i] + place[i] + (kind ? kind[i] : 0);
        }
    meet(share, pieces_of(b->tokens));
}

/* A piece is one head of one sequence. */
static void attend_all(const struct model *m, struct batch *b, struct share *share) {
    long size = m->hidden / m->heads, stride = 3 * m->hidden;
    float *scratch = b->scratch + share->thread * scratch_size(b->longest, size);
    EACH(piece, b->sequences * m->heads, share) {
        long start = b->starts[piece / m->heads], first = piece % m->heads * size;
        const float *queries = b->wide + start * stride + first;
        struct head head = {
            .length = b->starts[piece / m->heads + 1] - start, .size = size, .stride = stride,
            .queries = queries, .keys = queries + m->hidden, .values = queries + 2 * m->hidden,
            .mixed = b->mixed + start * m->hidden + first, .out_stride = m->hidden,
        };
        attend(&head, 1 / __builtin_sqrtf((float)size), scratch);
    }
    meet(share, b->sequences * m->heads);
}

static void pool(const struct model *m, struct batch *b, struct share *share) {
    struct states first = {.floats = b->mixed};
    EACH(piece, b->sequences, share)
        for (long i = 0; i < m->hidden; i++)
            b->mixed[piece * m->hidden + i] = b->states[b->starts[piece] * m->hidden + i];
    meet(share, b->sequences);
    apply(&m->pooler, &first, b->sequences, TANH, 0, b->pooled, share);
}

/* Embeddings, all layers and the pooler; results are in `states` and `pooled`. Several threads may call it at once, each
 * with its own number. When one returns, all is done, though another may still be on its way through. */
void encode(const struct model *m, struct batch *b, long thread) {
    struct share share = {thread, b->stages};
    struct states states = {b->states, b->bytes, b->levels, b->zeros};
    struct states mixed = {b->mixed, b->bytes, b->levels, b->zeros}, wide = {b->wide, b->bytes, b->levels, b->zeros};
    embed(m, b, &share);
    settle(m, b, m->norm, &share);
    for (const struct layer *l = m->layer; l < m->layer + m->layers; l++) {
        apply(&l->qkv, &states, b->tokens, NONE, 0, b->wide, &share);
        attend_all(m, b, &share);
        rows_to_bytes(b, b->mixed, m->hidden, &share);
        apply(&l->out, &mixed, b->tokens, NONE, b->states, b->sums, &share);
        settle(m, b, l->norm1, &share);
        apply(&l->up, &states, b->tokens, m->activation, 0, b->wide, &share);
        rows_to_bytes(b, b->wide, m->inner, &share);
        apply(&l->down, &wide, b->tokens, NONE, b->states, b->sums, &share);
        settle(m, b, l->norm2, &share);
    }
    if (m->pooler.weight) pool(m, b, &share);
}

/* Values of scratch memory per thread. */
long scratch(long length, long size) { return scratch_size(length, size); }
