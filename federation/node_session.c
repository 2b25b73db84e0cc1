// Links, and which of them is the session with a peer.
#include "core/base/mem.h"
#include "federation/node_impl.h"

#include <assert.h>
#include <string.h>

// Both sides of `hello` and `offer`, and their answers: {"boot", "port", and "seq" or "dial"}.
struct words {
    uint64_t boot, number;
    uint16_t port;
};

static bool whole(const json_t *params, const char *name, int64_t min, int64_t max, uint64_t *ret) {
    const json_t *v = json_object_get(params, name);
    if (!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max)
        return false;
    *ret = (uint64_t)json_integer_value(v);
    return true;
}

static bool words_read(const json_t *params, const char *number, struct words *ret) {
    uint64_t port;
    const int64_t exact = INT64_C(1) << 53;
    if (!whole(params, "boot", 1, exact, &ret->boot) ||
        !whole(params, number, 0, exact, &ret->number) ||
        !whole(params, "port", 0, UINT16_MAX, &port))
        return false;
    ret->port = (uint16_t)port;
    return true;
}

static json_t *words_write(const struct node *n, const char *name, uint64_t number) {
    return json_pack("{s:I, s:I, s:i}", "boot", (json_int_t)n->boot, name, (json_int_t)number,
                     "port", (int)n->port);
}

// --- lists and life -----------------------------------------------------------------------------

static void list_out(struct node_session *s) {
    if (s->prev)
        s->prev->next = s->next;
    else
        *s->list = s->next;
    if (s->next)
        s->next->prev = s->prev;
}

static void list_in(struct node_session *s, struct node_session **list) {
    s->list = list;
    s->prev = NULL;
    s->next = *list;
    if (s->next)
        s->next->prev = s;
    *list = s;
}

struct node_session *session_new(struct node *n, struct peer *p, enum session_state state) {
    if (n->sessions_n >= NODE_SESSIONS_MAX)
        return NULL;
    struct node_session *s = mem_zalloc(sizeof *s);
    if (!s || due_join(&n->due, &s->due, DUE_SESSION, PEERS_MAX + NODE_SESSIONS_MAX) < 0) {
        mem_free(s);
        return NULL;
    }
    s->node = n;
    s->peer = p;
    s->state = state;
    s->started_ms = node_ms(n);
    n->sessions_n++;
    n->dials += state == SESSION_DIALLING;
    n->handshakes += state == SESSION_ACCEPTED;
    if (p && state == SESSION_DIALLING)
        p->dials++;
    list_in(s, p ? &p->sessions : &n->loose);
    return s;
}

// The one place where a state changes: the counts follow.
static void set_state(struct node_session *s, enum session_state state) {
    struct node *n = s->node;
    if (s->state == SESSION_DIALLING) {
        n->dials--;
        if (s->peer)
            s->peer->dials--;
    } else if (s->state == SESSION_ACCEPTED) {
        n->handshakes--;
    } else if (s->state == SESSION_STRANGER) {
        stranger_end(s);
    } else if (s->state == SESSION_IN_USE) {
        n->in_use--;
    }
    n->in_use += state == SESSION_IN_USE;
    s->state = state;
}

static void deadline(struct node_session *s, uint64_t ms) {
    due_set(&s->node->due, &s->due, node_ms(s->node) + ms);
    node_wake(s->node);
}

static void move_on(struct node *n, struct peer *p);

void session_hold(struct node_session *s) {
    s->busy++;
}

void session_release(struct node_session *s) {
    if (--s->busy == 0 && s->state == SESSION_ENDED)
        mem_free(s);
}

void session_end(struct node_session *s, const struct err *why, const char *goodbye) {
    struct node *n = s->node;
    struct peer *p = s->peer;
    if (s->state == SESSION_ENDED)
        return;
    bool told = s->told;
    bool dialled = s->outgoing && p && s->state != SESSION_IN_USE;
    set_state(s, SESSION_ENDED);
    list_out(s);
    due_leave(&n->due, &s->due);
    n->sessions_n--;
    s->told = false;
    session_hold(s);
    if (p && p->current == s) {
        p->current = NULL;
        if (told)
            p->down_since_ms = node_ms(n);
    }
    if (dialled)
        peer_dial_ended(n, p, s, why);
    if (p && !n->stopping)
        move_on(n, p);
    // From here on the peer may be gone: whoever is told may remove it.
    if (told)
        serve_down(s, why);
    else
        serve_gone(s, why);
    if (s->visit)
        s->visit(s->visit_ctx, NULL, why);
    if (s->dropped)
        link_drop(s->link);
    else
        link_close(s->link, goodbye); // accept NULL; answer calls under way
    session_release(s);
    if (!n->stopping)
        node_wake(n);
}

