// The network as the protocol engine of federation sees it, beside `struct env` (clock, random,
// timers): byte streams to an address, datagrams to the neighbourhood. Real code gets the one on
// sockets (federation/net_loop), tests and the simulator (tests/sim) their own, so that the same
// engine runs the same under both. Calls only from the thread that owns it; callbacks never run
// inside the call that causes them.
#pragma once

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NET_ADDR_TEXT_MAX = 64,                // "[fe80::1%3]:65535" and NUL
    NET_QUEUE_BYTES_MAX = 4 * 1024 * 1024, // of one connection, waiting for the network
    NET_DATAGRAM_BYTES_MAX = 1200
};

struct net_addr {
    uint8_t ip[16]; // IPv6, or IPv4 as ::ffff:a.b.c.d
    uint32_t scope; // interface of a link-local address; 0: none
    uint16_t port;
};
// "192.168.1.5:7443", "[fe80::1%2]:7443". ERR_INVAL; names are not looked up.
int net_addr_parse(const char *text, size_t n, struct net_addr *ret, struct err *err);
void net_addr_format(const struct net_addr *a, char ret[NET_ADDR_TEXT_MAX]);
bool net_addr_equal(const struct net_addr *a, const struct net_addr *b); // port too
bool net_addr_same_host(const struct net_addr *a, const struct net_addr *b);

struct net_conn;
struct net_conn_events {
    void (*open)(void *ctx); // an outgoing one stands; not called for accepted ones
    // Bytes arrived; borrowed. May close the connection.
    void (*data)(void *ctx, const uint8_t *bytes, size_t n);
    void (*drained)(void *ctx); // what was queued has gone; may be NULL
    // The other side ended it, the network failed, or it could not be opened. Nothing follows, and
    // the connection is no longer the owner's. Not called after net_close.
    void (*closed)(void *ctx, const struct err *err);
};
// An accepted connection, the receiver's from now on: it calls net_conn_own or net_close at once.
typedef void net_accept_fn(void *ctx, struct net_conn *c, const struct net_addr *from);
typedef void net_datagram_fn(void *ctx, const uint8_t *bytes, size_t n,
                             const struct net_addr *from);

struct net_ops {
    // Port 0: any; *ret_port the one it got. ERR_EXISTS (in use), ERR_PERM, ERR_LIMIT
    // (descriptors).
    int (*listen)(void *self, uint16_t port, net_accept_fn *fn, void *ctx, uint16_t *ret_port,
                  struct err *err);
    void (*listen_stop)(void *self);
    int (*connect)(void *self, const struct net_addr *to, const struct net_conn_events *ev,
                   void *ctx, struct net_conn **ret, struct err *err);
    void (*own)(void *self, struct net_conn *c, const struct net_conn_events *ev, void *ctx);
    // Copies. ERR_LIMIT over NET_QUEUE_BYTES_MAX (nothing taken), ERR_CLOSED, ERR_NOMEM.
    int (*send)(void *self, struct net_conn *c, const void *bytes, size_t n);
    size_t (*queued)(void *self, const struct net_conn *c);
    void (*pause)(void *self, struct net_conn *c, bool on); // stops and goes on reading
    void (*close)(void *self, struct net_conn *c);          // what is queued is tried for a moment
    void (*drop)(void *self, struct net_conn *c);           // what is queued never leaves
    // Datagrams of the neighbourhood (multicast group and port of the beacon). `fn` NULL: leaves.
    int (*neighbours)(void *self, net_datagram_fn *fn, void *ctx, struct err *err);
    int (*shout)(void *self, const void *bytes, size_t n); // to all neighbours; best effort
    int (*tell)(void *self, const void *bytes, size_t n, const struct net_addr *to); // to one
};
struct net {
    const struct net_ops *ops;
    void *self;
};
