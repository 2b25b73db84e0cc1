// What comes over sessions: requests and blobs to services, within quotas; and strangers.
#include "core/base/mem.h"
#include "federation/node_impl.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

// --- methods ------------------------------------------------------------------------------------

static int find_method(const struct node *n, const char *name) {
    for (int i = METHODS_OWN; n->methods[i].name; i++)
        if (strcmp(n->methods[i].name, name) == 0)
            return i - METHODS_OWN;
    return -1;
}

static void dispatch(void *ctx, struct rpc_request *req, json_t *params) {
    struct node_session *s = link_ctx(ctx);
    struct node *n = s->node;
    int i = find_method(n, rpc_request_method(req));
    assert(i >= 0); // rpc found it in the same table
    bool friend = s->state == SESSION_IN_USE, pairing = n->method_of[i]->strangers && n->door;
    if (pairing && s->state == SESSION_OPEN && !s->outgoing && !s->offered) {
        session_hold(s);
        bool begun = session_estrange(s);
        session_release(s);
        if (!begun) {
            rpc_drop(req);
            return;
        }
    }
    if (!friend && !(s->state == SESSION_STRANGER && pairing)) {
        rpc_fail(req, NODE_ERROR_NOT_PAIRED, "This device is not paired with yours", NULL);
        return;
    }
    // A friend's tokens are the device's, not the session's: a new session brings no new ones.
    struct tokens *t = friend ? &s->peer->requests : &s->requests;
    if (!tokens_take(t, node_ms(n), friend ? NODE_REQUESTS_PER_S : NODE_STRANGER_REQUESTS_PER_S,
                     friend ? NODE_REQUESTS_BURST : NODE_STRANGER_REQUESTS_BURST, 1)) {
        rpc_fail(req, NODE_ERROR_BUSY, "Too many requests; try again in a second", NULL);
        return;
    }
    n->method_of[i]->fn(n->service_of[i]->ctx, s, req, params);
}

int serve_init(struct node *n, struct err *err) {
    size_t count = 0;
    n->methods[0] = (struct rpc_method){.name = "hello", .request = node_session_hello};
    n->methods[1] = (struct rpc_method){.name = "offer", .request = session_offer};
    for (size_t i = 0; i < n->config.services_n; i++) {
        n->services[i] = n->config.services[i];
        const struct node_method *m = n->services[i].methods;
        for (; m && m->name; m++) {
            if (count >= NODE_METHODS_MAX)
                return err_set(err, ERR_LIMIT, "more than %d methods", NODE_METHODS_MAX);
            if (find_method(n, m->name) >= 0)
                return err_set(err, ERR_EXISTS, "two services serve %s", m->name);
            n->method_of[count] = m;
            n->service_of[count] = &n->services[i];
            n->methods[METHODS_OWN + count++] =
                (struct rpc_method){.name = m->name, .request = dispatch};
        }
    }
    return 0;
}

// --- services -----------------------------------------------------------------------------------

// A service may end the session in its `up`: the others are then not told.
void serve_up(struct node_session *s) {
    struct node *n = s->node;
    session_hold(s);
    for (size_t i = 0; i < n->config.services_n && s->state == SESSION_IN_USE; i++) {
        s->ups = i + 1;
        if (n->services[i].up)
            n->services[i].up(n->services[i].ctx, s);
    }
    session_release(s);
}

void serve_down(struct node_session *s, const struct err *why) {
    struct node *n = s->node;
    for (size_t i = s->ups; i > 0; i--)
        if (n->services[i - 1].down)
            n->services[i - 1].down(n->services[i - 1].ctx, s, why);
}

void serve_gone(struct node_session *s, const struct err *why) {
    struct node *n = s->node;
    for (size_t i = 0; i < n->config.services_n; i++)
        if (n->services[i].gone)
            n->services[i].gone(n->services[i].ctx, s, why);
}

int serve_blob(void *ctx, struct link *l, uint32_t stream, const uint8_t *bytes, size_t bytes_n) {
    struct node_session *s = ctx;
    struct node *n = s->node;
    (void)l;
    for (size_t i = 0; i < n->config.services_n && s->told; i++)
        if (n->services[i].blobs != 0 && n->services[i].blobs == stream >> 24 &&
            n->services[i].blob)
            return n->services[i].blob(n->services[i].ctx, s, stream, bytes, bytes_n);
    return ERR_PERM; // a stranger's, or nobody's: the link ends
}

void serve_drained(void *ctx, struct link *l) {
    struct node_session *s = ctx;
    struct node *n = s->node;
    (void)l;
    session_hold(s);
    for (size_t i = 0; i < n->config.services_n && s->told; i++)
        if (n->services[i].drained)
            n->services[i].drained(n->services[i].ctx, s);
    session_release(s);
}

// --- strangers ----------------------------------------------------------------------------------

