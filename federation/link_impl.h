// What link.c (life, receiving) and link_send.c (sending, caps) share. Not for others.
#pragma once

#include "federation/frame.h"
#include "federation/link.h"

// Bytes that may pass: filled with `rate` a second up to a quarter of it, spent below zero by what
// cannot be cut, and then waited for.
struct link_bucket {
    uint64_t rate; // a second; 0: no cap
    int64_t left;
    uint64_t filled_ns;
};

struct link {
    struct link_config config;
    void *ctx;
    struct net_conn *conn; // NULL once it has gone
    struct channel *channel;
    struct rpc *rpc; // NULL before it is up
    struct frame_reader reader;
    struct buf out; // plain frames that wait for the cap
    size_t out_at;  // of them, those before it have gone
    struct link_bucket in_cap, out_cap;
    struct env_timer *life, *rate;
    unsigned entered; // callbacks of ours on the stack
    bool outgoing, up, trusted, closed;
    bool want_drained;  // link_blob was refused
    bool paused;        // we do not read: the inbound cap
    bool refused;       // the last message was over a frame
    int broken;         // sending failed; told of by the timer, never within the call
    struct err why;     // … of that
    uint64_t asked_ns;  // last ping, 0: answered
    uint64_t asked;     // its number
    uint64_t probe_ms;  // link_probe's time, 0: none
    uint64_t answered;  // requests received: their seq
    double frames_left; // a stranger's
    uint64_t frames_ns;
    struct link_info info;
};

uint64_t link_now_ms(const struct link *l);
void link_enter(struct link *l);
void link_leave(struct link *l); // may free it
// Ends it from one of its own callbacks: `down` runs.
void link_fail(struct link *l, const struct err *err);
// Ends it soon, from within somebody else's call.
void link_break(struct link *l, int code, const char *why);
void link_life_soon(struct link *l, uint64_t ms); // the life timer fires then

// --- link_send.c
int link_put(struct link *l, enum frame_kind kind, uint32_t stream, const void *body, size_t n);
// Past the queue: small and of no order (pings, goodbye).
void link_put_now(struct link *l, enum frame_kind kind, const void *body, size_t n);
void link_wire(void *link, const uint8_t *bytes, size_t n); // channel's event
void link_pump(struct link *l);                             // sends what waits and may go
// n bytes have been read; pauses when they were too many.
void link_read_spent(struct link *l, size_t n);
void link_rpc_send(void *link, const char *json, size_t n, uint64_t seq);
