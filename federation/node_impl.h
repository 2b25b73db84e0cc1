// Shared by node*.c; not for others.
#pragma once

#include "federation/due.h"
#include "federation/node.h"

enum { DUE_PEER, DUE_SESSION };
enum { DIAL_ADDRS_MAX = NODE_HINTS_MAX };

enum session_state {
    SESSION_DIALLING,
    SESSION_ACCEPTED, // the handshake is under way
    SESSION_OPEN,     // a friend's; it waits for the other side's word, or for its turn
    SESSION_OFFERED,  // we asked the side that decides to take it
    SESSION_PROPOSED, // we decide; our hello is under way
    SESSION_IN_USE,
    SESSION_STRANGER,
    SESSION_ENDED
};

struct tokens { // thousandths
    int64_t level;
    uint64_t at_ms;
};

struct node_session {
    struct due due; // first: its deadline
    struct node *node;
    struct node_session *next, *prev, **list;
    struct peer *peer; // NULL: nobody's yet, or a stranger's
    struct link *link;
    enum session_state state;
    bool outgoing, offered, told; // told: services have seen `up`
    bool dropped;                 // its queue is not to leave
    uint64_t number;              // of ours as dialler; when offered: the other's
    uint64_t boot;                // the other's, once it is known
    struct net_addr addr;
    enum node_source source;
    uint64_t started_ms, expires_ms;
    struct tokens requests;
    node_visit_fn *visit;
    void *visit_ctx;
    size_t ups;    // services that have been told
    unsigned busy; // held on the stack: freed when it is let go
    void *data[NODE_SERVICES_MAX];
};

struct hint {
    struct net_addr addr;
    enum node_source source;
    uint64_t told_ms, worked_ms;
    uint32_t fails;
};

struct peer {
    struct due due; // first: the next dial
    struct peer *chain;
    uint32_t index; // in the node's list
    uint8_t key[CHANNEL_KEY_BYTES];
    bool we_decide, refused;
    struct node_session *sessions; // of every state, this peer's
    struct node_session *current;  // PROPOSED or IN_USE
    struct hint hints[NODE_HINTS_MAX];
    uint32_t hints_n;
    // A round of dials: the addresses that it tries, in order.
    struct net_addr round[DIAL_ADDRS_MAX];
    enum node_source round_source[DIAL_ADDRS_MAX];
    uint32_t round_n, round_next, dials;
    bool in_round;
    uint64_t round_ms, last_up_ms, down_since_ms; // 0: never
    uint64_t away_ms;                             // how long it had been away at the start
    uint32_t failures;                            // rounds since it was reached
    uint64_t dial_number;                         // dials of ours
    uint64_t hello_number;                        // hellos of ours
    uint64_t boot, hello;                         // of the newest hello from it that we follow
    uint64_t seen_number; // as the decider: its dial number when it confirmed the current session
    int64_t since_wall_ms;
    uint64_t in_s, out_s;
    struct tokens requests, settles;
    struct node_attempt attempts[NODE_ATTEMPTS_MAX];
    uint32_t attempts_n, attempts_at;
};

struct address {
    struct net_addr addr;
    struct tokens conns, bytes;
    uint32_t strangers;
    uint64_t used_ms;
};

enum { NODE_BUCKETS = 4096, METHODS_OWN = 2 };

struct node {
    struct node_config config;
    struct node_service services[NODE_SERVICES_MAX];
    struct rpc_method methods[NODE_METHODS_MAX + METHODS_OWN + 1];
    const struct node_method *method_of[NODE_METHODS_MAX + METHODS_OWN];
    const struct node_service *service_of[NODE_METHODS_MAX + METHODS_OWN];
    struct link_config links;
    uint16_t port;
    uint64_t boot, salt;
    uint64_t numbers; // where a peer's begin: above those of any that was removed, which may return
    bool door, stopping;
    struct due_heap due;
    struct env_timer *timer;
    uint64_t timer_at;
    struct peer *buckets[NODE_BUCKETS];
    struct peer **peers;
    uint32_t peers_n, peers_capacity;
    struct node_session *loose; // accepted ones of nobody, strangers, visits
    uint32_t sessions_n, in_use, dials, strangers, handshakes;
    struct address addresses[NODE_ADDRESSES_MAX];
    uint32_t addresses_n;
    uint64_t refused;
};

// node.c
uint64_t node_ms(const struct node *n); // monotonic
uint64_t node_draw(struct node *n, uint64_t below);
void node_wake(struct node *n); // sets the timer by what is due first
// One of `per_s` with at most `burst` saved up; 0 < cost.
bool tokens_take(struct tokens *t, uint64_t now_ms, uint32_t per_s, uint32_t burst, int64_t cost);

// node_peer.c: the table, hints, dialling
struct peer *peer_find(const struct node *n, const uint8_t *key);
void peer_seek(struct node *n, struct peer *p, uint64_t within_ms); // dials again, soon
void peer_due(struct node *n, struct peer *p);
void peer_dial_ended(struct node *n, struct peer *p, const struct node_session *s,
                     const struct err *why);    // NULL: it stands
void peer_idle(struct node *n, struct peer *p); // no session, no dial, no offer of ours
void peer_connected(struct node *n, struct peer *p, const struct node_session *s);
void peer_learn(struct node *n, struct peer *p, const struct net_addr *a, enum node_source source,
                bool worked);
void peers_free(struct node *n);
int peer_load_all(struct node *n, struct err *err);
void peers_seek_all(struct node *n);

// node_session.c: links, and which of them is the session
extern const struct link_events session_events;
struct node_session *session_new(struct node *n, struct peer *p, enum session_state state);
void session_end(struct node_session *s, const struct err *why, const char *goodbye);
void session_due(struct node_session *s);
void session_adopt(struct node_session *s, struct peer *p); // a stranger's becomes a friend's
// A link of a friend that has said nothing yet, and comes for pairing: a stranger's from now on.
// False: there are too many strangers, and it has ended; hold it.
bool session_estrange(struct node_session *s);
void node_session_hello(void *ctx, struct rpc_request *req, json_t *params);
void session_offer(void *ctx, struct rpc_request *req, json_t *params);
int session_dial(struct node *n, struct peer *p, const struct net_addr *a, enum node_source source,
                 struct err *err);
void session_hold(struct node_session *s); // its memory stays, also when it ends
void session_release(struct node_session *s);

// node_serve.c: requests and blobs to services; strangers
int serve_init(struct node *n, struct err *err);
void serve_up(struct node_session *s);
void serve_down(struct node_session *s, const struct err *why);
void serve_gone(struct node_session *s, const struct err *why);
int serve_blob(void *ctx, struct link *l, uint32_t stream, const uint8_t *bytes, size_t bytes_n);
void serve_drained(void *ctx, struct link *l);
bool stranger_begin(struct node_session *s); // false: there are too many, and it has ended
void stranger_end(struct node_session *s);
void stranger_accept(void *ctx, struct net_conn *c, const struct net_addr *from);
