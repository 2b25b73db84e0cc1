// Life of a link: connecting, handshake, frames in, signs of life, end.
#include "federation/link.h"

#include "core/base/mem.h"
#include "federation/link_impl.h"

#include <string.h>

enum { PROBES = 3, MS_NS = 1000000 };

uint64_t link_now_ms(const struct link *l) {
    return env_mono_ns(l->config.env) / MS_NS;
}

void link_enter(struct link *l) {
    l->entered++;
}

void link_leave(struct link *l) {
    if (--l->entered || !l->closed)
        return;
    if (l->channel)
        l->channel->ops->free(l->channel);
    frame_reader_done(&l->reader);
    buf_done(&l->out);
    mem_free(l);
}

// --- end

// Everything but the memory, which others on the stack may still hold.
static void shut(struct link *l, bool at_once) {
    const struct net_ops *net = l->config.net->ops;
    l->closed = true;
    env_timer_cancel(l->config.env, l->life);
    env_timer_cancel(l->config.env, l->rate);
    l->life = l->rate = NULL;
    if (l->conn)
        (at_once ? net->drop : net->close)(l->config.net->self, l->conn);
    l->conn = NULL;
}

// What is our decision is told to the other side, who would wonder otherwise.
static void say_why(struct link *l, int code) {
    const char *name = err_name(code);
    if (code == ERR_PARSE || code == ERR_LIMIT || code == ERR_TIMEOUT || code == ERR_INVAL)
        link_put_now(l, FRAME_GOODBYE, name, strnlen(name, LINK_WHY_BYTES_MAX));
}

void link_fail(struct link *l, const struct err *err) {
    if (l->closed)
        return;
    struct err why = *err; // it may be the link's own
    void (*down)(void *, struct link *, const struct err *) = l->config.events->down;
    link_enter(l);
    say_why(l, why.code);
    shut(l, false);
    rpc_free(l->rpc); // its callers learn it first
    l->rpc = NULL;
    down(l->ctx, l, &why);
    link_leave(l);
}

static void fail_with(struct link *l, int code, const char *text) {
    struct err e = {0};
    (void)err_set(&e, code, "%s", text);
    link_fail(l, &e);
}

void link_break(struct link *l, int code, const char *why) {
    if (l->closed || l->broken)
        return;
    l->broken = err_set(&l->why, code, "%s", why);
    link_life_soon(l, 0); // without memory the timer that runs already finds it
}

void link_close(struct link *l, const char *why) {
    if (!l || l->closed)
        return;
    link_enter(l);
    if (l->up && l->conn && !l->broken) {
        size_t n = why ? strnlen(why, LINK_WHY_BYTES_MAX) : 0;
        link_put_now(l, FRAME_GOODBYE, why ? why : "", n);
        l->channel->ops->end(l->channel);
    }
    shut(l, false);
    rpc_free(l->rpc);
    l->rpc = NULL;
    link_leave(l);
}

void link_drop(struct link *l) {
    if (!l || l->closed)
        return;
    link_enter(l);
    shut(l, true);
    rpc_free(l->rpc);
    l->rpc = NULL;
    link_leave(l);
}

size_t link_queued(const struct link *l) {
    if (l->closed || !l->conn)
        return 0;
    return l->out.len - l->out_at + l->config.net->ops->queued(l->config.net->self, l->conn);
}

// --- signs of life

static void ask(struct link *l) {
    uint8_t body[FRAME_PING_BYTES];
    uint64_t number = ++l->asked;
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (uint8_t)(number >> (8 * (7 - i)));
    l->asked_ns = env_mono_ns(l->config.env);
    link_put_now(l, FRAME_PING, body, sizeof body);
}

static void on_pong(struct link *l, const struct frame *f) {
    uint64_t number = 0;
    for (size_t i = 0; i < f->bytes; i++)
        number = number << 8 | f->body[i];
    if (number != l->asked || !l->asked_ns)
        return; // an older one
    uint64_t us = (env_mono_ns(l->config.env) - l->asked_ns) / 1000;
    l->info.round_trip_us = us == 0 ? 1 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
    l->asked_ns = 0;
}

static uint64_t probe_patience_ms(const struct link *l) {
    uint64_t trips = (uint64_t)l->info.round_trip_us * 4 / 1000;
    uint64_t least = (uint64_t)PROBES * LINK_SHORT_PING_MS;
    return trips > least ? trips : least;
}

// After a probe: asks every LINK_SHORT_PING_MS until something comes or patience ends. False: not
// probing any more.
static bool probing(struct link *l, uint64_t now) {
    if (!l->probe_ms)
        return false;
    if (l->info.heard_ms > l->probe_ms || (!l->asked_ns && l->info.heard_ms == l->probe_ms)) {
        l->probe_ms = 0;
        return false;
    }
    if (now - l->probe_ms >= probe_patience_ms(l)) {
        fail_with(l, ERR_TIMEOUT, "the other side does not answer any more");
        return true;
    }
    ask(l);
    link_life_soon(l, LINK_SHORT_PING_MS);
    return true;
}

