// What the two halves of mdns share: the loop's (mdns.c) and the thread's (mdns_thread.c). The
// loop says what is wanted, the thread what it has found; neither waits for the other.
#pragma once

#include "core/loop/mailbox.h"
#include "federation/beacon.h"
#include "federation/mdns.h"

#include <pthread.h>
#include <stdatomic.h>

#define MDNS_TYPE   "_paired._tcp"
#define MDNS_DOMAIN "local"
enum { MDNS_PORT = 7667, MDNS_TROUBLE_BYTES = 256, MDNS_THREADS_MAX = 4 };

struct mdns_instance {
    char name[TAG_NAME_CHARS + 1];
    uint8_t bytes[BEACON_BYTES];
};
struct mdns_wanted {
    uint64_t serial; // rises with each change
    bool search;     // else there is nobody to look for, and nothing is asked
    uint32_t count;
    struct mdns_instance instances[MDNS_INSTANCES_MAX];
};
// One reference each: the loop's half and the thread, which may be the last.
struct mdns_shared {
    pthread_mutex_t lock; // guards what follows; never held while anything else is called
    pthread_cond_t on_end;
    unsigned references;
    bool stop, ended;
    struct mdns_wanted wanted;
    enum mdns_state state;
    char trouble[MDNS_TROUBLE_BYTES];
    uint32_t published;
    // Not guarded: set before the thread starts.
    int wake; // eventfd: `wanted` or `stop` has changed
    struct mailbox *mailbox;
    char *library;                  // NULL: the usual one
    _Atomic uint64_t busy_since_ns; // the thread is out in a call since then; 0: it waits
    _Atomic uint64_t dropped;       // messages that found the mailbox full
};

struct mdns_message { // the loop frees it
    bool gone;        // the service is no longer there; else it was found
    char name[TAG_NAME_CHARS + 1];
    int interface, protocol;
    struct net_addr at; // without a port
    uint8_t bytes[BEACON_BYTES];
};

void *mdns_thread_main(void *shared);         // takes a reference
struct mailbox *mdns_mailbox(struct mdns *m); // what the thread posts to; borrowed. For tests
void mdns_shared_unref(struct mdns_shared *s);
// The name of a service of ours: TAG_NAME_CHARS of lower case hexadecimal.
bool mdns_name_valid(const char *name);

// --- the TXT record: "p0=…", "p1=…", "p2=…", the beacon's bytes in three parts, since a string of
// it holds 255 bytes (RFC 6763 §6)
enum {
    MDNS_TXT_PARTS = 3,
    MDNS_TXT_PART_BYTES = 171, // the last: what is left
    MDNS_TXT_BYTES = BEACON_BYTES + MDNS_TXT_PARTS * 4
};
void mdns_txt_write(const uint8_t bytes[BEACON_BYTES], uint8_t ret[MDNS_TXT_BYTES]); // as on wire
struct mdns_txt {
    uint8_t bytes[BEACON_BYTES];
    unsigned parts; // bits of those that are there
    bool bad;       // one was there twice, or of another size
};
// One string of a TXT record. Others than ours are passed over.
void mdns_txt_add(struct mdns_txt *t, const uint8_t *string, size_t n);
bool mdns_txt_complete(const struct mdns_txt *t);
