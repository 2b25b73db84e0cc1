// Engines' federation without a server: nodes with an exchange and a peers.db in memory each, over
// net_memory and channel_plain, on one clock that a test moves.
#pragma once

#include "federation/exchange.h"
#include "federation/peers_saved.h"
#include "tests/support/channel_plain.h"
#include "tests/support/net_memory.h"
#include "tests/unit/protocol/fake_env.h"

enum { PARTIES = 4, PARTY_SCOPES = 4, PARTY_GONE_MAX = 8 };

struct web;
struct person { // an identity: its key now, and what it said
    uint8_t secret[64];
    uint8_t rotations[2][STATEMENT_BYTES_MAX];
    size_t rotations_n;
    uint8_t revocations[4][STATEMENT_REVOKE_BYTES];
    size_t revocations_n;
    uint64_t counter;
    int64_t until_ms; // of its next certificates; 0: without end
};
struct party {
    struct web *web;
    uint8_t number;
    struct person *who;
    uint8_t secret[64]; // of the device
    struct buf chain;
    struct db *db; // outlives the process
    struct peersdb *p;
    struct exchange *x;
    struct node *node;
    struct node_service service;
    struct channel_plain_self self;
    struct channel_maker channels;
    struct net *net;
    unsigned allow[PARTIES][PARTY_SCOPES]; // with whom, what
    uint8_t gone[PARTY_GONE_MAX][RECORD_KEY_BYTES];
    unsigned gone_n, rotated, learnt, asked_allow;
};
struct web {
    struct fake_env clock;
    struct env env;
    struct env_ops ops;
    uint64_t seed;
    struct net_memory *m;
    struct person people[PARTIES];
    struct party party[PARTIES];
};

void web_open(struct web *w); // PARTIES parties, each a person of its own, none paired, none up
void web_close(struct web *w);
// Gives a party another person (before it is started the first time).
void party_is(struct party *a, struct person *who);
void party_certify(struct party *a); // its chain, by what its person has said so far
void person_revoke(struct person *who, const struct party *device);
void person_rotate(struct person *who, uint8_t seed);
void party_pair(struct party *a, const struct party *b); // one side of it
void party_start(struct party *a);
void party_stop(struct party *a); // peers.db and what was committed stay
const uint8_t *party_device(const struct party *a);
const uint8_t *person_key(const struct person *who);
void scope_of(int scope, uint8_t ret[RECORD_SCOPE_BYTES]);
void party_put(struct party *a, int scope, const char *text, uint8_t ret_id[RECORD_ID_BYTES]);
// `n` records at once, without sending each by itself.
void party_fill(struct party *a, int scope, uint64_t n, size_t body_bytes);
uint64_t party_count(struct party *a, int scope);
bool party_has(struct party *a, const uint8_t id[RECORD_ID_BYTES]);
struct exchange_info party_info(struct party *a, const struct party *b); // zeros: no session

// Runs for so long at most, in small steps, until `fn` is true; whether it became so.
bool web_until(struct web *w, uint64_t ms, bool (*fn)(void *ctx), void *ctx);
void web_run(struct web *w, uint64_t ms);
