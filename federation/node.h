// The sessions of one engine with its peers: accepts and dials, decides which link with a peer is
// the session, keeps it alive, and serves methods on it to friends (all of them) and to strangers
// (the pairing door). Which records or tasks travel is not its business: services register their
// methods by name. One owner thread; everything it needs of the world is in node_config.
//
// One session a pair of devices: the side with the smaller key decides. It answers for which link
// is the session with `hello` {boot, seq, port}; the other side follows the newest hello, and asks
// for one by `offer` {boot, dial, port} on a link that it dialled while it had no session. What
// gets no hello is closed as "duplicate" before any service has used it. docs/FEDERATION.md, Node.
#pragma once

#include "federation/link.h"
#include "federation/peers.h"

enum {
    NODE_HINTS_MAX = 8,    // addresses of a peer
    NODE_ATTEMPTS_MAX = 4, // of a peer, kept for doctor
    NODE_SERVICES_MAX = 8,
    NODE_METHODS_MAX = 64,
    NODE_SESSIONS_MAX = 20000, // friends', strangers' and dials together
    NODE_DIALS_MAX = 64,       // under way
    NODE_DIALS_PER_PEER = 3,   // and at a peer
    NODE_LINKS_PER_PEER = 8,   // of any state
    NODE_STAGGER_MS = 250,     // until the next address is tried beside the first
    NODE_SETTLE_MS = 10 * 1000,
    NODE_BACK_OFF_MS = 500, // doubled up to
    NODE_BACK_OFF_MAX_MS = 60 * 1000,
    NODE_BACK_OFF_SHARE = 16, // or to this part of the time that it has been away, up to
    NODE_BACK_OFF_STALE_MS = 3600 * 1000,
    NODE_STALE_MS = 24 * 3600 * 1000, // away for so long: others are dialled first
    NODE_LASTED_MS = 30 * 1000,       // a session that stood so long is sought again at once
    NODE_SEEK_MS = 200,               // at most; by chance, so that the two sides rarely meet
    NODE_HINT_GAP_MS = 1000,          // between two rounds that hints have asked for
    NODE_HANDSHAKES_MAX = 64,         // accepted, and nobody knows yet who it is
    NODE_STRANGERS_MAX = 16,
    NODE_STRANGERS_PER_ADDRESS = 4,
    NODE_STRANGER_MS = 30 * 1000, // unless node_session_keep says more
    NODE_STRANGER_MAX_MS = 10 * 60 * 1000,
    NODE_STRANGER_SHUT_MS = 2 * 1000, // when the door is shut: only to be told so
    NODE_STRANGER_BYTES_PER_S = 16 * 1024,
    NODE_STRANGER_REQUESTS_PER_S = 4,
    NODE_STRANGER_REQUESTS_BURST = 20,
    NODE_REQUESTS_PER_S = 200, // of a friend
    NODE_REQUESTS_BURST = 1000,
    NODE_ADDRESSES_MAX = 256,
    NODE_ADDRESS_CONNS_PER_S = 4,
    NODE_ADDRESS_CONNS_BURST = 64,
    NODE_ADDRESS_BYTES_BURST = 1024 * 1024 // strangers', NODE_STRANGER_BYTES_PER_S afterwards
};
enum node_error { // of JSON-RPC answers
    NODE_ERROR_BUSY = -32010,
    NODE_ERROR_NOT_PAIRED = -32011,
    NODE_ERROR_DUPLICATE = -32012
};
enum node_source { // of a hint, by what it is worth
    NODE_BEACON,
    NODE_MDNS,
    NODE_SEEN,  // it came from there
    NODE_SAVED, // from the peers' table
    NODE_TYPED  // the user said so; never pushed out by others
};

struct node;
struct node_session; // from a service's `up` to its `down`; a stranger's, until its `gone`

typedef void node_request_fn(void *ctx, struct node_session *s, struct rpc_request *req,
                             json_t *params); // as rpc_request_fn
