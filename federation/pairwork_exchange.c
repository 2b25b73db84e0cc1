// The messages of a pairing on a link, and the last step: that both keep it.
#include "core/base/mem.h"
#include "core/crypto/secret.h"
#include "federation/pairwork_impl.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

enum {
    NOT_KEPT = -32020, // JSON-RPC: the host could not store it
    SAY_BYTES_MAX =
        sodium_base64_ENCODED_LEN(PAIR_MESSAGE_BYTES_MAX, sodium_base64_VARIANT_ORIGINAL)
};
// A message fits a stranger's frame with what stands around it.
_Static_assert(SAY_BYTES_MAX + 256 < LINK_STRANGER_BYTES_MAX, "a frame of a stranger");

// --- life ----------------------------------------------------------------------------------------

static struct pair_attempt *find(const struct pairwork *w, const struct node_session *s) {
    for (size_t i = 0; i < PAIRING_SESSIONS_MAX; i++)
        if (w->exchanges[i] && w->exchanges[i]->session == s)
            return w->exchanges[i];
    return NULL;
}

static struct pair_attempt *pair_attempt_new(struct pairwork *w, struct node_session *s,
                                             bool host) {
    size_t slot = 0;
    while (slot < PAIRING_SESSIONS_MAX && w->exchanges[slot])
        slot++;
    struct pair_attempt *e = slot < PAIRING_SESSIONS_MAX ? mem_zalloc(sizeof *e) : NULL;
    if (!e)
        return NULL;
    e->w = w;
    e->session = s;
    e->host = host;
    w->exchanges[slot] = e;
    pairwork_door(w);
    return e;
}

static void hold(struct pair_attempt *e) {
    e->holds++;
}

static void release(struct pair_attempt *e) {
    assert(e->holds > 0);
    if (--e->holds == 0 && e->ended)
        mem_free(e);
}

void pair_attempt_end(struct pair_attempt *e) {
    struct pairwork *w = e->w;
    if (e->ended)
        return;
    hold(e);
    e->ended = true;
    e->inside++;
    pairing_close(e->pairing); // tells the other side, unless it is over
    e->inside--;
    e->pairing = NULL;
    secret_free(e->result);
    e->result = NULL;
    for (size_t i = 0; i < PAIRING_SESSIONS_MAX; i++)
        if (w->exchanges[i] == e)
            w->exchanges[i] = NULL;
    if (w->current == e)
        w->current = NULL;
    struct node_session *s = e->session;
    e->session = NULL;
    if (s)
        node_session_close(s, "pairing");
    pairwork_door(w);
    release(e);
}

// Which pairing is meant, said by who knows its secret.
static void id_of(const struct pair_attempt *e, char ret[PAIRWORK_ID_BYTES]) {
    static const char label[] = "paired/pair/v1/kept";
    uint8_t hash[32];
    secret_hash(e->result->secret, label, strlen(label), NULL, 0, hash);
    (void)sodium_bin2hex(ret, PAIRWORK_ID_BYTES, hash, PAIRWORK_ID_BYTES / 2);
}

// The guest has stored it, and does not know whether the host has.
static void ask_later(struct pair_attempt *e) {
    struct pairwork *w = e->w;
    struct pairwork_doubt doubt = {.addr = e->address, .entry = e->entry};
    id_of(e, doubt.id);
    pair_attempt_end(e);
    pairwork_unconfirmed(w, &doubt);
}

void pair_attempt_fail(struct pair_attempt *e, const struct err *why) {
    struct pairwork *w = e->w;
    if (e->stored) {
        ask_later(e);
        return;
    }
    struct err copy = *why;
    bool current = e == w->current;
    // Whoever answered there is not the host, and has learnt nothing that costs the code.
    bool again = current && !e->host && w->state.phase == PAIRWORK_EXCHANGING && !e->proof_sent &&
                 (copy.code == ERR_NOT_FOUND || copy.code == ERR_BUSY || copy.code == ERR_CLOSED ||
                  copy.code == ERR_TIMEOUT);
    char where[NET_ADDR_TEXT_MAX];
    net_addr_format(&e->address, where);
    pair_attempt_end(e);
    if (again) {
        (void)err_context(&copy, copy.code, "%s", where);
        w->last = copy;
        pairwork_phase(w, PAIRWORK_SEEKING, PAIRWORK_SEEK_MS);
        pairwork_seek(w);
    } else if (current) {
        pairwork_failed(w, &copy);
    }
}

