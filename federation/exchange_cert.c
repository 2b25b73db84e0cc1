// Certificates between two engines: shown when a session stands and when they change, asked for
// when a record comes from a device that nobody has proved yet.
#include "core/base/mem.h"
#include "federation/exchange_impl.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { BASE64 = sodium_base64_VARIANT_ORIGINAL_NO_PADDING };

// ----------------------------------------------------------------------------- bytes in JSON

static json_t *to_text(const void *bytes, size_t n) {
    size_t room = sodium_base64_ENCODED_LEN(n, BASE64);
    AUTO_FREE char *text = mem_alloc(room);
    return text ? json_string(sodium_bin2base64(text, room, bytes, n, BASE64)) : NULL;
}

// Exactly `n` bytes, or with `least` that many up to n. How many, 0: it is none of that.
static size_t from_text(const json_t *text, void *ret, size_t least, size_t n) {
    size_t got = 0;
    const char *s = json_string_value(text), *end = NULL;
    size_t len = json_string_length(text);
    if (!s || len > sodium_base64_ENCODED_LEN(n, BASE64) ||
        sodium_base642bin(ret, n, s, len, NULL, &got, &end, BASE64) != 0 || end != s + len)
        return 0;
    return got >= least ? got : 0;
}

static bool key_of(const json_t *params, const char *name, uint8_t ret[RECORD_KEY_BYTES]) {
    return from_text(json_object_get(params, name), ret, RECORD_KEY_BYTES, RECORD_KEY_BYTES) != 0;
}

static void fail(struct rpc_request *req, int code, const char *text) {
    rpc_fail(req, code, text, NULL);
}

// ---------------------------------------------------------------------------- what is believed

static void note_gone(struct exchange *x, const uint8_t *device) {
    if (mem_grow((void **)&x->gone, x->gone_n, &x->gone_cap, sizeof *x->gone,
                 PEERSDB_STATEMENTS_MAX) < 0)
        return; // it is refused all the same; the node's table is read again at the next start
    memcpy(x->gone[x->gone_n++], device, RECORD_KEY_BYTES);
    exchange_wake(x);
}

// Whether this identity has said so of its own device; what it says of another's is nothing.
static bool is_revoked(struct exchange *x, const uint8_t *identity, const uint8_t *device) {
    uint8_t of[RECORD_KEY_BYTES];
    return peersdb_identity(x->config.peers, device, of, NULL) == 0 &&
           memcmp(of, identity, sizeof of) == 0 &&
           peersdb_trust(x->config.peers, identity, device, NULL) == PEERSDB_GONE;
}

// 0 also when it changes nothing. Negative: the peer should not have sent that.
static int take_statement(struct exchange *x, const uint8_t *bytes, size_t n, bool asked,
                          struct err *err) {
    const struct exchange_config *c = &x->config;
    struct statement s;
    int r = peersdb_statement_put(c->peers, bytes, n, asked, env_wall_ms(c->env), &s, err);
    if (r <= 0)
        return r;
    if (memcmp(s.identity, x->identity, sizeof s.identity) == 0 && c->owner->learn)
        c->owner->learn(c->ctx, bytes, n);
    if (is_revoked(x, s.identity, s.subject))
        note_gone(x, s.subject);
    x->announce = true; // whom else it concerns is told
    exchange_wake(x);
    return 0;
}

// Takes a chain whose device and identity are known to be those that were meant.
static int take_chain(struct exchange *x, const struct chain *c, const uint8_t *bytes, size_t n,
                      struct err *err) {
    bool before[CHAIN_REVOKED_MAX];
    for (size_t i = 0; i < c->revoked_n; i++)
        before[i] = is_revoked(x, c->current, c->revoked[i]);
    int r = peersdb_certify(x->config.peers, c, bytes, n, env_wall_ms(x->config.env), err);
    for (size_t i = 0; r == 0 && i < c->revoked_n; i++)
        if (!before[i] && is_revoked(x, c->current, c->revoked[i])) {
            note_gone(x, c->revoked[i]);
            x->announce = true;
        }
    if (r == 0 && c->rotations_n) { // devices of the old key have to show themselves anew
        x->recheck = true;
        exchange_wake(x);
    }
    return r;
}