// The entry of an address; the one that was used longest ago makes room, if no stranger of it is
// here.
static struct address *address_of(struct node *n, const struct net_addr *a) {
    struct address *oldest = NULL;
    for (uint32_t i = 0; i < n->addresses_n; i++) {
        struct address *e = &n->addresses[i];
        if (net_addr_same_host(&e->addr, a)) {
            e->used_ms = node_ms(n);
            return e;
        }
        if (e->strangers == 0 && (!oldest || e->used_ms < oldest->used_ms))
            oldest = e;
    }
    if (n->addresses_n < NODE_ADDRESSES_MAX)
        oldest = &n->addresses[n->addresses_n++];
    assert(oldest); // there are fewer strangers than addresses
    *oldest = (struct address){.addr = *a, .used_ms = node_ms(n)};
    return oldest;
}

void stranger_accept(void *ctx, struct net_conn *c, const struct net_addr *from) {
    struct node *n = ctx;
    struct net *net = n->config.net;
    struct address *a = address_of(n, from);
    uint64_t now = node_ms(n);
    struct node_session *s = NULL;
    if (n->handshakes < NODE_HANDSHAKES_MAX &&
        tokens_take(&a->conns, now, NODE_ADDRESS_CONNS_PER_S, NODE_ADDRESS_CONNS_BURST, 1) &&
        tokens_take(&a->bytes, now, NODE_STRANGER_BYTES_PER_S, NODE_ADDRESS_BYTES_BURST, 1))
        s = session_new(n, NULL, SESSION_ACCEPTED);
    if (!s) {
        n->refused++;
        net->ops->close(net->self, c);
        return;
    }
    struct link_config config = n->links;
    struct err e = {0};
    config.ctx = s;
    s->addr = *from;
    s->addr.port = 0; // an ephemeral one; where it listens it says itself
    s->source = NODE_SEEN;
    if (link_accept(&config, c, &s->link, &e) < 0)
        session_end(s, &e, NULL);
}

bool stranger_begin(struct node_session *s) {
    struct node *n = s->node;
    struct address *a = address_of(n, &s->addr);
    a->strangers++;
    n->strangers++;
    if (n->strangers > NODE_STRANGERS_MAX || a->strangers > NODE_STRANGERS_PER_ADDRESS) {
        struct err e = {0};
        n->refused++;
        (void)err_set(&e, ERR_LIMIT, "too many strangers");
        session_end(s, &e, "busy");
        return false;
    }
    bool welcome = n->door || s->outgoing;
    s->expires_ms = node_ms(n) + NODE_STRANGER_MAX_MS;
    link_limit(s->link, NODE_STRANGER_BYTES_PER_S, NODE_STRANGER_BYTES_PER_S);
    due_set(&n->due, &s->due, node_ms(n) + (welcome ? NODE_STRANGER_MS : NODE_STRANGER_SHUT_MS));
    return true;
}

void stranger_end(struct node_session *s) {
    struct node *n = s->node;
    struct address *a = address_of(n, &s->addr);
    struct link_info info = {0};
    if (s->link)
        link_info(s->link, &info);
    (void)tokens_take(&a->bytes, node_ms(n), NODE_STRANGER_BYTES_PER_S, NODE_ADDRESS_BYTES_BURST,
                      1);
    a->bytes.level -= (int64_t)info.bytes_in * 1000; // into debt, if it must be
    a->strangers--;
    n->strangers--;
}

void node_session_keep(struct node_session *s, uint64_t ms) {
    if (s->state != SESSION_STRANGER)
        return;
    uint64_t at = node_ms(s->node) + ms;
    due_set(&s->node->due, &s->due, at < s->expires_ms ? at : s->expires_ms);
    node_wake(s->node);
}

// --- what a session is --------------------------------------------------------------------------

struct node_session *node_session_find(struct node *n, const uint8_t *key) {
    const struct peer *p = peer_find(n, key);
    return p && p->current && p->current->state == SESSION_IN_USE ? p->current : NULL;
}

struct node *node_session_node(const struct node_session *s) {
    return s->node;
}

const uint8_t *node_session_key(const struct node_session *s) {
    return s->peer ? s->peer->key : link_peer(s->link);
}

struct link *node_session_link(const struct node_session *s) {
    return s->link;
}

bool node_session_friend(const struct node_session *s) {
    return s->state == SESSION_IN_USE;
}

void node_session_addr(const struct node_session *s, struct net_addr *ret) {
    *ret = s->addr;
}

void node_session_close(struct node_session *s, const char *why) {
    struct err e = {0};
    (void)err_set(&e, ERR_CANCELLED, "closed by us: %s", why);
    session_end(s, &e, why);
}

void node_session_drop(struct node_session *s, const char *why) {
    s->dropped = true;
    node_session_close(s, why);
}

static size_t service_number(const struct node_session *s, const struct node_service *of) {
    size_t i = (size_t)(of - s->node->config.services);
    assert(i < s->node->config.services_n);
    return i;
}

void node_session_set_data(struct node_session *s, const struct node_service *of, void *data) {
    s->data[service_number(s, of)] = data;
}

void *node_session_data(const struct node_session *s, const struct node_service *of) {
    return s->data[service_number(s, of)];
}