// The link went before the pairing was over.
static void lost(struct pair_attempt *e) {
    struct pairwork *w = e->w;
    struct err why = {0};
    const char *name = w->state.name;
    switch (e == w->current ? w->state.phase : PAIRWORK_IDLE) {
    case PAIRWORK_KEEPING:
        (void)err_set(&why, ERR_CLOSED,
                      "%s was gone before it had stored the pairing; nothing was kept here", name);
        break;
    case PAIRWORK_ASKING:
    case PAIRWORK_ANSWERED:
        (void)err_set(&why, ERR_CLOSED, "%s was gone before both had agreed; nothing was kept",
                      name);
        break;
    default:
        (void)err_set(&why, ERR_CLOSED, "the other side has hung up");
        break;
    }
    pair_attempt_fail(e, &why);
}

void pair_attempt_gone(void *ctx, struct node_session *s, const struct err *why) {
    struct pair_attempt *e = find(ctx, s);
    (void)why;
    if (!e)
        return;
    e->session = NULL;
    e->lost = true;
    if (e->inside == 0)
        lost(e);
}

// Before and after a call of pairing, whose events may end the exchange.
static void enter(struct pair_attempt *e) {
    hold(e);
    e->inside++;
}

static void leave(struct pair_attempt *e) {
    e->inside--;
    if (e->lost && !e->ended && e->inside == 0)
        lost(e);
    release(e);
}

// --- messages ------------------------------------------------------------------------------------

static void on_said(void *ctx, const json_t *result, const json_t *error, const struct err *err) {
    struct pair_attempt *e = ctx;
    struct err why = {0};
    (void)result;
    if (!e->ended && error) {
        json_int_t code = json_integer_value(json_object_get(error, "code"));
        if (code == NODE_ERROR_BUSY)
            (void)err_set(&why, ERR_BUSY, "the other side is busy; try again");
        else if (code == NODE_ERROR_NOT_PAIRED && !e->host && !e->proof_sent)
            (void)err_set(&why, ERR_NOT_FOUND, "no pairing code is open there");
        else
            (void)err_set(&why, ERR_CLOSED, "the other side has ended pairing");
        pair_attempt_fail(e, &why);
    } else if (!e->ended && err && err->code == ERR_TIMEOUT) {
        (void)err_set(&why, ERR_TIMEOUT, "the other side does not answer");
        pair_attempt_fail(e, &why);
    } // ERR_CLOSED: the session's end follows
    release(e);
}

static int say(struct pair_attempt *e, const uint8_t *bytes, size_t n) {
    struct link *l = e->session ? node_session_link(e->session) : NULL;
    AUTO_FREE char *text = mem_alloc(SAY_BYTES_MAX);
    json_t *params = NULL;
    if (text && l && n <= PAIR_MESSAGE_BYTES_MAX) {
        sodium_bin2base64(text, SAY_BYTES_MAX, bytes, n, sodium_base64_VARIANT_ORIGINAL);
        params = json_pack("{s:s}", "m", text);
    }
    if (!params)
        return ERR_NOMEM;
    hold(e);
    e->inside++;
    int64_t call = link_call(l, "pair.say", params, PAIRWORK_CALL_MS, on_said, e, NULL);
    e->inside--;
    if (call < 0)
        release(e);
    return call < 0 ? (int)call : 0;
}

static void on_send(void *ctx, const uint8_t *bytes, size_t n) {
    struct pair_attempt *e = ctx;
    if (!e->host && n > 1 && bytes[1] == PAIR_PROOF) {
        e->proof_sent = true;
        pairwork_tried(e->w);
    }
    if (say(e, bytes, n) < 0)
        e->lost = true; // seen to when the call of pairing is over
}