int cert_own(struct exchange *x, struct err *err) {
    const struct exchange_config *c = &x->config;
    AUTO_BUF bytes = BUF_INIT(CHAIN_BYTES_MAX);
    AUTO_FREE struct chain *own = mem_alloc(sizeof *own);
    struct chain_expect expect = {.device = c->signer.device, .now_ms = env_wall_ms(c->env)};
    if (!own)
        return err_set(err, ERR_NOMEM, "no memory for our own certificate");
    int r = c->owner->chain(c->ctx, &bytes, err);
    if (r == 0)
        r = chain_verify(bytes.data, bytes.len, &expect, own, err);
    if (r == 0)
        r = take_chain(x, own, (const uint8_t *)bytes.data, bytes.len, err);
    if (r < 0)
        return r;
    memcpy(x->identity, own->current, sizeof x->identity);
    memcpy(x->device, own->device, sizeof x->device);
    memcpy(x->config.signer.author, own->current, sizeof x->config.signer.author);
    x->announce = true;
    return 0;
}

// ---------------------------------------------------------------------------------- concerns

struct concern {
    struct talk *t;
    json_t *list;
    uint8_t last[RECORD_KEY_BYTES];
    bool begun, concerned;
};

static int may_send(void *ctx, const uint8_t scope[RECORD_SCOPE_BYTES]) {
    return (talk_allow(ctx, scope) & (SYNC_SEND | SYNC_SEND_ORDERS)) != 0;
}

// Whether the peer may hear of an identity, or a device: ours, its own, or one whose records lie in
// a scope that goes to it. Whom else we know is nobody's business.
static bool concerns(struct talk *t, const uint8_t *key, bool identity) {
    struct exchange *x = t->x;
    uint8_t of[RECORD_KEY_BYTES];
    memcpy(of, key, sizeof of);
    if (!identity && peersdb_identity(x->config.peers, key, of, NULL) < 0)
        return false;
    if (memcmp(of, x->identity, sizeof of) == 0 || memcmp(of, t->peer.identity, sizeof of) == 0)
        return true;
    return peersdb_written(x->config.peers, key, identity, may_send, t, NULL) > 0;
}

struct statements { // those of one identity behind each other
    uint8_t (*bytes)[STATEMENT_REVOKE_BYTES];
    uint32_t n, cap;
};

static int collect(void *ctx, const uint8_t identity[RECORD_KEY_BYTES], const uint8_t *bytes) {
    struct statements *s = ctx;
    (void)identity;
    if (mem_grow((void **)&s->bytes, s->n, &s->cap, sizeof *s->bytes, PEERSDB_STATEMENTS_MAX) < 0)
        return 1;
    memcpy(s->bytes[s->n++], bytes, STATEMENT_REVOKE_BYTES);
    return 0;
}

static json_t *concerning(struct talk *t) {
    struct concern c = {.t = t, .list = json_array()};
    struct statements s = {0};
    (void)peersdb_statements(t->x->config.peers, collect, &s, NULL);
    for (uint32_t i = 0; c.list && i < s.n && json_array_size(c.list) < EXCHANGE_STATEMENTS_MAX;
         i++) {
        const uint8_t *identity = s.bytes[i] + 2;
        if (!c.begun || memcmp(identity, c.last, sizeof c.last) != 0)
            c.concerned = concerns(t, identity, true);
        memcpy(c.last, identity, sizeof c.last);
        c.begun = true;
        if (c.concerned)
            (void)json_array_append_new(c.list, to_text(s.bytes[i], STATEMENT_REVOKE_BYTES));
    }
    mem_free(s.bytes);
    return c.list;
}

// ----------------------------------------------------------------------------- showing our own

static void ask_free(struct ask *a) {
    talk_release(a->talk);
    mem_free(a);
}

static struct ask *ask_new(struct talk *t) {
    struct ask *a = mem_zalloc(sizeof *a);
    if (a) {
        a->talk = t;
        talk_hold(t);
    }
    return a;
}

static void on_shown(void *ctx, const json_t *result, const json_t *error, const struct err *err) {
    struct ask *a = ctx;
    struct talk *t = a->talk;
    (void)err;
    if (t->session) {
        t->refused = !result && error;
        if (t->refused)
            (void)snprintf(t->why, sizeof t->why, "it does not take our certificate: %s",
                           json_string_value(json_object_get(error, "message")));
    }
    ask_free(a);
}

void cert_show(struct talk *t) {
    const struct exchange_config *c = &t->x->config;
    AUTO_BUF chain = BUF_INIT(CHAIN_BYTES_MAX);
    struct err e = {0};
    struct ask *a = ask_new(t);
    int r = a ? c->owner->chain(c->ctx, &chain, &e) : err_set(&e, ERR_NOMEM, "out of memory");
    json_t *params = NULL;
    if (r == 0)
        params = json_pack("{s:o, s:o}", "chain", to_text(chain.data, chain.len), "revocations",
                           concerning(t));
    if (r == 0 && !params)
        r = err_set(&e, ERR_NOMEM, "out of memory");
    if (r == 0 && link_call(node_session_link(t->session), "cert.show", params, EXCHANGE_CALL_MS,
                            on_shown, a, &e) < 0)
        r = e.code;
    if (r == 0)
        return;
    if (a)
        ask_free(a);
    talk_end(t, "certificate", &e, false);
}

