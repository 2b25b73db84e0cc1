// One session with one other engine: a connection, its channel, and on it JSON-RPC 2.0 messages and
// blobs in length-prefixed frames. Knows nothing of who may what: the node decides that when the
// link is up, by its peer's key. One owner thread; does its I/O through `struct net`.
//
// A frame, big-endian:  u32 length of what follows, LINK_FRAME_BYTES_MAX at most
//                       u8  kind: 1 JSON-RPC message, 2 blob, 3 ping, 4 pong, 5 goodbye
//                       u8  flags: bit 0 body is zstd (its decompressed size is bounded, too)
//                       kind 2: u32 stream, chosen by who sends the request that it belongs to
//                       body
// Limits hold before memory is asked for. Before `up` nothing but the handshake is read. Messages
// and blobs leave, and arrive, in the order in which they were sent.
#pragma once

#include "core/base/env.h"
#include "federation/channel.h"
#include "federation/net.h"
#include "protocol/rpc.h"

enum {
    LINK_FRAME_BYTES_MAX = 1024 * 1024,
    LINK_PLAIN_BYTES_MAX = 4 * 1024 * 1024, // of a decompressed body
    LINK_STRANGER_BYTES_MAX = 16 * 1024,    // of a frame from a key that is no friend's
    LINK_HANDSHAKE_MS = 5 * 1000,
    LINK_PING_MS =
        30 * 1000, // silence after which the dialler asks (the other 1.25 of it); twice: the end
    LINK_SHORT_PING_MS = 250, // link_probe: asks again after it; ends after three, or 4 round trips
    LINK_STRANGER_FRAMES_PER_S = 8,
    LINK_STRANGER_FRAMES_BURST = 32,     // beyond these it ends with ERR_LIMIT
    LINK_BLOB_QUEUE_BYTES = 1024 * 1024, // waiting to be sent; then link_blob is ERR_BUSY
    LINK_HANDSHAKE_BYTES_MAX = 32 * 1024,
    LINK_WHY_BYTES_MAX = 64 // of link_close's reason
};

struct link;
struct link_events {
    void (*up)(void *ctx, struct link *l); // channel ready; link_peer answers
    // A blob of a stream, in order. Borrowed. A negative return ends the link.
    int (*blob)(void *ctx, struct link *l, uint32_t stream, const uint8_t *bytes, size_t n);
    void (*drained)(void *ctx, struct link *l); // room again for blobs
    // Gone; freed after the call. Calls under way have been answered ERR_CLOSED.
    void (*down)(void *ctx, struct link *l, const struct err *err);
};
struct link_config {
    struct env *env;
    struct net *net;
    const struct channel_maker *channels;
    const struct rpc_method *methods; // their ctx is the link (its owner's: link_ctx)
    const struct link_events *events;
    void *ctx;
};

// An outgoing one to a known key, or to whoever answers there (expect NULL: pairing).
int link_connect(const struct link_config *config, const struct net_addr *to, const uint8_t *expect,
                 struct link **ret, struct err *err);
int link_accept(const struct link_config *config, struct net_conn *c, struct link **ret,
                struct err *err); // takes the connection, also on failure
// Says goodbye: the other side's link_info has `why` (short ASCII such as "duplicate", or NULL). A
// link that ends here by a limit, a malformed frame or silence says "limit", "parse", "timeout".
// Calls under way are answered ERR_CLOSED within it; `down` does not run. May be called from any
// callback of the link. Accepts NULL.
void link_close(struct link *l, const char *why);
// The same without a word: of what is queued nothing leaves any more. Accepts NULL.
void link_drop(struct link *l);
size_t link_queued(const struct link *l); // bytes that have not left yet
bool link_outgoing(const struct link *l);
const uint8_t *link_peer(const struct link *l);    // CHANNEL_KEY_BYTES
const uint8_t *link_binding(const struct link *l); // CHANNEL_BINDING_BYTES
void link_set_ctx(struct link *l, void *ctx);      // of the events, from now on
void *link_ctx(const struct link *l);
// Until told otherwise a link is a stranger's: small frames, few of them.
void link_trust(struct link *l);
// Bytes a second that are read and sent at most; 0: no cap. Applies from now on.
// Whole frames pass, so that a large one is paid for by a pause after it.
void link_limit(struct link *l, uint64_t in_per_s, uint64_t out_per_s);
void link_probe(struct link *l); // asks for a sign of life at once

// As rpc_call, rpc_notify, on this link. ERR_CLOSED before it is up, and after; ERR_LIMIT: over a
// frame (an answer that is too large becomes error -32603 at the other side). A message that finds
// NET_QUEUE_BYTES_MAX waiting ends the link: whoever does not read is not talked to.
int64_t link_call(struct link *l, const char *method, json_t *params, uint64_t deadline_ms,
                  rpc_answer_fn *fn, void *ctx, struct err *err);
int link_notify(struct link *l, const char *method, json_t *params);
struct rpc *link_rpc(struct link *l); // NULL before it is up
// ERR_BUSY: queue full, wait for `drained`. ERR_CLOSED, ERR_LIMIT (over a frame).
int link_blob(struct link *l, uint32_t stream, const void *bytes, size_t n);

struct link_info {
    uint64_t opened_ms, heard_ms; // mono
    uint64_t bytes_in, bytes_out, frames_in, frames_out;
    uint32_t round_trip_us;               // last ping; 0: none yet
    char goodbye[LINK_WHY_BYTES_MAX + 1]; // what the other side said when it closed, else ""
};
void link_info(const struct link *l, struct link_info *ret);