// A message of a request; NULL and the request is answered.
static uint8_t *heard(struct rpc_request *req, json_t *params, size_t *ret_n) {
    const json_t *m = json_object_get(params, "m");
    const char *text = json_string_value(m);
    size_t n = json_string_length(m);
    AUTO_FREE uint8_t *bytes = mem_alloc(PAIR_MESSAGE_BYTES_MAX);
    if (!bytes) {
        rpc_fail(req, NODE_ERROR_BUSY, "Out of memory; try again", NULL);
        return NULL;
    }
    if (!text || sodium_base642bin(bytes, PAIR_MESSAGE_BYTES_MAX, text, n, NULL, ret_n, NULL,
                                   sodium_base64_VARIANT_ORIGINAL) != 0) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "Invalid params: m is a message in base64", NULL);
        return NULL;
    }
    return TAKE(bytes);
}

static void link_of(const struct pair_attempt *e, struct pairing_link *ret) {
    memcpy(ret->own_device, e->w->config.key, sizeof ret->own_device);
    memcpy(ret->peer_device, node_session_key(e->session), sizeof ret->peer_device);
    memcpy(ret->binding, link_binding(node_session_link(e->session)), sizeof ret->binding);
}

// A stranger's first message. NULL and the request is answered.
static struct pair_attempt *accept(struct pairwork *w, struct node_session *s,
                                   struct rpc_request *req) {
    struct pairing_link link;
    if (node_session_friend(s)) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "Invalid params: pairing has a link of its own",
                 NULL);
        return NULL;
    }
    struct pair_attempt *e = pair_attempt_new(w, s, true);
    if (!e) {
        rpc_fail(req, NODE_ERROR_BUSY, "Too many try to pair at once", NULL);
        return NULL;
    }
    node_session_addr(s, &e->address);
    link_of(e, &link);
    if (pairing_accept(w->pairing, &link, e, &e->pairing, NULL) < 0) {
        rpc_fail(req, NODE_ERROR_BUSY, "Too many try to pair at once", NULL);
        pair_attempt_end(e);
        return NULL;
    }
    return e;
}

static void feed(struct pair_attempt *e, const uint8_t *bytes, size_t n) {
    struct pair_attempt *before = e->w->feeding;
    struct pairwork *w = e->w;
    w->feeding = e;
    enter(e);
    (void)pairing_feed(e->pairing, bytes, n, NULL); // `over` has been told
    w->feeding = before;
    leave(e);
}

static void serve_say(void *ctx, struct node_session *s, struct rpc_request *req, json_t *params) {
    struct pairwork *w = ctx;
    size_t n;
    AUTO_FREE uint8_t *bytes = heard(req, params, &n);
    if (!bytes)
        return;
    struct pair_attempt *e = find(w, s);
    if (!e)
        e = accept(w, s, req);
    if (!e)
        return;
    hold(e);
    rpc_reply(req, json_object());
    if (!e->ended)
        feed(e, bytes, n);
    release(e);
}

// --- keeping a pairing ---------------------------------------------------------------------------

static int keep(struct pair_attempt *e, struct err *err) {
    struct pairwork *w = e->w;
    struct peers_entry *entry = &e->entry;
    *entry = (struct peers_entry){0};
    memcpy(entry->key, w->state.device, sizeof entry->key);
    if (e->address.port != 0)
        entry->addrs[entry->addrs_n++] = e->address;
    int r = w->config.owner->paired(w->config.ctx, e->result, &e->address, entry, err);
    return r < 0 ? err_context(err, r, "the pairing could not be stored here") : 0;
}

// Stored on both sides: the link becomes the session of two friends.
static void finish(struct pair_attempt *e) {
    struct pairwork *w = e->w;
    struct peers_entry entry = e->entry;
    struct node_session *s = e->session;
    struct err err = {0};
    e->session = NULL;
    pair_attempt_end(e);
    w->state.code = 0;
    w->state.text[0] = '\0';
    pairwork_phase(w, PAIRWORK_PAIRED, 0);
    w->config.owner->confirmed(w->config.ctx, &w->state);
    if (node_peer_add(w->node, &entry, &err) == 0)
        return;
    (void)err_context(&err, err.code, "paired, but not connected before the next start");
    memcpy(w->state.text, err.message, sizeof w->state.text);
    if (s)
        node_session_close(s, "pairing");
}