static void end_with(struct node_session *s, int code, const char *text, const char *goodbye) {
    struct err e = {0};
    (void)err_set(&e, code, "%s", text);
    session_end(s, &e, goodbye);
}

// All of the peer's links but `keep`, dials too.
static void drop_others(struct peer *p, const struct node_session *keep, const char *goodbye) {
    for (bool again = true; again;) {
        again = false;
        for (struct node_session *s = p->sessions; s && !again; s = s->next) {
            if (s == keep)
                continue;
            end_with(s, ERR_CANCELLED, "another link became the session", goodbye);
            again = true; // the list may be another now
        }
    }
}

// --- deciding -----------------------------------------------------------------------------------

static void in_use(struct node_session *s) {
    struct peer *p = s->peer;
    if (s->state == SESSION_IN_USE)
        return;
    set_state(s, SESSION_IN_USE);
    due_set(&s->node->due, &s->due, DUE_NEVER);
    if (s->outgoing)
        peer_dial_ended(s->node, p, s, NULL);
    peer_connected(s->node, p, s);
}

// Services may end it, or anything else, from here: nothing of it is touched afterwards.
static void tell(struct node_session *s) {
    s->told = true;
    serve_up(s);
}

static void hello_answered(void *ctx, const json_t *result, const json_t *error,
                           const struct err *err) {
    struct node_session *s = ctx;
    struct words w;
    if (s->state != SESSION_PROPOSED || (!error && err && err->code == ERR_CLOSED))
        return; // it is being ended
    struct node *n = s->node;
    struct peer *p = s->peer;
    if (error) {
        p->refused = json_integer_value(json_object_get(error, "code")) == NODE_ERROR_NOT_PAIRED;
        end_with(s, ERR_PERM,
                 p->refused ? "it says that it is not paired with us" : "it refused the session",
                 "refused");
        return;
    }
    if (!result || !words_read(result, "dial", &w)) {
        end_with(s, ERR_PARSE, "its answer to hello is not one", "hello");
        return;
    }
    s->boot = w.boot;
    p->seen_number = w.number;
    if (!s->outgoing)
        s->addr.port = w.port;
    in_use(s);
    // What it dialled before it followed us is of no use any more; what it dialled since has lost
    // this session already, and takes its place.
    struct node_session *later = NULL;
    for (struct node_session *o = p->sessions; o; o = o->next)
        if (o->offered && o->state == SESSION_OPEN && (o->boot != w.boot || o->number > w.number))
            later = o;
    if (later) {
        end_with(s, ERR_CLOSED, "the other side has dialled again", "replaced");
        return; // which chose the next
    }
    drop_others(p, s, "duplicate");
    if (n->stopping || p->current != s)
        return;
    tell(s);
}

static void propose(struct node_session *s) {
    struct node *n = s->node;
    struct peer *p = s->peer;
    struct err e = {0};
    assert(p->we_decide && !p->current);
    p->current = s;
    set_state(s, SESSION_PROPOSED);
    deadline(s, NODE_SETTLE_MS);
    json_t *params = words_write(n, "seq", ++p->hello_number);
    if (!params)
        end_with(s, ERR_NOMEM, "out of memory", "busy");
    else if (link_call(s->link, "hello", params, NODE_SETTLE_MS, hello_answered, s, &e) < 0)
        session_end(s, &e, "busy");
}

static void offer_answered(void *ctx, const json_t *result, const json_t *error,
                           const struct err *err) {
    struct node_session *s = ctx;
    (void)result;
    if (s->state != SESSION_OFFERED || (!error && err && err->code == ERR_CLOSED))
        return;
    if (!error && !err)
        return; // its hello follows
    struct peer *p = s->peer;
    json_int_t code = json_integer_value(json_object_get(error, "code"));
    p->refused = code == NODE_ERROR_NOT_PAIRED;
    end_with(s, ERR_PERM,
             p->refused                     ? "it says that it is not paired with us"
             : code == NODE_ERROR_DUPLICATE ? "it has a session with us"
                                            : "it refused the session",
             "refused");
}