// --------------------------------------------------------------------------- seeing the other's

static int take_statements(struct exchange *x, const json_t *list, struct err *err) {
    size_t n = json_array_size(list);
    if (!json_is_array(list) || n > EXCHANGE_STATEMENTS_MAX)
        return err_set(err, ERR_PARSE, "the revocations are no list of at most %d",
                       EXCHANGE_STATEMENTS_MAX);
    for (size_t i = 0; i < n; i++) {
        uint8_t bytes[STATEMENT_REVOKE_BYTES];
        if (!from_text(json_array_get(list, i), bytes, sizeof bytes, sizeof bytes))
            return err_set(err, ERR_PARSE, "a revocation is none");
        int r = take_statement(x, bytes, sizeof bytes, false, err);
        if (r < 0 && r != ERR_LIMIT) // full: we keep what we have
            return r;
    }
    return 0;
}

int cert_take_shown(struct talk *t, const json_t *params, struct err *err) {
    struct exchange *x = t->x;
    uint8_t bytes[CHAIN_BYTES_MAX];
    AUTO_FREE struct chain *c = mem_alloc(sizeof *c);
    struct chain_expect expect = {.identity = t->peer.identity,
                                  .device = t->peer.device,
                                  .now_ms = env_wall_ms(x->config.env)};
    size_t n = from_text(json_object_get(params, "chain"), bytes, 1, sizeof bytes);
    if (!c)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (!n)
        return err_set(err, ERR_PARSE, "there is no certificate");
    int r = chain_verify(bytes, n, &expect, c, err);
    if (r == 0)
        r = take_chain(x, c, bytes, n, err);
    if (r == 0)
        r = take_statements(x, json_object_get(params, "revocations"), err);
    if (r < 0)
        return r;
    t->proved = true;
    t->why[0] = '\0';
    if (memcmp(t->peer.identity, c->current, sizeof c->current) != 0) {
        uint8_t before[RECORD_KEY_BYTES];
        memcpy(before, t->peer.identity, sizeof before);
        memcpy(t->peer.identity, c->current, sizeof t->peer.identity);
        if (x->config.owner->rotated)
            x->config.owner->rotated(x->config.ctx, t->peer.device, before, c->current);
    }
    return 0;
}

// Who is not who was paired with, or forged something, did that on purpose; an end of validity, or
// our lack of memory, is nobody's fault.
static bool on_purpose(int code) {
    return code == ERR_KEY || code == ERR_CORRUPT || code == ERR_PARSE || code == ERR_LIMIT ||
           code == ERR_EXISTS;
}

static void do_show(void *ctx, struct node_session *s, struct rpc_request *req, json_t *params) {
    struct talk *t = talk_of(ctx, s);
    struct err e = {0};
    if (!t) {
        fail(req, NODE_ERROR_BUSY, "Not ready");
        return;
    }
    int r = cert_take_shown(t, params, &e);
    if (r < 0) {
        t->proved = false;
        fail(req, EXCHANGE_ERROR_CERTIFICATE, err_text(&e));
        talk_end(t, "certificate", &e, on_purpose(r));
        return;
    }
    rpc_reply(req, json_object());
    talk_open_scopes(t);
}

// ---------------------------------------------------------------- devices that are not the peer's

static void do_get(void *ctx, struct node_session *s, struct rpc_request *req, json_t *params) {
    struct talk *t = talk_of(ctx, s);
    uint8_t author[RECORD_KEY_BYTES], device[RECORD_KEY_BYTES];
    if (!t || !t->proved) {
        fail(req, EXCHANGE_ERROR_CERTIFICATE, "Show who you are first");
        return;
    }
    if (!key_of(params, "author", author) || !key_of(params, "device", device)) {
        fail(req, JSONRPC_INVALID_PARAMS, "Invalid params: author and device are keys");
        return;
    }
    AUTO_BUF bytes = BUF_INIT(CHAIN_BYTES_MAX);
    struct peersdb *p = t->x->config.peers;
    bool may = concerns(t, device, false);
    if (may && peersdb_chain(p, device, &bytes, NULL) == 0)
        rpc_reply(req, json_pack("{s:o}", "chain", to_text(bytes.data, bytes.len)));
    else if (may && peersdb_statement(p, author, device, &bytes, NULL) == 0)
        rpc_reply(req, json_pack("{s:o}", "revocation", to_text(bytes.data, bytes.len)));
    else
        fail(req, EXCHANGE_ERROR_UNKNOWN, "No such device");
}