static void on_life(void *ctx) {
    struct link *l = ctx;
    uint64_t now = link_now_ms(l);
    l->life = NULL;
    link_enter(l);
    if (l->broken) {
        link_fail(l, &l->why);
    } else if (!l->up) {
        fail_with(l, ERR_TIMEOUT, "the handshake took too long");
    } else if (!probing(l, now)) {
        // While we do not read ourselves, silence says nothing of the other side. Who dialled asks
        // first; what it hears then is a sign of life for both.
        uint64_t patience = l->outgoing ? LINK_PING_MS : LINK_PING_MS + LINK_PING_MS / 4;
        uint64_t silent = l->paused ? patience : now - l->info.heard_ms;
        if (silent >= (uint64_t)2 * LINK_PING_MS) {
            fail_with(l, ERR_TIMEOUT, "nothing has been heard from the other side for a minute");
        } else {
            if (silent >= patience)
                ask(l);
            link_life_soon(l, silent >= patience ? LINK_PING_MS : patience - silent);
        }
    }
    // Without its timer a link would never end: out of memory is an end, too.
    if (!l->closed && !l->life)
        fail_with(l, ERR_NOMEM, "out of memory");
    link_leave(l);
}

void link_life_soon(struct link *l, uint64_t ms) {
    struct env_timer *t = env_timer_start(l->config.env, ms, on_life, l);
    if (!t)
        return; // the old one stays
    env_timer_cancel(l->config.env, l->life);
    l->life = t;
}

void link_probe(struct link *l) {
    if (l->closed || !l->up)
        return;
    uint64_t now = link_now_ms(l);
    l->probe_ms = now ? now : 1;
    ask(l);
    link_life_soon(l, LINK_SHORT_PING_MS);
}

// --- receiving

static bool stranger_may(struct link *l) {
    uint64_t now = env_mono_ns(l->config.env);
    l->frames_left += (double)(now - l->frames_ns) / 1e9 * LINK_STRANGER_FRAMES_PER_S;
    l->frames_ns = now;
    if (l->frames_left > LINK_STRANGER_FRAMES_BURST)
        l->frames_left = LINK_STRANGER_FRAMES_BURST;
    l->frames_left -= 1;
    return l->frames_left >= 0;
}

static void on_goodbye(struct link *l, const struct frame *f) {
    char text[LINK_WHY_BYTES_MAX + 1] = "";
    for (size_t i = 0; i < f->bytes; i++) // it is shown and logged: no control characters
        text[i] = f->body[i] >= ' ' && f->body[i] < 0x7f ? (char)f->body[i] : '?';
    memcpy(l->info.goodbye, text, sizeof text);
    struct err e = {0};
    (void)err_set(&e, ERR_CLOSED, "the other side has closed the link%s%s", text[0] ? ": " : "",
                  text);
    link_fail(l, &e);
}

static int on_frame(void *ctx, const struct frame *f, struct err *err) {
    struct link *l = ctx;
    int code = 0;
    l->info.frames_in++;
    if (!l->trusted && !stranger_may(l))
        return err_set(err, ERR_LIMIT, "a stranger sent more than %d frames a second",
                       LINK_STRANGER_FRAMES_PER_S);
    switch (f->kind) {
    case FRAME_MESSAGE:
        rpc_receive(l->rpc, (const char *)f->body, f->bytes, ++l->answered, false);
        break;
    case FRAME_BLOB:
        code = l->config.events->blob
                   ? l->config.events->blob(l->ctx, l, f->stream, f->body, f->bytes)
                   : ERR_UNSUPPORTED;
        if (code < 0)
            return err_set(err, code, "the blob was not wanted");
        break;
    case FRAME_PING:
        // What the answer would have to wait for is a sign of life itself.
        if (l->config.net->ops->queued(l->config.net->self, l->conn) < LINK_BLOB_QUEUE_BYTES)
            link_put_now(l, FRAME_PONG, f->body, f->bytes);
        break;
    case FRAME_PONG:
        on_pong(l, f);
        break;
    case FRAME_GOODBYE:
        on_goodbye(l, f);
        break;
    }
    return l->closed ? ERR_CANCELLED : 0;
}

static void on_plain(void *ctx, const uint8_t *bytes, size_t n) {
    struct link *l = ctx;
    struct err e = {0};
    if (l->closed || l->broken || !l->up)
        return;
    link_enter(l);
    if (frame_feed(&l->reader, bytes, n, on_frame, l, &e) < 0)
        link_fail(l, &e); // nothing when a callback has closed it
    link_leave(l);
}