static void offer(struct node_session *s) {
    struct node *n = s->node;
    struct err e = {0};
    set_state(s, SESSION_OFFERED);
    deadline(s, NODE_SETTLE_MS);
    json_t *params = words_write(n, "dial", s->number);
    if (!params)
        end_with(s, ERR_NOMEM, "out of memory", "busy");
    else if (link_call(s->link, "offer", params, NODE_SETTLE_MS, offer_answered, s, &e) < 0)
        session_end(s, &e, "busy");
}

// Without a session: the next link that was offered, else a dial.
static void move_on(struct node *n, struct peer *p) {
    if (p->current || peer_find(n, p->key) != p)
        return;
    for (struct node_session *s = p->sessions; s && p->we_decide; s = s->next) {
        if (s->state == SESSION_OPEN && (s->offered || s->outgoing)) {
            propose(s);
            return;
        }
    }
    for (const struct node_session *s = p->sessions; s; s = s->next)
        if (s->state == SESSION_OFFERED)
            return;
    if (p->dials == 0)
        peer_idle(n, p);
}

static void friend_stands(struct node_session *s) {
    struct peer *p = s->peer;
    link_trust(s->link);
    link_limit(s->link, p->in_s, p->out_s);
    set_state(s, SESSION_OPEN);
    deadline(s, NODE_SETTLE_MS);
    if (!s->outgoing)
        return;
    if (p->current)
        end_with(s, ERR_CANCELLED, "there is a session already", "duplicate");
    else if (p->we_decide)
        propose(s);
    else
        offer(s);
}

void session_adopt(struct node_session *s, struct peer *p) {
    uint32_t links = 0;
    for (const struct node_session *o = p->sessions; o; o = o->next)
        links++;
    if (links >= NODE_LINKS_PER_PEER) {
        s->node->refused++;
        end_with(s, ERR_LIMIT, "too many links with one peer", "busy");
        return;
    }
    if (s->state == SESSION_STRANGER)
        set_state(s, SESSION_OPEN);
    list_out(s);
    s->peer = p;
    list_in(s, &p->sessions);
    if (s->outgoing)
        s->number = ++p->dial_number;
    friend_stands(s);
}

bool session_estrange(struct node_session *s) {
    struct node *n = s->node;
    struct peer *p = s->peer;
    list_out(s);
    s->peer = NULL;
    list_in(s, &n->loose);
    set_state(s, SESSION_STRANGER);
    move_on(n, p); // as if it had ended
    return stranger_begin(s);
}

// --- what the other side says -------------------------------------------------------------------

static void refuse(struct rpc_request *req, int code, const char *text) {
    rpc_fail(req, code, text, NULL);
}

// A friend that asks too often for another session, or a stranger.
static bool may_settle(struct node_session *s, struct rpc_request *req) {
    struct peer *p = s->peer;
    if (!p || s->state == SESSION_ENDED) {
        refuse(req, NODE_ERROR_NOT_PAIRED, "This device is not paired with yours");
        return false;
    }
    if (!tokens_take(&p->settles, node_ms(s->node), 1, 30, 1)) {
        refuse(req, NODE_ERROR_BUSY, "Too many sessions in a short time");
        return false;
    }
    return true;
}

void node_session_hello(void *ctx, struct rpc_request *req, json_t *params) {
    struct node_session *s = link_ctx(ctx);
    struct words w;
    if (!may_settle(s, req))
        return;
    struct peer *p = s->peer;
    struct node *n = s->node;
    if (p->we_decide || !words_read(params, "seq", &w)) {
        refuse(req, JSONRPC_INVALID_PARAMS, "Invalid params: no hello of yours is expected");
        return;
    }
    if (w.boot == p->boot && w.number <= p->hello) { // overtaken by a newer one
        refuse(req, NODE_ERROR_DUPLICATE, "There has been a newer hello");
        return;
    }
    p->boot = s->boot = w.boot;
    p->hello = w.number;
    if (!s->outgoing)
        s->addr.port = w.port;
    struct node_session *old = p->current;
    bool again = old == s;
    p->current = s; // first, so that the old one's end is not followed by a dial
    session_hold(s);
    if (old && !again)
        end_with(old, ERR_CLOSED, "the other side has begun a new session", "replaced");
    bool gone = s->state == SESSION_ENDED; // a service has removed the peer
    session_release(s);
    if (gone) {
        rpc_drop(req);
        return;
    }
    in_use(s);
    rpc_reply(req, words_write(n, "dial", p->dial_number));
    drop_others(p, s, "duplicate");
    if (!again && p->current == s)
        tell(s);
}