const struct node_method exchange_methods[] = {
    {"cert.show", do_show, false}, {"cert.get", do_get, false}, {0}};

static uint64_t now_ms(const struct talk *t) {
    return env_mono_ns(t->x->config.env) / 1000000;
}

static bool same(const uint8_t *a, const uint8_t *b, const uint8_t *author, const uint8_t *device) {
    return memcmp(a, author, RECORD_KEY_BYTES) == 0 && memcmp(b, device, RECORD_KEY_BYTES) == 0;
}

static bool is_unknown(const struct talk *t, const uint8_t *author, const uint8_t *device) {
    for (uint32_t i = 0; i < EXCHANGE_UNKNOWN_MAX; i++)
        if (t->unknown[i].until_ms > now_ms(t) &&
            same(t->unknown[i].author, t->unknown[i].device, author, device))
            return true;
    return false;
}

static void note_unknown(struct talk *t, const uint8_t *author, const uint8_t *device) {
    struct unknown *u = &t->unknown[t->unknown_at++ % EXCHANGE_UNKNOWN_MAX];
    memcpy(u->author, author, sizeof u->author);
    memcpy(u->device, device, sizeof u->device);
    u->until_ms = now_ms(t) + EXCHANGE_UNKNOWN_MS;
}

int cert_take_answer(struct exchange *x, const struct ask *a, const json_t *result,
                     struct err *err) {
    uint8_t bytes[CHAIN_BYTES_MAX];
    AUTO_FREE struct chain *c = mem_alloc(sizeof *c);
    struct chain_expect expect = {
        .identity = a->author, .device = a->device, .now_ms = env_wall_ms(x->config.env)};
    size_t n = from_text(json_object_get(result, "revocation"), bytes, STATEMENT_REVOKE_BYTES,
                         STATEMENT_REVOKE_BYTES);
    if (n)
        return take_statement(x, bytes, n, true, err);
    n = from_text(json_object_get(result, "chain"), bytes, 1, sizeof bytes);
    if (!c || !n)
        return err_set(err, ERR_PARSE, "there is no certificate");
    int r = chain_verify(bytes, n, &expect, c, err);
    return r == 0 ? take_chain(x, c, bytes, n, err) : r;
}

static void on_answer(void *ctx, const json_t *result, const json_t *error, const struct err *err) {
    struct ask *a = ctx;
    struct talk *t = a->talk;
    struct err e = {0};
    // The link is ending, or has: nothing of the session is touched, and the records come again.
    bool ending = !t->session || (!result && !error && err && err->code == ERR_CLOSED);
    for (uint32_t i = 0; i < t->asks_n; i++)
        if (t->asks[i] == a) {
            t->asks[i] = t->asks[--t->asks_n];
            break;
        }
    if (!ending) {
        int r = result ? cert_take_answer(t->x, a, result, &e) : ERR_NOT_FOUND;
        if (r < 0)
            note_unknown(t, a->author, a->device);
        if (r == ERR_CORRUPT || r == ERR_PARSE) // forged, not merely of no use
            (void)peersdb_improper(t->x->config.peers, t->peer.device, 1, NULL);
        if (!t->asks_n && sync_resume(t->sync, &e) < 0)
            talk_end(t, "sync", &e, false);
    }
    ask_free(a);
}

int cert_ask(struct talk *t, const uint8_t *author, const uint8_t *device) {
    int trust = peersdb_trust(t->x->config.peers, author, device, NULL);
    if (trust < 0 || trust == PEERSDB_TRUSTED || trust == PEERSDB_GONE ||
        is_unknown(t, author, device))
        return 0;
    for (uint32_t i = 0; i < t->asks_n; i++)
        if (same(t->asks[i]->author, t->asks[i]->device, author, device))
            return 1;
    if (t->asks_n == EXCHANGE_ASKED_MAX)
        return 1; // its turn comes when these are answered
    struct ask *a = ask_new(t);
    if (!a)
        return 0;
    memcpy(a->author, author, sizeof a->author);
    memcpy(a->device, device, sizeof a->device);
    json_t *params = json_pack("{s:o, s:o}", "author", to_text(author, RECORD_KEY_BYTES), "device",
                               to_text(device, RECORD_KEY_BYTES));
    if (!params || link_call(node_session_link(t->session), "cert.get", params, EXCHANGE_CALL_MS,
                             on_answer, a, NULL) < 0) {
        ask_free(a);
        return 0;
    }
    t->asks[t->asks_n++] = a;
    return 1;
}
