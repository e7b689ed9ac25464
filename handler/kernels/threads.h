/* Work that several threads share. A pass is a row of stages, a stage a number of pieces; whoever is free takes the
 * next piece, so that a thread without a core holds up no more than the piece in its hands. */
#pragma once

#include "vectors.h"

struct stage {
    long taken, done;
    long apart[14]; /* two cache lines each: threads at different stages do not disturb each other */
};

/* A thread, and the stage it is at. */
struct share {
    long thread;
    struct stage *stage;
};

extern int sched_yield(void);

enum { PATIENCE = 2000 };

INLINE long take(struct share *share) { return __atomic_fetch_add(&share->stage->taken, 1, __ATOMIC_RELAXED); }

INLINE void done(struct share *share) { __atomic_add_fetch(&share->stage->done, 1, __ATOMIC_RELEASE); }

#define EACH(piece, pieces, share) for (long piece; (piece = take(share)) < (pieces); done(share))

/* Wait until all pieces of a stage are done, and go on to the next. One that waits long gives its core away. */
static void meet(struct share *share, long pieces) {
    for (long spins = 0; __atomic_load_n(&share->stage->done, __ATOMIC_ACQUIRE) < pieces; spins++) {
        if (spins < PATIENCE) __builtin_ia32_pause();
        else sched_yield();
    }
    share->stage++;
}
