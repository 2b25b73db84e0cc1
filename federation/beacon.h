// The beacon: one datagram to the neighbourhood says "here, at this port" to friends and nothing to
// strangers. Sent at start and when the network has changed; friends that hear a newcomer give a
// hint at once and answer it alone, after a short random while; repeated ever more slowly. Each
// datagram has the same size, whatever is in it.
//
// Owned by the thread of its `net`; engine code (struct env, struct net), no I/O of its own.
// Format: docs/FEDERATION.md, Discovery.
#pragma once

#include "core/base/env.h"
#include "federation/tag.h"

enum {
    BEACON_BYTES = 512,
    BEACON_NONCE_BYTES = 24,
    BEACON_REPEAT_FIRST_MS = 1000, // doubles, up to …
    BEACON_REPEAT_MAX_MS = 5 * 60 * 1000,
    BEACON_REPEAT_PAIRING_MS = 2000, // while a code is shown or sought, at most this
    BEACON_PACE_MS = 5,              // between the datagrams of more than 38 friends
    BEACON_ANSWER_JITTER_MS = 15,
    BEACON_ANSWERS_MAX = 64,       // waiting at a time
    BEACON_ANSWER_AGAIN_MS = 1000, // to the same friend
    BEACON_HINTS_PER_WINDOW = 8,   // of one friend
    BEACON_WINDOW_MS = 10 * 1000,
    BEACON_SAME_HINT_MS = 250, // the same address again within this is no news
    BEACON_SOURCE_PER_S = 50,  // datagrams of one address that are looked at,
    BEACON_SOURCE_BURST = 500, // … enough for 10,000 friends' at once
    BEACON_ALL_PER_S = 5000,   // and of all (about 1 us each)
    BEACON_ALL_BURST = 5000
};

struct beacon_config {
    struct env *env;
    struct net *net;
    struct tag_table *tags; // borrowed; the beacon turns it
    uint16_t port;          // where sessions are accepted; 0: nowhere (friends still answer)
    net_hint_fn *hint;      // never within a call of this header; may call any but beacon_stop
    void *ctx;
};
struct beacon;
// Announces at once when there is somebody to announce to. A neighbourhood that cannot be joined
// (no network yet, no multicast) is no failure: it is tried again with each announcement and told
// by beacon_info. ERR_NOMEM.
int beacon_start(const struct beacon_config *config, struct beacon **ret, struct err *err);
void beacon_stop(struct beacon *b); // accepts NULL
// The network, the friends or the codes have changed: joins again, announces, starts to repeat
// quickly. Calls within 100 ms make one announcement.
void beacon_announce(struct beacon *b);
void beacon_set_port(struct beacon *b, uint16_t port); // announces when it is another one

struct beacon_info {
    bool joined;
    char trouble[ERR_MESSAGE_BYTES_MAX]; // why not; else why the last one was not sent, or ""
    uint64_t sent, answered;             // datagrams
    uint64_t heard, malformed, refused;  // looked at; of those no beacon; not looked at: too many
    uint64_t hints, hints_dropped;       // dropped: the same again, or too many of one friend
};
void beacon_info(const struct beacon *b, struct beacon_info *ret);

// --- the datagram
enum beacon_kind { BEACON_NEW = 1, BEACON_STILL = 2, BEACON_ANSWER = 3 };
struct beacon_slot {
    uint8_t tag[TAG_BYTES];
    uint8_t port[2], check[2]; // sealed; see beacon_open
};
struct beacon_datagram {
    enum beacon_kind kind;
    uint8_t nonce[BEACON_NONCE_BYTES];
    struct beacon_slot slots[TAG_GROUP];
};
// ERR_PARSE: not exactly a beacon (size, version, kind, zeros, order of the tags).
int beacon_parse(const uint8_t *bytes, size_t n, struct beacon_datagram *ret);
void beacon_write(const struct beacon_datagram *d, uint8_t ret[BEACON_BYTES]);
void beacon_make(enum beacon_kind kind, const uint8_t nonce[BEACON_NONCE_BYTES],
                 const struct tag tags[TAG_GROUP], uint16_t port, struct beacon_datagram *ret);
// The port in a slot, by the key of its tag. False: made by somebody without the secret.
bool beacon_open(const struct beacon_datagram *d, const struct beacon_slot *slot,
                 const uint8_t key[TAG_KEY_BYTES], uint16_t *ret_port);