static void on_kept(void *ctx, const json_t *result, const json_t *error, const struct err *err) {
    struct pair_attempt *e = ctx;
    struct pairwork *w = e->w;
    struct err why = {0};
    bool not_kept = error && json_integer_value(json_object_get(error, "code")) == NOT_KEPT;
    if (!e->ended && result) {
        finish(e);
    } else if (!e->ended && not_kept) { // for certain
        (void)err_set(&why, ERR_CLOSED, "%s could not store the pairing%s", w->state.name,
                      w->state.known ? "" : "; it was taken back here");
        e->stored = false;
        if (!w->state.known)
            w->config.owner->unpaired(w->config.ctx, w->state.device);
        pair_attempt_fail(e, &why);
    } else if (!e->ended && (error || err->code == ERR_TIMEOUT)) {
        ask_later(e);
    }
    release(e);
}

static void guest_keep(struct pair_attempt *e) {
    struct err why = {0};
    if (keep(e, &why) < 0) {
        pair_attempt_fail(e, &why); // the host is told by the link's end, and keeps nothing
        return;
    }
    e->stored = true;
    struct link *l = e->session ? node_session_link(e->session) : NULL;
    char id[PAIRWORK_ID_BYTES];
    id_of(e, id);
    json_t *params = json_pack("{s:s, s:i}", "id", id, "port", (int)node_port(e->w->node));
    hold(e);
    if (!params || !l ||
        link_call(l, "pair.kept", params, PAIRWORK_CALL_MS, on_kept, e, NULL) < 0) {
        e->lost = true; // leave() sees to it
        release(e);
    }
}

static void host_keep(struct pair_attempt *e, struct node_session *s, struct rpc_request *req,
                      uint16_t port) {
    struct err why = {0};
    struct node_session *before = e->session;
    hold(e);
    e->address.port = port;
    e->session = s; // it may ask again on another link
    if (before && before != s)
        node_session_close(before, "pairing");
    if (keep(e, &why) < 0) {
        rpc_fail(req, NOT_KEPT, "The pairing could not be stored", NULL);
        pair_attempt_fail(e, &why);
    } else {
        id_of(e, e->w->kept_id);
        e->inside++; // kept is kept, also when the link breaks under the answer
        rpc_reply(req, json_object());
        e->inside--;
        finish(e);
    }
    release(e);
}

// The guest has stored it. Whatever it is told, nothing of that pairing is under way here
// afterwards.
static void serve_kept(void *ctx, struct node_session *s, struct rpc_request *req, json_t *params) {
    struct pairwork *w = ctx;
    struct pair_attempt *e = w->current;
    const char *id = json_string_value(json_object_get(params, "id"));
    const json_t *port = json_object_get(params, "port");
    json_int_t number = json_integer_value(port);
    struct err why = {0};
    char own[PAIRWORK_ID_BYTES] = "";
    if (!id || !json_is_integer(port) || number < 0 || number > UINT16_MAX) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "Invalid params: id and port are expected", NULL);
        return;
    }
    bool about = e && e->host && w->state.met &&
                 memcmp(node_session_key(s), w->state.device, sizeof w->state.device) == 0;
    if (about && w->state.phase == PAIRWORK_KEEPING)
        id_of(e, own);
    if (*own && strcmp(own, id) == 0) {
        host_keep(e, s, req, (uint16_t)number);
    } else if (*w->kept_id && strcmp(w->kept_id, id) == 0) {
        rpc_reply(req, json_object());
    } else {
        rpc_fail(req, NOT_KEPT, "No such pairing was stored", NULL);
        (void)err_set(&why, ERR_CLOSED, "%s has lost the link; nothing was kept here, pair again",
                      w->state.name);
        if (about)
            pair_attempt_fail(e, &why);
    }
}

const struct node_method pairwork_methods[] = {
    {"pair.say", serve_say, true}, {"pair.kept", serve_kept, true}, {0}};

// --- events of a pairing -------------------------------------------------------------------------

