// Between the files of exchange.
#pragma once

#include "federation/exchange.h"

struct talk;
struct ask { // a call that is under way; outlives its session until it is answered
    struct talk *talk;
    uint8_t author[RECORD_KEY_BYTES], device[RECORD_KEY_BYTES];
};
struct unknown {
    uint8_t author[RECORD_KEY_BYTES], device[RECORD_KEY_BYTES];
    uint64_t until_ms; // mono; 0: none
};
struct opened {
    uint8_t scope[RECORD_SCOPE_BYTES];
    unsigned allow; // when it was asked for last
};
struct talk { // with a peer, from `up` to `down`
    struct exchange *x;
    struct talk *next, **at;
    unsigned refs;                // calls under way, and the session
    struct node_session *session; // NULL: down
    struct sync_session *sync;
    struct exchange_peer peer;
    bool proved, refused;
    char why[EXCHANGE_WHY_BYTES_MAX];
    struct opened *opened;
    uint32_t opened_n, opened_cap, left_out;
    struct ask *asks[EXCHANGE_ASKED_MAX];
    uint32_t asks_n;
    struct unknown unknown[EXCHANGE_UNKNOWN_MAX];
    uint32_t unknown_at;
};
struct exchange {
    struct exchange_config config;
    const struct node_service *service;
    struct sync *sync;
    struct talk *talks;
    uint8_t identity[RECORD_KEY_BYTES], device[RECORD_KEY_BYTES];
    struct env_timer *work, *sweep;
    bool announce, receipts, recheck;  // due; recheck: whether the peers are still believed
    uint8_t (*gone)[RECORD_KEY_BYTES]; // revoked devices the owner has to be told of
    uint32_t gone_n, gone_cap;
};

extern const struct node_method exchange_methods[];

void exchange_wake(struct exchange *x); // does soon what is due
struct talk *talk_of(struct exchange *x, const struct node_session *s);
unsigned talk_allow(struct talk *t, const uint8_t *scope);
void talk_hold(struct talk *t);
void talk_release(struct talk *t);
void talk_open_scopes(struct talk *t); // may end the session
// Ends its session; `improper` counts against it. The talk may be gone afterwards.
void talk_end(struct talk *t, const char *what, const struct err *why, bool improper);

// --- exchange_cert.c
int cert_own(struct exchange *x, struct err *err); // reads our chain, and certifies us
void cert_show(struct talk *t);                    // our chain, and revocations that concern it
int cert_ask(struct talk *t, const uint8_t *author, const uint8_t *device); // 1: wait
// What the other side says, judged and kept: params of cert.show, the answer to cert.get.
int cert_take_shown(struct talk *t, const json_t *params, struct err *err);
int cert_take_answer(struct exchange *x, const struct ask *a, const json_t *result,
                     struct err *err);
