// Discovery by the system's mDNS service (Avahi), beside the beacon: where the network carries no
// multicast of ours, or another machine's Avahi is all that is let through. Says the same as the
// beacon, in TXT records (RFC 6763) of services of type _paired._tcp that carry a beacon's bytes;
// what it finds are hints.
//
// Avahi's client library calls D-Bus and waits: 25 seconds when the daemon hangs. So it lives on a
// thread of its own that nobody waits for, and is loaded when it is first needed
// (docs/decisions/0008). No daemon, no bus or no library is no failure: it is told by mdns_info and
// tried again. Owned by the thread of its loop; does not block there.
// Bytes: docs/FEDERATION.md, Discovery.
#pragma once

#include "core/loop/loop.h"
#include "federation/tag.h"

enum {
    MDNS_INSTANCES_MAX = 8, // of ours, a group of tags each: 304 friends; the beacon has all
    MDNS_KNOWN_MAX = 128,   // services of others that are remembered
    MDNS_RESOLVING_MAX = 32,
    MDNS_WAITING_MAX = 256, // found and not resolved yet; more are dropped
    MDNS_MAILBOX_MAX = 256, // messages to the loop; more are dropped
    MDNS_STOP_MS = 100,     // mdns_stop waits at most; the thread then ends when it can
    MDNS_SILENT_MS = 2000,  // a call that lasts longer: the daemon hangs
    MDNS_RETRY_MS = 250,    // after a failure, doubled up to …
    MDNS_RETRY_MAX_MS = 60000,
    MDNS_TURN_MS = 60 * 1000, // looks whether a new day has begun
    MDNS_LOOKED_PER_S = 50,   // services that are looked at,
    MDNS_LOOKED_BURST = 500,
    MDNS_SAME_HINT_MS = 1000 // the same again within this is no news
};

struct mdns_config {
    struct loop *loop;
    struct tag_table *tags; // borrowed; it turns it
    uint16_t port;          // where sessions are accepted; 0: nothing is published
    net_hint_fn *hint;      // never within a call of this header; may call any but mdns_stop
    void *ctx;
    const char *library; // NULL: libavahi-client's soname. For tests
};
struct mdns;
// ERR_NOMEM, ERR_LIMIT (descriptors, threads).
int mdns_start(const struct mdns_config *config, struct mdns **ret, struct err *err);
void mdns_stop(struct mdns *m); // what was published is withdrawn; accepts NULL
// The friends or the codes have changed, or the network: publishes what is new, and gives hints
// again for what is known.
void mdns_announce(struct mdns *m);
void mdns_set_port(struct mdns *m, uint16_t port);

enum mdns_state {
    MDNS_STARTING,
    MDNS_NO_LIBRARY,
    MDNS_NO_BUS,    // of the system, D-Bus
    MDNS_NO_DAEMON, // the bus is there
    MDNS_SILENT,    // it does not answer
    MDNS_READY      // it does; what there is to publish is published
};
const char *mdns_state_name(enum mdns_state s); // "ready", "no-daemon", …
struct mdns_info {
    enum mdns_state state;
    char trouble[ERR_MESSAGE_BYTES_MAX]; // why it is not ready, and what to do; or ""
    uint32_t published, known;           // services: ours, others'
    uint64_t found, malformed, refused;  // looked at; of those not ours; not looked at: too many
    uint64_t hints, hints_dropped;
};
void mdns_info(const struct mdns *m, struct mdns_info *ret);