static void on_ask(void *ctx, struct pairing_session *s, const struct pairing_peer *peer) {
    struct pair_attempt *e = ctx;
    struct pairwork *w = e->w;
    struct node_diagnosis known;
    (void)s;
    if (e != w->current || !e->session) {
        e->lost = true;
        return;
    }
    struct pairwork_state *st = &w->state;
    st->met = true;
    st->own_identity = peer->own_identity;
    memcpy(st->name, peer->name, sizeof st->name);
    memcpy(st->device, peer->chain.device, sizeof st->device);
    memcpy(st->identity, peer->chain.current, sizeof st->identity);
    st->known = node_diagnose(w->node, st->device, &known) == 0;
    st->gives = peer->give;
    st->wants = peer->want;
    node_session_keep(e->session, PAIRING_ANSWER_MS);
    pairwork_phase(w, PAIRWORK_ASKING, PAIRING_ANSWER_MS);
}

static void on_over(void *ctx, struct pairing_session *s, const struct pairing_result *result,
                    const struct err *why) {
    struct pair_attempt *e = ctx;
    struct pairwork *w = e->w;
    struct err err = {0};
    (void)s;
    if (!result) {
        pair_attempt_fail(e, why);
        return;
    }
    e->result = secret_alloc(sizeof *e->result);
    if (!e->result) {
        (void)err_set(&err, ERR_NOMEM, "out of memory");
        pair_attempt_fail(e, &err);
        return;
    }
    *e->result = *result; // `peer` lives as the session of pairing
    w->state.granted = result->granted;
    w->state.received = result->received;
    pairwork_phase(w, PAIRWORK_KEEPING, PAIRWORK_KEEP_MS);
    pairwork_timer(w, PAIRWORK_KEEP_MS);
    if (!e->host)
        guest_keep(e);
}

static void on_alarm(void *ctx, enum pairing_alarm what, const struct pairing_link *link) {
    struct pairwork *w = ctx;
    w->config.owner->alarm(w->config.ctx, what, link->peer_device);
}

static void on_offer_ended(void *ctx, enum pairing_end why) {
    struct pairwork *w = ctx;
    struct err err = {0};
    if (w->state.phase != PAIRWORK_OPEN)
        return;
    if (why == PAIRING_EXPIRED) {
        (void)err_set(&err, ERR_TIMEOUT,
                      "the pairing code has run out of time; nobody has used it");
        pairwork_failed(w, &err);
    } else if (w->feeding) { // used, or guessed, by this one: what comes of it is told to `over`
        w->current = w->feeding;
        pairwork_phase(w, PAIRWORK_EXCHANGING, PAIRING_EXCHANGE_MS);
    }
}

const struct pairing_events pairwork_events = {.send = on_send,
                                               .ask = on_ask,
                                               .over = on_over,
                                               .alarm = on_alarm,
                                               .offer_ended = on_offer_ended};

int pair_attempt_guess(struct pairwork *w, struct node_session *s, const struct net_addr *a,
                       struct err *err) {
    struct pairing_link link;
    struct pair_attempt *e = pair_attempt_new(w, s, false);
    if (!e) {
        node_session_close(s, "busy");
        return err_set(err, ERR_NOMEM, "too many pairings at once, or out of memory");
    }
    e->address = *a;
    link_of(e, &link);
    w->current = e;
    pairwork_phase(w, PAIRWORK_EXCHANGING, PAIRING_EXCHANGE_MS);
    enter(e);
    int r =
        pairing_guess(w->pairing, w->code, strlen(w->code), &link, &w->terms, e, &e->pairing, err);
    if (r < 0)
        pair_attempt_end(e);
    leave(e);
    return r;
}

int pair_attempt_answer(struct pair_attempt *e, bool yes, const struct pair_scopes *granted,
                        struct err *err) {
    struct pairwork *w = e->w;
    uint64_t now = pairwork_ms(w), left = w->until_ms > now ? w->until_ms - now : 1;
    enter(e);
    int r = pairing_answer(e->pairing, yes, granted, err);
    if (r == 0 && yes && w->state.phase == PAIRWORK_ASKING) {
        if (granted)
            w->state.granted = *granted;
        pairwork_phase(w, PAIRWORK_ANSWERED, left);
    }
    leave(e);
    return r;
}
