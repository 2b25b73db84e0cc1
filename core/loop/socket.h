// Internet sockets on a loop: TCP to listen and to dial (the bytes then flow through
// core/loop/stream), UDP to a multicast group of the neighbourhood. Nothing here blocks. Loop
// thread only.
#pragma once

#include "core/base/err.h"
#include "core/loop/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct socket_addr {
    uint8_t ip[16]; // IPv6, or IPv4 as ::ffff:a.b.c.d
    uint32_t scope; // interface of a link-local address; 0: none
    uint16_t port;
};

// --- TCP

enum { SOCKET_BACKLOG = 1024 };

// A listening descriptor on all addresses, both families (IPv4 alone where there is no IPv6), for
// listener_open_fd; port 0: any. ERR_EXISTS (port in use), ERR_PERM, ERR_LIMIT (descriptors).
int socket_listen(uint16_t port, uint16_t *ret_port, struct err *err);
// Whom an accepted descriptor talks to; also sets what every connection gets: no delay, keep-alive.
int socket_accepted(int fd, struct socket_addr *ret, struct err *err);

struct socket_dial;
// The connected descriptor, the receiver's from now on; or -1 and why not. Once, from the loop; the
// dial is gone with it.
typedef void socket_dial_fn(void *ctx, int fd, const struct err *err);
// ERR_LIMIT (descriptors), ERR_INVAL (an address that this host cannot use), ERR_NOMEM. Gives up
// when the system does: a sooner end is the owner's business.
int socket_dial(struct loop *l, const struct socket_addr *to, socket_dial_fn *fn, void *ctx,
                struct socket_dial **ret, struct err *err);
void socket_dial_cancel(struct socket_dial *d); // accepts NULL; not after its fn has run

// --- UDP

enum { SOCKET_DATAGRAM_BYTES_MAX = 1500, SOCKET_INTERFACES_MAX = 32 };

struct socket_group;
// Larger ones are dropped before. From the loop.
typedef void socket_datagram_fn(void *ctx, const uint8_t *bytes, size_t n,
                                const struct socket_addr *from);
struct socket_group_config {
    uint8_t four[4]; // multicast group, IPv4
    uint8_t six[16]; // IPv6, of link scope
    uint16_t port;   // of both
    bool loopback;   // also on the loopback interface
};
// Joins the group on every interface that is up; interfaces that come later are joined by the next
// send. Several processes of a host may be in it: each hears all. Datagrams leave from a port of
// this process alone, so that an answer to it finds the right one. ERR_UNSUPPORTED when neither
// family works, ERR_LIMIT.
int socket_group_open(struct loop *l, const struct socket_group_config *config,
                      socket_datagram_fn *fn, void *ctx, struct socket_group **ret,
                      struct err *err);
void socket_group_close(struct socket_group *g); // accepts NULL; safe within fn
// To the group on every interface, never beyond the link (TTL 1). Best effort: 0, also when some
// interface did not take it; ERR_IO when none did, ERR_LIMIT.
int socket_group_shout(struct socket_group *g, const void *bytes, size_t n);
int socket_group_tell(struct socket_group *g, const void *bytes, size_t n,
                      const struct socket_addr *to);
