#include "federation/exchange.h"

#include "core/base/mem.h"
#include "federation/exchange_impl.h"

#include <stdio.h>
#include <string.h>

// ------------------------------------------------------------------------------ talks' life

struct talk *talk_of(struct exchange *x, const struct node_session *s) {
    return node_session_data(s, x->service);
}

void talk_hold(struct talk *t) {
    t->refs++;
}

void talk_release(struct talk *t) {
    if (--t->refs)
        return;
    mem_free(t->opened);
    mem_free(t);
}

void talk_end(struct talk *t, const char *what, const struct err *why, bool improper) {
    char text[LINK_WHY_BYTES_MAX + 1];
    if (improper)
        (void)peersdb_improper(t->x->config.peers, t->peer.device, 1, NULL);
    (void)snprintf(t->why, sizeof t->why, "%s: %s", what, err_text(why));
    (void)snprintf(text, sizeof text, "%s: %s", what, err_text(why));
    for (char *c = text; *c; c++) // a goodbye is printable ASCII
        *c = *c >= ' ' && *c < 0x7f ? *c : '?';
    if (t->session)
        node_session_close(t->session, text);
}

unsigned talk_allow(struct talk *t, const uint8_t *scope) {
    const struct exchange_config *c = &t->x->config;
    return t->proved ? c->owner->allow(c->ctx, &t->peer, scope) : 0;
}

static int on_send(void *ctx, const void *bytes, size_t n) {
    const struct talk *t = ctx;
    return link_blob(node_session_link(t->session), (uint32_t)EXCHANGE_BLOBS << 24, bytes, n);
}

static struct opened *opened_of(struct talk *t, const uint8_t *scope) {
    for (uint32_t i = 0; i < t->opened_n; i++)
        if (memcmp(t->opened[i].scope, scope, RECORD_SCOPE_BYTES) == 0)
            return &t->opened[i];
    return NULL;
}

static unsigned on_allow(void *ctx, const uint8_t scope[RECORD_SCOPE_BYTES]) {
    unsigned allow = talk_allow(ctx, scope);
    struct opened *o = opened_of(ctx, scope);
    if (o) // what ends by itself, and comes back, is opened again
        o->allow &= allow;
    return allow;
}

static int on_author(void *ctx, const uint8_t author[RECORD_KEY_BYTES],
                     const uint8_t device[RECORD_KEY_BYTES]) {
    return cert_ask(ctx, author, device);
}

static int begin(struct exchange *x, struct node_session *s, struct talk *t, struct err *err) {
    struct link *l = node_session_link(s);
    struct sync_session_config c = {.outgoing = link_outgoing(l),
                                    .send = on_send,
                                    .allow = on_allow,
                                    .author = on_author,
                                    .ctx = t};
    struct peersdb_peer peer;
    int r = peersdb_peer_get(x->config.peers, node_session_key(s), &peer, err);
    if (r < 0)
        return r;
    memcpy(t->peer.device, peer.device, sizeof t->peer.device);
    memcpy(t->peer.identity, peer.identity, sizeof t->peer.identity);
    memcpy(c.peer, peer.device, sizeof c.peer);
    memcpy(c.key, link_binding(l), sizeof c.key);
    return sync_session_new(x->sync, &c, &t->sync, err);
}

static void on_up(void *ctx, struct node_session *s) {
    struct exchange *x = ctx;
    struct err e = {0};
    struct talk *t = mem_zalloc(sizeof *t);
    if (!t || begin(x, s, t, &e) < 0) {
        mem_free(t);
        node_session_close(s, t ? "exchange: not ready for this peer" : "busy");
        return;
    }
    t->x = x;
    t->refs = 1;
    t->session = s;
    t->next = x->talks;
    t->at = &x->talks;
    if (t->next)
        t->next->at = &t->next;
    x->talks = t;
    node_session_set_data(s, x->service, t);
    cert_show(t);
}

static void on_down(void *ctx, struct node_session *s, const struct err *why) {
    struct talk *t = talk_of(ctx, s);
    (void)why;
    if (!t)
        return;
    *t->at = t->next;
    if (t->next)
        t->next->at = t->at;
    sync_session_free(t->sync);
    t->sync = NULL;
    t->session = NULL;
    node_session_set_data(s, t->x->service, NULL);
    talk_release(t);
}

