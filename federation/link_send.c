// Sending on a link: frames into the channel, the queue before it, both caps.
#include "core/base/mem.h"
#include "federation/link_impl.h"
#include "protocol/jsonrpc.h"

#include <string.h>

enum {
    BURST_BYTES_MIN = 16 * 1024, // a cap below four of these a second comes in bursts of it
    BURST_PART = 4,              // of a second
    MESSAGE_ROOM = 1024,         // method, id and braces around the params
    KEEP_BYTES = 16 * 1024
};

static const uint64_t second_ns = 1000000000;

// --- caps

static int64_t burst(const struct link_bucket *b) {
    uint64_t part = b->rate / BURST_PART;
    return (int64_t)(part > BURST_BYTES_MIN ? part : BURST_BYTES_MIN);
}

static void fill(struct link *l, struct link_bucket *b) {
    uint64_t now = env_mono_ns(l->config.env), passed = now - b->filled_ns;
    b->filled_ns = now;
    // In parts: rate times nanoseconds would not fit for long silences.
    double more = (double)b->rate * (double)passed / (double)second_ns;
    int64_t most = burst(b);
    b->left = more >= (double)(most - b->left) ? most : b->left + (int64_t)more;
}

static bool may(struct link *l, struct link_bucket *b) {
    if (!b->rate)
        return true;
    if (b->left <= 0)
        fill(l, b);
    return b->left > 0;
}

static void spend(struct link_bucket *b, size_t n) {
    if (b->rate)
        b->left -= (int64_t)n;
}

static uint64_t wait_ms(const struct link_bucket *b) {
    if (!b->rate || b->left > 0)
        return 0;
    return (uint64_t)(1 - b->left) * 1000 / b->rate + 1;
}

static void on_rate(void *ctx);

// One timer for both caps; whoever waits longer waits again.
static void wait_for_caps(struct link *l) {
    uint64_t in = l->paused ? wait_ms(&l->in_cap) : UINT64_MAX;
    uint64_t out = l->out.len > l->out_at ? wait_ms(&l->out_cap) : UINT64_MAX;
    uint64_t ms = in < out ? in : out;
    if (ms == UINT64_MAX || l->rate || l->closed)
        return;
    l->rate = env_timer_start(l->config.env, ms ? ms : 1, on_rate, l);
    if (!l->rate)
        link_break(l, ERR_NOMEM, "out of memory");
}

static void pause_reading(struct link *l, bool on) {
    if (l->paused == on)
        return;
    l->paused = on;
    if (!on)
        l->info.heard_ms = link_now_ms(l); // it may have been waiting for us all the time
    l->config.net->ops->pause(l->config.net->self, l->conn, on);
}

void link_read_spent(struct link *l, size_t n) {
    spend(&l->in_cap, n);
    if (!may(l, &l->in_cap)) {
        pause_reading(l, true);
        wait_for_caps(l);
    }
}

static void on_rate(void *ctx) {
    struct link *l = ctx;
    l->rate = NULL;
    if (l->broken || !l->conn)
        return;
    link_enter(l);
    if (l->paused && may(l, &l->in_cap))
        pause_reading(l, false);
    link_pump(l);
    wait_for_caps(l);
    link_leave(l);
}

static void set_cap(struct link *l, struct link_bucket *b, uint64_t rate) {
    // Nobody has a faster network, and the sums below stay far from their ends.
    *b = (struct link_bucket){.rate = rate < (1ULL << 40) ? rate : 0,
                              .filled_ns = env_mono_ns(l->config.env)};
    b->left = burst(b);
}

void link_limit(struct link *l, uint64_t in_per_s, uint64_t out_per_s) {
    if (l->closed || !l->conn)
        return;
    set_cap(l, &l->in_cap, in_per_s);
    set_cap(l, &l->out_cap, out_per_s);
    env_timer_cancel(l->config.env, l->rate); // its time was reckoned by the old caps
    l->rate = NULL;
    pause_reading(l, false);
    wait_for_caps(l); // what was queued goes by the timer, not within this call
}

// --- out

void link_wire(void *ctx, const uint8_t *bytes, size_t n) {
    struct link *l = ctx;
    if (!l->conn || l->broken)
        return;
    int code = l->config.net->ops->send(l->config.net->self, l->conn, bytes, n);
    if (code < 0)
        link_break(l, code,
                   code == ERR_LIMIT ? "the other side does not read what is sent to it"
                                     : "the connection does not take bytes any more");
    else
        l->info.bytes_out += n;
}

static void write_plain(struct link *l, const void *frames, size_t n) {
    struct err e = {0};
    spend(&l->out_cap, n);
    int code = l->channel->ops->write(l->channel, frames, n, &e);
    if (code < 0)
        link_break(l, code, err_text(&e));
}

static size_t waiting(const struct link *l) {
    return l->out.len - l->out_at + l->config.net->ops->queued(l->config.net->self, l->conn);
}

static void release_queue(struct link *l) {
    if (l->out_at < l->out.len) {
        if (l->out_at > l->out.len / 2) {
            buf_consume(&l->out, l->out_at);
            l->out_at = 0;
        }
        return;
    }
    if (l->out.cap > KEEP_BYTES)
        buf_done(&l->out);
    buf_clear(&l->out);
    l->out_at = 0;
}

static size_t frame_bytes(const uint8_t *p) {
    return 4 + ((size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3]);
}

