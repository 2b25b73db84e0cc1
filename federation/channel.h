// An authenticated, encrypted byte channel over a connection: bytes of the wire in and out, plain
// bytes in and out, no I/O. Real links use TLS 1.3 with both sides' Ed25519 keys pinned
// (federation/tls); the simulator a plaintext one that states its key, since it judges the protocol
// and not the cipher. One owner thread.
#pragma once

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CHANNEL_KEY_BYTES = 32, CHANNEL_BINDING_BYTES = 32 };

struct channel;
struct channel_events {
    void (*wire)(void *ctx, const uint8_t *bytes, size_t n); // for the connection; borrowed
    // The handshake is done: channel_peer and channel_binding answer from now on.
    void (*ready)(void *ctx);
    void (*plain)(void *ctx, const uint8_t *bytes, size_t n); // from the other side; borrowed
};
struct channel_ops {
    // Events run within these calls. ERR_KEY, ERR_PARSE, …: the handshake or a record is not
    // acceptable; the connection is to be closed and nothing more is fed.
    int (*start)(struct channel *c, struct err *err);
    int (*feed)(struct channel *c, const uint8_t *bytes, size_t n, struct err *err);
    int (*write)(struct channel *c, const void *bytes, size_t n, struct err *err);
    void (*end)(struct channel *c); // says goodbye (close_notify)
    void (*free)(struct channel *c);
    const uint8_t *(*peer)(const struct channel *c); // the other side's device key
    const uint8_t *(*binding)(
        const struct channel *c); // the same on both sides, of this session alone
};
struct channel {
    const struct channel_ops *ops;
};
// Makes the channel of one connection. `expect` (CHANNEL_KEY_BYTES): the only key that is
// acceptable; NULL: whoever it is (accepted connections, pairing), to be judged when ready.
struct channel_maker {
    int (*make)(void *self, bool outgoing, const uint8_t *expect, const struct channel_events *ev,
                void *ctx, struct channel **ret, struct err *err);
    void *self;
};
