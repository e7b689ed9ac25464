/* The forward pass of an encoder on a CPU, on packed sequences: `(tokens, hidden)` without padding.
 *
 * handler/runtimes/native.py calls it; scripts/packing/kernels.py compiles this file, once per kind of CPU.
 */

#include "helpers.h"
#include "layers.h"

static void embed(const struct model *m, struct batch *b, struct context *context) {
    PARALLEL_FOR(item, items_of(b->tokens), context)
        for (long token = item * TOKENS; token < end_of(item, b->tokens); token++) {
            const float *word = m->word_embeddings + b->input_ids[token] * m->embedding;
            const float *positions = m->position_embeddings;
            const float *position = positions ? positions + b->position_ids[token] * m->embedding : 0;
            const float *types = m->token_type_embeddings;
            const float *type = types ? types + b->token_type_ids[token] * m->embedding : 0;
            float *row = (m->norm.weight ? b->sums : b->states) + token * row_floats(m->embedding);
            for (long i = 0; i < m->embedding; i++) row[i] = word[i] + (position ? position[i] : 0) + (type ? type[i] : 0);
        }
    barrier(context, items_of(b->tokens));
}

/* Sums of embeddings to states, through a linear and the normalisation behind it. */
static void project_first(const struct model *m, struct batch *b, struct context *context) {
    struct states sums = {.floats = b->sums};
    apply(&m->projection, &sums, b->tokens, NONE, 0, b->states, context);
    norm_and_quantize(m, b, b->states, m->norm, &m->layer->qkv, b->states, context);
}

/* The same with the normalisation before it. */
static void project(const struct model *m, struct batch *b, struct context *context) {
    struct states normalised = {.floats = b->wide};
    long wide = row_floats(m->embedding);
    PARALLEL_FOR(item, items_of(b->tokens), context)
        for (long token = item * TOKENS; token < end_of(item, b->tokens); token++)
            normalize(b->sums + token * wide, m->embedding, m->norm, m->eps, b->wide + token * wide);
    barrier(context, items_of(b->tokens));
    apply(&m->projection, &normalised, b->tokens, NONE, 0, b->states, context);
    quantize_rows(b, b->states, m->hidden, m->layer->qkv.smooth, context);
}

static void pool(const struct model *m, struct batch *b, struct context *context) {
    struct states first = {.floats = b->attended};
    long wide = row_floats(m->hidden);
    PARALLEL_FOR(item, b->sequences, context)
        for (long i = 0; i < m->hidden; i++)
            b->attended[item * wide + i] = b->states[b->offsets[item] * wide + i];
    barrier(context, b->sequences);
    apply(&m->pooler, &first, b->sequences, TANH, 0, b->pooled, context);
}

/* What is nearer to 0 than 2^-126 is 0 from now on: for each of them some CPUs take more than a hundred cycles. What was set before is
 * returned. */
static unsigned flush_denormals(void) {
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | _MM_FLUSH_ZERO_ON | _MM_DENORMALS_ZERO_ON);
    return before;
}

/* Embeddings, all layers and the pooler; results are in `states` and `pooled`. Several threads may call it at once, each
 * with its own number. When one returns, all is done, though another may still be on its way through. */
void encode(const struct model *m, struct batch *b, long thread) {
    struct context context = {thread, b->regions, b->threads, &b->over, 1};
    unsigned before = flush_denormals();
    if (thread) rest(&context);
    embed(m, b, &context);
    if (m->projection.weight) (m->norm_projected ? project_first : project)(m, b, &context);
    else if (m->norm.weight) norm_and_quantize(m, b, b->sums, m->norm, &m->layer->qkv, b->states, &context);
    for (const struct layer *l = m->layer; l < m->layer + m->layers; l++) {
        if (m->norm_first) layer_norm_first(m, b, l, &context);
        else layer_norm_last(m, b, l, &context);
    }
    if (m->final_norm.weight) norm_and_quantize(m, b, b->states, m->final_norm, 0, b->states, &context);
    if (m->pooler.weight) pool(m, b, &context);
    __atomic_store_n(&b->over, 1, __ATOMIC_RELEASE);
    _mm_setcsr(before);
}

/* Values of scratch memory per thread. */
long scratch(const struct model *m, long length) { return head_scratch(m, length); }