static void on_ready(void *ctx) {
    struct link *l = ctx;
    struct rpc_config rpc = {.methods = l->config.methods,
                             .send = link_rpc_send,
                             .ctx = l,
                             .env = l->config.env,
                             .id_prefix = ""};
    struct err e = {0};
    if (l->closed || l->up)
        return;
    link_enter(l);
    if (rpc_new(&rpc, &l->rpc, &e) < 0) {
        link_fail(l, &e);
    } else {
        l->up = true;
        l->frames_ns = env_mono_ns(l->config.env);
        l->info.heard_ms = link_now_ms(l);
        link_life_soon(l, LINK_PING_MS);
        l->config.events->up(l->ctx, l);
    }
    link_leave(l);
}

// --- the connection calls

static void on_data(void *ctx, const uint8_t *bytes, size_t n) {
    struct link *l = ctx;
    struct err e = {0};
    if (l->closed || l->broken)
        return;
    link_enter(l);
    if (!l->up && l->info.bytes_in > LINK_HANDSHAKE_BYTES_MAX) {
        fail_with(l, ERR_LIMIT, "the handshake is too long");
    } else {
        l->info.bytes_in += n;
        l->info.heard_ms = link_now_ms(l);
        if (l->channel->ops->feed(l->channel, bytes, n, &e) < 0)
            link_fail(l, &e);
        if (!l->closed)
            link_read_spent(l, n);
    }
    link_leave(l);
}

static void on_drained(void *ctx) {
    struct link *l = ctx;
    if (l->closed || l->broken)
        return;
    link_enter(l);
    link_pump(l);
    link_leave(l);
}

static void on_closed(void *ctx, const struct err *err) {
    struct link *l = ctx;
    l->conn = NULL; // it is no longer ours
    if (!l->closed)
        link_fail(l, l->broken ? &l->why : err);
}

static void on_open(void *ctx) {
    struct link *l = ctx;
    struct err e = {0};
    if (l->closed)
        return;
    link_enter(l);
    if (l->channel->ops->start(l->channel, &e) < 0)
        link_fail(l, &e);
    link_leave(l);
}

static const struct net_conn_events conn_events = {
    .open = on_open, .data = on_data, .drained = on_drained, .closed = on_closed};
static const struct channel_events channel_events = {
    .wire = link_wire, .ready = on_ready, .plain = on_plain};

// --- making one

static int make(const struct link_config *config, bool outgoing, const uint8_t *expect,
                struct link **ret, struct err *err) {
    struct link *l = mem_zalloc(sizeof *l);
    if (!l)
        return err_set(err, ERR_NOMEM, "out of memory");
    l->config = *config;
    l->ctx = config->ctx;
    l->outgoing = outgoing;
    l->frames_left = LINK_STRANGER_FRAMES_BURST;
    l->info.opened_ms = link_now_ms(l);
    frame_limits(&l->reader, LINK_STRANGER_BYTES_MAX, LINK_STRANGER_BYTES_MAX);
    l->life = env_timer_start(config->env, LINK_HANDSHAKE_MS, on_life, l);
    int code = l->life ? config->channels->make(config->channels->self, outgoing, expect,
                                                &channel_events, l, &l->channel, err)
                       : err_set(err, ERR_NOMEM, "out of memory");
    if (code < 0) {
        env_timer_cancel(config->env, l->life);
        mem_free(l);
        return code;
    }
    *ret = l;
    return 0;
}

int link_connect(const struct link_config *config, const struct net_addr *to, const uint8_t *expect,
                 struct link **ret, struct err *err) {
    struct link *l = NULL;
    int code = make(config, true, expect, &l, err);
    if (code < 0)
        return code;
    code = config->net->ops->connect(config->net->self, to, &conn_events, l, &l->conn, err);
    if (code < 0) {
        l->conn = NULL;
        link_close(l, NULL);
        return code;
    }
    *ret = l;
    return 0;
}

int link_accept(const struct link_config *config, struct net_conn *c, struct link **ret,
                struct err *err) {
    struct link *l = NULL;
    int code = make(config, false, NULL, &l, err);
    if (code < 0) {
        config->net->ops->close(config->net->self, c);
        return code;
    }
    l->conn = c;
    config->net->ops->own(config->net->self, c, &conn_events, l);
    code = l->channel->ops->start(l->channel, err);
    if (code < 0) {
        link_close(l, NULL);
        return code;
    }
    *ret = l;
    return 0;
}

// --- what it is

bool link_outgoing(const struct link *l) {
    return l->outgoing;
}

const uint8_t *link_peer(const struct link *l) {
    return l->channel->ops->peer(l->channel);
}

const uint8_t *link_binding(const struct link *l) {
    return l->channel->ops->binding(l->channel);
}

void link_set_ctx(struct link *l, void *ctx) {
    l->ctx = ctx;
}

void *link_ctx(const struct link *l) {
    return l->ctx;
}

void link_trust(struct link *l) {
    l->trusted = true;
    frame_limits(&l->reader, LINK_FRAME_BYTES_MAX, LINK_PLAIN_BYTES_MAX);
}

struct rpc *link_rpc(struct link *l) {
    return l->rpc;
}

void link_info(const struct link *l, struct link_info *ret) {
    *ret = l->info;
}
