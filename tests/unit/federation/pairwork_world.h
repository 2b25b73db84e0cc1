// Engines that pair: a node each, over a network in memory or over sockets and TLS. For
// test_pairwork*.c.
#pragma once

#include "federation/pairwork.h"
#include "federation/tls.h"
#include "tests/support/channel_plain.h"
#include "tests/support/net_memory.h"
#include "tests/unit/protocol/fake_env.h"

enum { ENGINES = 4, STORED_MAX = 4 };

struct stored { // what `paired` was told, as an engine would keep it
    uint8_t device[32], identity[32], secret[PAIRING_SECRET_BYTES];
    char name[PAIR_NAME_BYTES_MAX + 1];
    size_t chain_n;
    struct pair_scopes granted, received;
    struct net_addr address;
    bool own;
    unsigned times;
};
struct engine_world;
struct paired_engine {
    struct engine_world *w;
    struct net *net;
    struct env *env;
    struct channel_plain_self plain;
    struct channel_maker channels;
    struct peers_memory *peers;
    struct node_service service;
    struct node *node;
    struct pairwork *work;
    struct pairing_terms terms;
    struct buf chain;
    uint8_t device[32], identity[32], seed[32];
    uint8_t last; // of its address in memory
    struct stored stored[STORED_MAX];
    size_t stored_n;
    unsigned unpaired, confirmed, alarms;
    enum pairing_alarm alarm;
    int fail;                                   // what `paired` returns
    void (*at_paired)(struct paired_engine *e); // runs in `paired`, once
    char code[PAIR_CODE_BYTES_MAX];
    uint64_t act;
};
struct engine_world {
    struct fake_env clock;
    struct env_ops ops;
    struct env env;
    uint64_t drawn;
    struct net_memory *m;
    struct paired_engine e[ENGINES];
    size_t n;
};

// `people`: identities; engine i has the device seed i and belongs to person people[i].
void engine_world_init(struct engine_world *w, size_t n, const uint8_t *people);
void engine_world_done(struct engine_world *w);             // asserts that nothing is left over
void engine_world_run(struct engine_world *w, uint64_t ms); // this long, in steps of 50 ms
// Device, identity, chain, terms of an engine; without its node.
void engine_make(struct paired_engine *e, uint8_t device, uint8_t person, const char *name);
void engine_start(struct paired_engine *e); // its node, with what is in `peers`
void engine_stop(struct paired_engine *e);  // as killed, for the others: only links end
const struct stored *engine_stored(const struct paired_engine *e, const struct paired_engine *of);
struct net_addr engine_addr(const struct paired_engine *e);

void engine_open(struct paired_engine *host);
int engine_guess(struct paired_engine *guest, const char *code, const struct paired_engine *at);
void engine_yes(struct paired_engine *e, const char *granted); // a scope, or NULL
struct pairwork_state engine_state(struct paired_engine *e);
// Opens at one, guesses at the other; both are asked when it returns.
void engines_meet(struct paired_engine *host, struct paired_engine *guest);
void engines_pair(struct paired_engine *host, struct paired_engine *guest);
bool engines_connected(struct paired_engine *a, struct paired_engine *b);
extern const struct pairwork_owner engine_owner;