// What the peer should not have sent, unlike what we could not do with it.
static bool its_fault(int code) {
    return code == ERR_PARSE || code == ERR_LIMIT;
}

static int on_blob(void *ctx, struct node_session *s, uint32_t stream, const uint8_t *bytes,
                   size_t n) {
    struct talk *t = talk_of(ctx, s);
    struct err e = {0};
    (void)stream;
    if (!t)
        return ERR_PERM;
    int r = sync_feed(t->sync, bytes, n, &e);
    if (r < 0)
        talk_end(t, "sync", &e, its_fault(r)); // ERR_PERM has been counted by sync
    return r;
}

static void on_drained(void *ctx, struct node_session *s) {
    struct talk *t = talk_of(ctx, s);
    struct err e = {0};
    if (t && sync_drained(t->sync, &e) < 0)
        talk_end(t, "sync", &e, false);
}

void exchange_service(struct exchange *x, struct node_service *ret) {
    *ret = (struct node_service){.methods = exchange_methods,
                                 .up = on_up,
                                 .down = on_down,
                                 .blobs = EXCHANGE_BLOBS,
                                 .blob = on_blob,
                                 .drained = on_drained,
                                 .ctx = x};
    x->service = ret;
}

// ----------------------------------------------------------------------------------- scopes

struct opening {
    struct talk *t;
    int failed;
    struct err err;
};

// Opens a scope, or again when more is allowed of it than before.
static void open_scope(void *ctx, const uint8_t scope[RECORD_SCOPE_BYTES]) {
    struct opening *o = ctx;
    struct talk *t = o->t;
    unsigned allow = talk_allow(t, scope);
    struct opened *have = opened_of(t, scope);
    if (o->failed || !(allow & ~(have ? have->allow : 0)))
        return;
    bool again = have != NULL;
    if (!have) {
        int r = mem_grow((void **)&t->opened, t->opened_n, &t->opened_cap, sizeof *t->opened,
                         SYNC_LANES_MAX);
        if (r == ERR_LIMIT)
            t->left_out++;
        else if (r < 0)
            o->failed = err_set(&o->err, r, "no memory for scopes");
        if (r < 0)
            return;
        have = &t->opened[t->opened_n++];
        memcpy(have->scope, scope, sizeof have->scope);
    }
    have->allow = allow;
    int r = again ? sync_reopen(t->sync, scope, &o->err) : sync_open(t->sync, scope, &o->err);
    if (r == ERR_LIMIT) // the other side has opened others
        t->left_out++;
    else if (r < 0)
        o->failed = r;
}

void talk_open_scopes(struct talk *t) {
    const struct exchange_config *c = &t->x->config;
    struct opening o = {.t = t};
    t->left_out = 0;
    c->owner->scopes(c->ctx, &t->peer, open_scope, &o);
    if (o.failed)
        talk_end(t, "sync", &o.err, false);
}

// True: something that went to this peer may go no more.
static bool forget_withdrawn(struct talk *t) {
    bool withdrawn = false;
    for (uint32_t i = 0; i < t->opened_n; i++) {
        struct opened *o = &t->opened[i];
        unsigned now = talk_allow(t, o->scope);
        withdrawn |= (o->allow & SYNC_SEND) && !(now & SYNC_SEND);
        o->allow &= now; // what comes back is opened again
    }
    return withdrawn;
}

static void regrant(struct talk *t) {
    struct err e = {0};
    bool withdrawn = forget_withdrawn(t);
    if (withdrawn && link_queued(node_session_link(t->session)) > 0) {
        node_session_drop(t->session, "grants have ended");
        return;
    }
    if (sync_regrant(t->sync, &e) < 0)
        talk_end(t, "sync", &e, false);
    else if (t->proved)
        talk_open_scopes(t);
}

void exchange_grants_changed(struct exchange *x) {
    for (struct talk *t = x->talks, *next; t; t = next) {
        next = t->next;
        regrant(t);
    }
    exchange_wake(x);
}

