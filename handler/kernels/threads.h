/* Work that several threads share. A pass is a row of parallel regions, a region a number of items; whoever is free claims
 * the next item, so that a thread without a core holds up no more than the item in its hands. */
#pragma once

#include "vectors.h"

struct region {
    long claimed, finished;
    long padding[14]; /* two cache lines each: threads in different regions do not disturb each other */
};

/* A thread, and the region it is in. */
struct context {
    long thread;
    struct region *region;
    const int32_t *threads; /* how many may take part, which others change meanwhile; null for all */
    const long *over;       /* whether the pass is */
    long apart;             /* how many items lie between the last two it claimed: its next is as far on */
};

extern int sched_yield(void);
extern int usleep(unsigned microseconds);

enum { SPINS = 2000, SHORTEST_REST = 200, LONGEST_REST = 1000 }; /* rests in microseconds */

INLINE long claim(struct context *context) { return __atomic_fetch_add(&context->region->claimed, 1, __ATOMIC_RELAXED); }

INLINE void finish(struct context *context) { __atomic_add_fetch(&context->region->finished, 1, __ATOMIC_RELEASE); }

#define PARALLEL_FOR(item, items, context) for (long item; (item = claim(context)) < (items); finish(context))

/* A thread that is one too many sleeps, longer and longer, since each look takes a core from whoever needs it. Then it
 * goes through what others have finished meanwhile to where they are. */
static void rest(const struct context *context) {
    for (unsigned sleep = SHORTEST_REST; context->threads
         && context->thread >= __atomic_load_n(context->threads, __ATOMIC_RELAXED)
         && !__atomic_load_n(context->over, __ATOMIC_ACQUIRE); sleep = 2 * sleep < LONGEST_REST ? 2 * sleep : LONGEST_REST)
        usleep(sleep);
}

/* Wait until all items of a region are finished, and go on to the next. One that waits long gives its core away. */
static void barrier(struct context *context, long items) {
    for (long spins = 0; __atomic_load_n(&context->region->finished, __ATOMIC_ACQUIRE) < items; spins++) {
        if (spins < SPINS) __builtin_ia32_pause();
        else sched_yield();
    }
    context->region++;
    if (context->thread) rest(context);
}
