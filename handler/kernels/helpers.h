/* Threads that wait for passes and take part in them, without the interpreter: for its lock a helper would wait to begin, and
 * whoever has computed would wait behind the helpers. */
#pragma once

#include "model.h"

struct helpers {
    int32_t calls;  /* how often they were called: who sleeps waits for another number */
    int32_t inside; /* how many may be looking at a batch */
    int32_t ended;  /* whether they are to return */
    const struct model *model;
    struct batch *batch; /* of the pass; null between passes */
};

void encode(const struct model *m, struct batch *b, long thread);

extern long syscall(long number, ...);
enum { FUTEX = 202, WAIT = 128, WAKE = 129 }; /* futex(2) on x86-64, within a process */

/* Wake so many of them. */
static void call(struct helpers *h, long count) {
    __atomic_add_fetch(&h->calls, 1, __ATOMIC_SEQ_CST);
    syscall(FUTEX, &h->calls, WAKE, count);
}

/* What each of them does until they are to end. They are numbered as they come. */
void help(struct helpers *h) {
    int32_t seen = 0;
    while (!__atomic_load_n(&h->ended, __ATOMIC_SEQ_CST)) {
        int32_t calls = __atomic_load_n(&h->calls, __ATOMIC_SEQ_CST);
        if (calls == seen) {
            syscall(FUTEX, &h->calls, WAIT, seen, 0);
            continue;
        }
        seen = calls;
        __atomic_add_fetch(&h->inside, 1, __ATOMIC_SEQ_CST);
        struct batch *b = __atomic_load_n(&h->batch, __ATOMIC_SEQ_CST);
        if (b) {
            long thread = 1 + __atomic_fetch_add(&b->joined, 1, __ATOMIC_RELAXED);
            if (thread <= b->helpers) encode(h->model, b, thread);
        }
        __atomic_sub_fetch(&h->inside, 1, __ATOMIC_SEQ_CST);
    }
}

/* A pass with as many helpers as the batch wants, of which some may come late or not at all. Gives whether one may still be
 * looking at this batch or an earlier one, which have to stay until none does; nothing is written any more. */
long run(struct helpers *h, struct batch *b) {
    __atomic_store_n(&h->batch, b, __ATOMIC_SEQ_CST);
    call(h, b->helpers);
    encode(h->model, b, 0);
    __atomic_store_n(&h->batch, 0, __ATOMIC_SEQ_CST);
    return __atomic_load_n(&h->inside, __ATOMIC_SEQ_CST);
}

/* Let all of them return. When it does, none is looking at a batch any more. */
void end(struct helpers *h, long count) {
    __atomic_store_n(&h->ended, 1, __ATOMIC_SEQ_CST);
    call(h, count);
    while (__atomic_load_n(&h->inside, __ATOMIC_SEQ_CST)) usleep(SHORTEST_REST);
}
