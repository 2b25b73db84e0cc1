#include "core/base/crew.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

struct crew {
    crew_fn *fn;
    void *ctx;
    uint32_t count;
    atomic_uint next; // at most CREW_MAX beyond count
    pthread_mutex_t lock;
    uint32_t failed; // the lowest item that did; UINT32_MAX: none
    int result;
};

struct hand {
    struct crew *crew;
    unsigned worker;
    pthread_t id;
};

unsigned crew_workers(void) {
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > CREW_MAX ? CREW_MAX : (unsigned)n;
}

static void note_failure(struct crew *c, uint32_t item, int result) {
    (void)pthread_mutex_lock(&c->lock);
    if (item < c->failed) {
        c->failed = item;
        c->result = result;
    }
    (void)pthread_mutex_unlock(&c->lock);
    atomic_store(&c->next, c->count);
}

static void *work(void *arg) {
    const struct hand *h = arg;
    struct crew *c = h->crew;
    for (;;) {
        uint32_t item = atomic_fetch_add(&c->next, 1);
        if (item >= c->count)
            return NULL;
        int r = c->fn(c->ctx, h->worker, item);
        if (r < 0)
            note_failure(c, item, r);
    }
}

int crew_run(uint32_t count, crew_fn *fn, void *ctx) {
    struct crew c = {.fn = fn, .ctx = ctx, .count = count, .failed = UINT32_MAX};
    struct hand hands[CREW_MAX];
    unsigned want = crew_workers(), started = 1;
    (void)pthread_mutex_init(&c.lock, NULL);
    while (want > 1 && count < want * CREW_WORTH_PER_HAND)
        want--;
    for (; started < want; started++) {
        hands[started] = (struct hand){.crew = &c, .worker = started};
        if (pthread_create(&hands[started].id, NULL, work, &hands[started]) != 0)
            break;
    }
    hands[0] = (struct hand){.crew = &c};
    (void)work(&hands[0]);
    for (unsigned i = 1; i < started; i++)
        (void)pthread_join(hands[i].id, NULL);
    (void)pthread_mutex_destroy(&c.lock);
    return c.result;
}