// ------------------------------------------------------------------------------- work of its own

// Receipts for what revocations took away. More than a few go on in the next turn.
static void pay(struct exchange *x) {
    const struct exchange_config *c = &x->config;
    struct peersdb_owed owed;
    int r = 1;
    x->receipts = false;
    for (int i = 0; r > 0 && i < EXCHANGE_RECEIPTS_AT_ONCE; i++) {
        r = peersdb_owed(c->peers, &owed, NULL);
        if (r <= 0)
            return;
        AUTO_BUF bytes = BUF_INIT(RECORD_BYTES_MAX);
        int64_t counter = 0, now = env_wall_ms(c->env);
        struct peersdb_item item = {0};
        r = peersdb_counter(c->peers, &counter, NULL);
        if (r == 0)
            r = records_receipt(owed.revocation, owed.deleted, owed.scope, counter, now, &c->signer,
                                &bytes, item.id, NULL);
        item.bytes = (const uint8_t *)bytes.data;
        item.n = bytes.len;
        if (r == 0)
            r = peersdb_put(c->peers, NULL, owed.scope, &item, 1, NULL, now, NULL);
        r = r == 0 ? item.result : r; // not 1: it stays owed, until something changes
    }
    x->receipts = r > 0;
}

static void tell_gone(struct exchange *x) {
    const struct exchange_config *c = &x->config;
    while (x->gone_n) {
        uint8_t key[RECORD_KEY_BYTES];
        memcpy(key, x->gone[--x->gone_n], sizeof key);
        if (c->owner->revoked)
            c->owner->revoked(c->ctx, key);
    }
}

// Sessions with devices that are certified no more, by an identity that went on without them.
static void end_stale(struct exchange *x) {
    struct err e = {0};
    (void)err_set(&e, ERR_KEY, "the identity was rotated; this device needs its new certificate");
    x->recheck = false;
    for (struct talk *t = x->talks, *next; t; t = next) {
        next = t->next;
        if (t->proved &&
            peersdb_trust(x->config.peers, t->peer.identity, t->peer.device, NULL) == PEERSDB_STALE)
            talk_end(t, "certificate", &e, false);
    }
}

static void on_work(void *ctx) {
    struct exchange *x = ctx;
    x->work = NULL;
    tell_gone(x);
    if (x->recheck)
        end_stale(x);
    if (x->receipts)
        pay(x);
    exchange_pump(x);
    bool announce = x->announce;
    x->announce = false;
    for (struct talk *t = x->talks, *next; t && announce; t = next) {
        next = t->next;
        cert_show(t);
    }
    if (x->receipts || x->gone_n)
        exchange_wake(x);
}

void exchange_wake(struct exchange *x) {
    if (!x->work) // without memory the next event makes up for it
        x->work = env_timer_start(x->config.env, 0, on_work, x);
}

static void on_sweep(void *ctx) {
    struct exchange *x = ctx;
    const struct exchange_config *c = &x->config;
    int n = peersdb_sweep(c->peers, env_wall_ms(c->env), EXCHANGE_SWEEP_RECORDS, NULL);
    uint64_t ms = n == EXCHANGE_SWEEP_RECORDS ? 1000 : EXCHANGE_SWEEP_MS;
    x->sweep = env_timer_start(c->env, ms, on_sweep, x);
}

int exchange_new(const struct exchange_config *config, struct exchange **ret, struct err *err) {
    struct exchange *x = mem_zalloc(sizeof *x);
    int r = x ? 0 : err_set(err, ERR_NOMEM, "no memory to exchange records");
    if (r < 0)
        return r;
    x->config = *config;
    x->sync = sync_new(config->env, sync_store_peersdb(config->peers));
    if (!x->sync)
        r = err_set(err, ERR_NOMEM, "no memory to exchange records");
    if (r == 0)
        r = cert_own(x, err);
    if (r < 0) {
        exchange_free(x);
        return r;
    }
    x->announce = false; // nobody is there yet
    x->receipts = true;  // a crash may have come between
    x->sweep = env_timer_start(config->env, EXCHANGE_SWEEP_MS, on_sweep, x);
    exchange_wake(x);
    *ret = x;
    return 0;
}