void link_pump(struct link *l) {
    while (l->out_at < l->out.len && !l->broken && may(l, &l->out_cap)) {
        const uint8_t *at = (const uint8_t *)l->out.data + l->out_at;
        size_t n = frame_bytes(at);
        // The other side is slower than the cap: the network tells when there is room.
        if (l->config.net->ops->queued(l->config.net->self, l->conn) > LINK_BLOB_QUEUE_BYTES)
            break;
        l->out_at += n;
        write_plain(l, at, n);
    }
    release_queue(l);
    wait_for_caps(l);
    if (l->want_drained && !l->broken && waiting(l) < LINK_BLOB_QUEUE_BYTES / 2) {
        l->want_drained = false;
        if (l->config.events->drained)
            l->config.events->drained(l->ctx, l);
    }
}

static int put_queued(struct link *l, const struct frame *f) {
    if (waiting(l) + f->bytes + FRAME_HEAD_BYTES_MAX > NET_QUEUE_BYTES_MAX) {
        link_break(l, ERR_LIMIT, "the other side does not read what is sent to it");
        return ERR_CLOSED;
    }
    int code = frame_put(&l->out, f, LINK_FRAME_BYTES_MAX, LINK_PLAIN_BYTES_MAX);
    if (code == 0)
        wait_for_caps(l);
    return code;
}

int link_put(struct link *l, enum frame_kind kind, uint32_t stream, const void *body, size_t n) {
    struct frame f = {.kind = kind, .stream = stream, .body = body, .bytes = n};
    AUTO_BUF one = BUF_INIT(0);
    if (!l->up || l->closed || l->broken || !l->conn)
        return ERR_CLOSED;
    int code = 0;
    if (l->out_at < l->out.len || !may(l, &l->out_cap)) {
        code = put_queued(l, &f);
    } else {
        code = frame_put(&one, &f, LINK_FRAME_BYTES_MAX, LINK_PLAIN_BYTES_MAX);
        if (code == 0)
            write_plain(l, one.data, one.len);
    }
    if (code < 0)
        return code;
    l->info.frames_out++;
    return l->broken ? ERR_CLOSED : 0;
}

void link_put_now(struct link *l, enum frame_kind kind, const void *body, size_t n) {
    uint8_t bytes[FRAME_HEAD_BYTES + FRAME_GOODBYE_BYTES_MAX] = {0};
    if (!l->up || l->closed || l->broken || !l->conn || n > FRAME_GOODBYE_BYTES_MAX)
        return;
    bytes[3] = (uint8_t)(FRAME_HEAD_BYTES - 4 + n);
    bytes[4] = (uint8_t)kind;
    memcpy(bytes + FRAME_HEAD_BYTES, body, n);
    write_plain(l, bytes, FRAME_HEAD_BYTES + n);
    l->info.frames_out++;
}

// --- messages and blobs

// An answer that does not fit still has to be one.
static int put_error_answer(struct link *l, const char *json, size_t n) {
    struct span id = jsonrpc_find_id(json, n);
    AUTO_BUF out = BUF_INIT(0);
    if (!id.data)
        return ERR_LIMIT;
    (void)buf_puts(&out, "{\"jsonrpc\":\"2.0\",\"id\":");
    (void)buf_append(&out, id.data, id.len);
    (void)buf_puts(&out, ",\"error\":{\"code\":-32603,\"message\":\"The answer is over the maximum "
                         "of a frame\"}}");
    return out.failed ? ERR_NOMEM : link_put(l, FRAME_MESSAGE, 0, out.data, out.len);
}

void link_rpc_send(void *ctx, const char *json, size_t n, uint64_t seq) {
    struct link *l = ctx;
    int code = link_put(l, FRAME_MESSAGE, 0, json, n);
    if (code == ERR_LIMIT) {
        l->refused = true;
        code = seq ? put_error_answer(l, json, n) : 0;
    }
    // A message that is lost would leave its sender waiting for ever.
    if (code == ERR_NOMEM)
        link_break(l, ERR_NOMEM, "out of memory");
}

static bool too_large(const json_t *params) {
    return params && json_dumpb(params, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY) >
                         LINK_FRAME_BYTES_MAX - MESSAGE_ROOM;
}

int64_t link_call(struct link *l, const char *method, json_t *params, uint64_t deadline_ms,
                  rpc_answer_fn *fn, void *ctx, struct err *err) {
    int code = 0;
    if (!l->up || l->closed || l->broken || !l->rpc)
        code = err_set(err, ERR_CLOSED, "the link is not up");
    else if (too_large(params))
        code = err_set(err, ERR_LIMIT, "the call is over the maximum of a frame");
    if (code < 0) {
        json_decref(params);
        return code;
    }
    return rpc_call(l->rpc, method, params, deadline_ms, fn, ctx, err);
}

int link_notify(struct link *l, const char *method, json_t *params) {
    if (!l->up || l->closed || l->broken || !l->rpc) {
        json_decref(params);
        return ERR_CLOSED;
    }
    l->refused = false;
    int code = rpc_notify(l->rpc, method, params);
    return code < 0 ? code : l->refused ? ERR_LIMIT : l->broken ? ERR_CLOSED : 0;
}

int link_blob(struct link *l, uint32_t stream, const void *bytes, size_t n) {
    if (!l->up || l->closed || l->broken || !l->conn)
        return ERR_CLOSED;
    if (waiting(l) >= LINK_BLOB_QUEUE_BYTES) {
        l->want_drained = true;
        return ERR_BUSY;
    }
    return link_put(l, FRAME_BLOB, stream, bytes, n);
}
