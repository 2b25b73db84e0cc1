// Nodes (federation/node) in a world: who is whose friend, starting and killing them, and what must
// hold whatever happens. Shared by the scenarios.
#pragma once

#include "federation/node.h"
#include "tests/sim/world.h"
#include "tests/support/channel_plain.h"

enum {
    FLEET_NODES_MAX = 2048,
    FLEET_FRIENDS_MAX = 16,
    FLEET_RECORD_BYTES = 72,
    FLEET_FALSE_MAX = 8
};

struct fleet;
struct fleet_bond { // of two friends, a < b
    uint32_t a, b;
    bool revoked;
    bool here[2];          // a has a session with b, b with a
    uint64_t since;        // of the last change
    uint64_t both, linked; // ns that both were up, and both had the session
};
struct fleet_node {
    struct fleet *fleet;
    uint32_t host;
    uint8_t key[CHANNEL_KEY_BYTES];
    struct channel_plain_self self;
    struct channel_maker channels;
    struct node_service services[2]; // ours, and one of the scenario
    size_t services_n;
    struct node *node; // NULL: not running
    uint32_t bonds[FLEET_FRIENDS_MAX];
    uint32_t bonds_n;
    uint64_t ups, downs, answers, refusals, starts;
    uint32_t asked; // calls of ours under way
    bool byzantine;
};
struct fleet {
    struct world *world;
    struct fleet_node *nodes;
    uint32_t nodes_n;
    struct fleet_bond *bonds;
    uint32_t bonds_n;
    // Keys of friends of everybody who are not nodes of the fleet and do what they like.
    uint8_t false_keys[FLEET_FALSE_MAX][CHANNEL_KEY_BYTES];
    uint32_t false_n;
    uint64_t events, check_every; // node_check after each nth event
    uint64_t talk_ms;             // how often each asks its friends something; 0: never
    uint64_t beacon_ms;           // how often each shouts where it is; 0: never
    bool door;                    // open on every node
    bool any_keys;                // a scenario has given the nodes other keys
    // Of a scenario: before a node starts, after it has stopped; may be NULL.
    void (*starting)(void *ctx, uint32_t i);
    void (*stopped)(void *ctx, uint32_t i);
    void *hook_ctx;
    bool told; // whoever is up again knows all addresses, as a beacon would tell it
};

// Nodes 0 … n-1 on hosts of their own in one neighbourhood; each has about `friends` friends, and
// knows their addresses if `told`.
struct fleet *fleet_new(uint64_t seed, uint32_t n, uint32_t friends);
void fleet_free(struct fleet *f);
void fleet_befriend(struct fleet *f, uint32_t a, uint32_t b);
void fleet_start(struct fleet *f, uint32_t i, bool told);
enum fleet_end { FLEET_STOP, FLEET_KILL, FLEET_POWER };
void fleet_stop(struct fleet *f, uint32_t i, enum fleet_end how);
void fleet_revoke(struct fleet *f, uint32_t bond);
// A restart of the process: stop as told, and up again after the time.
void fleet_restart(struct fleet *f, uint32_t i, enum fleet_end how, uint64_t after_ns);

// Friends that are up and reach each other but have no common session (the same on both sides).
uint32_t fleet_apart(const struct fleet *f);
bool fleet_linked(const struct fleet *f, uint32_t bond); // the same session on both sides
void fleet_account(struct fleet *f);                     // brings the times of all bonds up to now
int fleet_find(const struct fleet *f, const uint8_t *key); // -1: nobody's