struct node_method {
    const char *name; // "sync.head"; there are no notifications: each message has its answer
    node_request_fn *fn;
    bool strangers; // may call it, while node_open_door is on
};
// Any of the functions may be NULL. up and down: friends' sessions only.
struct node_service {
    const struct node_method *methods; // ends with {0}
    void (*up)(void *ctx, struct node_session *s);
    void (*down)(void *ctx, struct node_session *s, const struct err *why);
    uint8_t blobs; // its streams are (blobs << 24) + 24 bits of its own; 0: none
    int (*blob)(void *ctx, struct node_session *s, uint32_t stream, const uint8_t *bytes, size_t n);
    void (*drained)(void *ctx, struct node_session *s);
    void *ctx;
    // A session ended that `up` has not told of: a stranger's, above all.
    void (*gone)(void *ctx, struct node_session *s, const struct err *why);
};
struct node_config {
    struct env *env;
    struct net *net;
    const struct channel_maker *channels;
    struct peers peers;
    uint8_t key[CHANNEL_KEY_BYTES]; // our device's
    uint16_t port;                  // 0: any
    const struct node_service *services;
    size_t services_n;
};

// Copies the configuration; what it points to is borrowed until node_stop. ERR_EXISTS and others of
// net's listen; ERR_NOMEM.
int node_start(const struct node_config *config, struct node **ret, struct err *err);
// Every session ends (`down` runs, with ERR_CANCELLED), nothing is left. Not from its callbacks.
// Accepts NULL.
void node_stop(struct node *n);
uint16_t node_port(const struct node *n);

// A peer was paired (or its caps changed); a stranger's session with it becomes a friend's.
// ERR_LIMIT, ERR_NOMEM.
int node_peer_add(struct node *n, const struct peers_entry *e, struct err *err);
// Revoked or forgotten: its sessions end at once.
void node_peer_remove(struct node *n, const uint8_t *key);
// A place to try. Unknown keys are ignored.
void node_hint(struct node *n, const uint8_t *key, const struct net_addr *a,
               enum node_source source);
void node_network_changed(struct node *n); // asks every session for a sign of life, dials the rest
void node_open_door(struct node *n, bool open); // strangers may pair; off at first
// Pairing: a stranger's session with whoever is there, also with a device that is paired already;
// that one takes it for a stranger's, too, with the first request that strangers may make (while
// its door is open). fn runs once: with the session when it stands, or NULL and why it does not.
typedef void node_visit_fn(void *ctx, struct node_session *s, const struct err *why);
int node_visit(struct node *n, const struct net_addr *a, node_visit_fn *fn, void *ctx,
               struct err *err);

struct node_session *node_session_find(struct node *n, const uint8_t *key); // in use, or NULL
struct node *node_session_node(const struct node_session *s);
const uint8_t *node_session_key(const struct node_session *s);
struct link *node_session_link(const struct node_session *s); // link_call, link_blob, link_binding
bool node_session_friend(const struct node_session *s);
// Where it was dialled, or came from: then port is 0 until it has said where it listens.
void node_session_addr(const struct node_session *s, struct net_addr *ret);
void node_session_keep(struct node_session *s, uint64_t ms); // a stranger's, that much longer
void node_session_close(struct node_session *s, const char *why);
void node_session_drop(struct node_session *s, const char *why); // what is queued never leaves
void node_session_set_data(struct node_session *s, const struct node_service *of, void *data);
void *node_session_data(const struct node_session *s, const struct node_service *of);

// --- for doctor
enum node_peer_state { NODE_NO_ADDRESS, NODE_WAITING, NODE_DIALLING, NODE_CONNECTED };
struct node_attempt {
    struct net_addr addr;
    enum node_source source;
    int64_t wall_ms;
    uint32_t took_ms;
    int code; // 0 or ERR_*
    char text[64];
};
struct node_diagnosis {
    enum node_peer_state state;
    bool refused;     // it says that it is not paired with us
    int64_t since_ms; // wall: of the state's beginning, 0 if never
    uint64_t next_ms; // until the next try; UINT64_MAX: none planned
    uint32_t hints, failures;
    struct node_attempt attempts[NODE_ATTEMPTS_MAX]; // the latest first
    uint32_t attempts_n;
    const char *next_step; // what the user can do; static
};
int node_diagnose(struct node *n, const uint8_t *key, struct node_diagnosis *ret); // ERR_NOT_FOUND
struct node_stats {
    uint32_t peers, in_use, sessions, strangers, handshakes, dials, addresses;
    uint64_t refused; // connections, by a limit
};
void node_stats(const struct node *n, struct node_stats *ret);
// Asserts what must hold between any two events. For tests.
void node_check(const struct node *n);