void exchange_free(struct exchange *x) {
    if (!x)
        return;
    env_timer_cancel(x->config.env, x->work);
    env_timer_cancel(x->config.env, x->sweep);
    sync_free(x->sync);
    mem_free(x->gone);
    mem_free(x);
}

void exchange_changed(struct exchange *x, enum peersdb_change what, const uint8_t *scope,
                      const uint8_t *id, const uint8_t *by) {
    (void)by;
    if (!x)
        return;
    sync_changed(x->sync, what, scope, id);
    x->receipts |= what == PEERSDB_REVOKED;
    exchange_wake(x);
}

void exchange_pump(struct exchange *x) {
    sync_pump(x->sync);
    for (struct talk *t = x->talks, *next; t; t = next) {
        struct err e = {0};
        next = t->next;
        if (sync_session_failed(t->sync) < 0 && sync_drained(t->sync, &e) < 0)
            talk_end(t, "sync", &e, false);
    }
}

int exchange_identity_changed(struct exchange *x, struct err *err) {
    int r = cert_own(x, err);
    if (r == 0)
        exchange_wake(x);
    return r;
}

// -------------------------------------------------------------------------------- our records

int exchange_put(struct exchange *x, struct record *r, uint8_t ret_id[RECORD_ID_BYTES],
                 struct err *err) {
    const struct exchange_config *c = &x->config;
    AUTO_BUF bytes = BUF_INIT(RECORD_BYTES_MAX);
    struct peersdb_item item = {0};
    int64_t now = env_wall_ms(c->env);
    int e = peersdb_counter(c->peers, &r->counter, err);
    r->created_ms = now;
    if (e == 0)
        e = records_sign(r, &c->signer, &bytes, item.id, err);
    item.bytes = (const uint8_t *)bytes.data;
    item.n = bytes.len;
    if (e == 0)
        e = peersdb_put(c->peers, NULL, r->scope, &item, 1, NULL, now, err);
    if (e == 0 && item.result < 0)
        e = err_set(err, item.result,
                    item.result == ERR_PERM
                        ? "the record may not do this to that of another, or this device has been "
                          "revoked"
                        : "the record cannot be stored as it is");
    if (e < 0)
        return e;
    memcpy(ret_id, item.id, sizeof item.id);
    exchange_pump(x);
    return 0;
}

int exchange_take_back(struct exchange *x, const uint8_t id[RECORD_ID_BYTES], const char *reason,
                       uint8_t ret_id[RECORD_ID_BYTES], struct err *err) {
    AUTO_BUF bytes = BUF_INIT(RECORD_BYTES_MAX);
    struct record old, r = {.kind = RECORD_REVOCATION, .refers = true};
    r.body = (const uint8_t *)(reason ? reason : "");
    r.body_bytes = reason ? strnlen(reason, RECORD_REASON_BYTES_MAX + 1) : 0;
    int e = peersdb_get(x->config.peers, id, &bytes, NULL, err);
    if (e == 0)
        e = record_parse((const uint8_t *)bytes.data, bytes.len, &old, err);
    if (e < 0)
        return e;
    memcpy(r.scope, old.scope, sizeof r.scope);
    memcpy(r.refers_to, id, sizeof r.refers_to);
    return exchange_put(x, &r, ret_id, err);
}

int exchange_info(struct exchange *x, const uint8_t device[RECORD_KEY_BYTES],
                  struct exchange_info *ret) {
    for (const struct talk *t = x->talks; t; t = t->next) {
        if (memcmp(t->peer.device, device, RECORD_KEY_BYTES) != 0)
            continue;
        *ret = (struct exchange_info){.proved = t->proved,
                                      .refused = t->refused,
                                      .scopes = t->opened_n,
                                      .left_out = t->left_out,
                                      .asked = t->asks_n};
        memcpy(ret->why, t->why, sizeof ret->why);
        sync_session_info(t->sync, &ret->sync);
        return 0;
    }
    return ERR_NOT_FOUND;
}
