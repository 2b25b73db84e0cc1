// Two engines that pair over a wire in memory, with a clock that the test moves. For
// test_pairing*.c.
#pragma once

#include "core/base/mem.h"
#include "core/crypto/statement.h"
#include "federation/pairing.h"

enum { PAIR_TIMERS = 32, PAIR_QUEUE = 32 };

struct pair_timer {
    bool used;
    uint64_t at_ms;
    env_timer_fn *fn;
    void *ctx;
};
struct pair_env {
    struct env env;
    uint64_t mono_ms;
    int64_t wall_ms;
    uint64_t drawn;
    struct pair_timer timers[PAIR_TIMERS];
    bool no_timers;
};
void pair_env_init(struct pair_env *e);
void pair_env_pass(struct pair_env *e, uint64_t ms); // both clocks; timers fire
size_t pair_env_timers(const struct pair_env *e);

struct end { // of a link: what a session sends is put into its queue
    struct engine *engine;
    struct pairing_session *session;
    struct pairing_link link;
    uint8_t *queue[PAIR_QUEUE];
    size_t queue_n[PAIR_QUEUE], queued, sent;
    bool asked, answer_at_once, over, ok;
    struct pairing_peer peer;
    struct pairing_result result;
    int why;
    char message[512];
};
struct engine {
    struct pairing *p;
    struct pairing_terms terms;
    struct buf chain;
    uint8_t device[32], identity[32];
    int alarms, offers_ended;
    enum pairing_alarm alarm;
    enum pairing_end ended;
    char code[PAIR_CODE_BYTES_MAX];
};
struct pair_world {
    struct pair_env env;
    struct engine host, guest;
    struct end h, g; // the first link
};
void pair_world_init(struct pair_world *w);
void pair_world_done(struct pair_world *w); // asserts that nothing is left over
// A link between the two; `binding` on each side.
void pair_link(struct pair_world *w, struct end *h, struct end *g, uint8_t at_host,
               uint8_t at_guest);
void pair_offer(struct pair_world *w);
int pair_guess(struct end *g, const char *code);
int pair_accept(struct end *h);
// Delivers the oldest message that `from` sent; its result.
int pair_deliver(struct end *from, struct end *to);
void pair_run(struct end *a, struct end *b); // until nothing is queued
void pair_drop(struct end *e);               // forgets what is queued
void pair_close(struct end *e);
// Another three words, or another number.
void pair_wrong_code(const char *code, char ret[PAIR_CODE_BYTES_MAX]);