void session_offer(void *ctx, struct rpc_request *req, json_t *params) {
    struct node_session *s = link_ctx(ctx);
    struct words w;
    if (!may_settle(s, req))
        return;
    struct peer *p = s->peer;
    if (!p->we_decide || s->outgoing || s->state != SESSION_OPEN || s->offered ||
        !words_read(params, "dial", &w)) {
        refuse(req, JSONRPC_INVALID_PARAMS, "Invalid params: no offer of yours is expected");
        return;
    }
    s->boot = w.boot;
    s->number = w.number;
    s->addr.port = w.port;
    struct node_session *cur = p->current;
    if (cur && cur->state == SESSION_IN_USE && cur->boot == w.boot && w.number <= p->seen_number) {
        refuse(req, NODE_ERROR_DUPLICATE, "There is a session");
        end_with(s, ERR_CANCELLED, "it was dialled before the session stood", "duplicate");
        return;
    }
    rpc_reply(req, json_object());
    s->offered = true;
    if (!cur) {
        propose(s);
    } else if (cur->state == SESSION_IN_USE) {
        end_with(cur, ERR_CLOSED, "the other side has dialled again", "replaced");
    } // else it waits for the answer to the hello that is under way
}

// --- events of the link -------------------------------------------------------------------------

static void on_up(void *ctx, struct link *l) {
    struct node_session *s = ctx;
    struct node *n = s->node;
    if (memcmp(link_peer(l), n->config.key, CHANNEL_KEY_BYTES) == 0) {
        end_with(s, ERR_INVAL, "this is the address of this device itself", "self");
        return;
    }
    struct peer *p = peer_find(n, link_peer(l));
    node_visit_fn *visit = s->visit;
    void *visit_ctx = s->visit_ctx;
    if (s->peer) {
        friend_stands(s);
    } else if (p && !s->outgoing) {
        session_adopt(s, p);
    } else { // nobody's yet, or a visit: pairing with somebody who is paired already renews it
        set_state(s, SESSION_STRANGER);
        if (!stranger_begin(s))
            return;
        s->visit = NULL;
        if (visit)
            visit(visit_ctx, s, NULL);
    }
    node_wake(n);
}

static void on_down(void *ctx, struct link *l, const struct err *err) {
    struct node_session *s = ctx;
    (void)l;
    s->link = NULL; // frees itself
    session_end(s, err, NULL);
}

const struct link_events session_events = {
    .up = on_up, .blob = serve_blob, .drained = serve_drained, .down = on_down};

void session_due(struct node_session *s) {
    if (s->state == SESSION_STRANGER)
        end_with(s, ERR_TIMEOUT, "a stranger's time is over", "timeout");
    else
        end_with(s, ERR_TIMEOUT, "it was not settled in time which link is the session",
                 "unsettled");
}

int session_dial(struct node *n, struct peer *p, const struct net_addr *a, enum node_source source,
                 struct err *err) {
    struct node_session *s = session_new(n, p, SESSION_DIALLING);
    if (!s)
        return err_set(err, ERR_NOMEM, "too many sessions, or out of memory");
    struct link_config config = n->links;
    config.ctx = s;
    s->outgoing = true;
    s->addr = *a;
    s->source = source;
    if (p)
        s->number = ++p->dial_number;
    int r = link_connect(&config, a, p ? p->key : NULL, &s->link, err);
    if (r < 0) { // quietly: the caller goes on
        set_state(s, SESSION_ENDED);
        list_out(s);
        due_leave(&n->due, &s->due);
        n->sessions_n--;
        mem_free(s);
    }
    return r;
}

int node_visit(struct node *n, const struct net_addr *a, node_visit_fn *fn, void *ctx,
               struct err *err) {
    if (n->dials >= NODE_DIALS_MAX)
        return err_set(err, ERR_BUSY, "too many connections are being made; try again");
    int r = session_dial(n, NULL, a, NODE_TYPED, err);
    if (r < 0)
        return r;
    n->loose->visit = fn;
    n->loose->visit_ctx = ctx;
    return 0;
}
