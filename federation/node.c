#include "federation/node.h"

#include "core/base/mem.h"
#include "federation/node_impl.h"

#include <assert.h>
#include <string.h>

uint64_t node_ms(const struct node *n) {
    return env_mono_ns(n->config.env) / 1000000;
}

uint64_t node_draw(struct node *n, uint64_t below) {
    uint64_t v;
    env_random(n->config.env, &v, sizeof v);
    return below == 0 ? 0 : v % below;
}

bool tokens_take(struct tokens *t, uint64_t now_ms, uint32_t per_s, uint32_t burst, int64_t cost) {
    int64_t max = (int64_t)burst * 1000;
    uint64_t passed = now_ms - t->at_ms;
    // Never used: full. So is what has rested long enough, which also keeps the product small.
    if (t->at_ms == 0 || passed > (uint64_t)max / per_s)
        t->level = max;
    else
        t->level += (int64_t)(passed * per_s);
    if (t->level > max)
        t->level = max;
    t->at_ms = now_ms;
    if (t->level < cost * 1000)
        return false;
    t->level -= cost * 1000;
    return true;
}

// --- time ---------------------------------------------------------------------------------------

static void on_timer(void *ctx) {
    struct node *n = ctx;
    n->timer = NULL;
    uint64_t now = node_ms(n);
    // What is due when it begins; a thing that asks for `now` again waits for the next turn.
    for (uint32_t left = n->due.count; left > 0; left--) {
        struct due *d = due_first(&n->due);
        if (!d || d->at > now)
            break;
        due_set(&n->due, d, DUE_NEVER);
        if (d->kind == DUE_PEER)
            peer_due(n, (struct peer *)(void *)d);
        else
            session_due((struct node_session *)(void *)d);
    }
    node_wake(n);
}

void node_wake(struct node *n) {
    const struct due *d = due_first(&n->due);
    if (!d || n->stopping || (n->timer && n->timer_at <= d->at))
        return;
    uint64_t now = node_ms(n);
    env_timer_cancel(n->config.env, n->timer);
    // A failed start is made up for by the next event of any kind, which calls this again.
    n->timer = env_timer_start(n->config.env, d->at > now ? d->at - now : 0, on_timer, n);
    n->timer_at = d->at;
}

// --- life ---------------------------------------------------------------------------------------

static void destroy(struct node *n) {
    env_timer_cancel(n->config.env, n->timer);
    peers_free(n);
    due_done(&n->due);
    mem_free(n->peers);
    mem_free(n);
}

int node_start(const struct node_config *config, struct node **ret, struct err *err) {
    if (config->services_n > NODE_SERVICES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d services", NODE_SERVICES_MAX);
    struct node *n = mem_zalloc(sizeof *n);
    if (!n)
        return err_set(err, ERR_NOMEM, "out of memory");
    n->config = *config;
    env_random(config->env, &n->salt, sizeof n->salt);
    env_random(config->env, &n->boot, sizeof n->boot);
    n->boot = (n->boot >> 12) + 1; // exact as a JSON number, never 0
    n->links = (struct link_config){.env = config->env,
                                    .net = config->net,
                                    .channels = config->channels,
                                    .methods = n->methods,
                                    .events = &session_events};
    int r = serve_init(n, err);
    if (r == 0)
        r = peer_load_all(n, err);
    if (r == 0)
        r = config->net->ops->listen(config->net->self, config->port, stranger_accept, n, &n->port,
                                     err);
    if (r < 0) {
        destroy(n);
        return r;
    }
    peers_seek_all(n);
    node_wake(n);
    *ret = n;
    return 0;
}

void node_stop(struct node *n) {
    struct err why = {0};
    if (!n)
        return;
    (void)err_set(&why, ERR_CANCELLED, "federation is being stopped");
    n->stopping = true;
    n->config.net->ops->listen_stop(n->config.net->self);
    while (n->loose)
        session_end(n->loose, &why, "stopping");
    for (uint32_t i = 0; i < n->peers_n; i++)
        while (n->peers[i]->sessions)
            session_end(n->peers[i]->sessions, &why, "stopping");
    assert(n->sessions_n == 0);
    destroy(n);
}

uint16_t node_port(const struct node *n) {
    return n->port;
}

void node_open_door(struct node *n, bool open) {
    n->door = open;
}

void node_network_changed(struct node *n) {
    for (uint32_t i = 0; i < n->peers_n; i++) {
        struct peer *p = n->peers[i];
        p->failures = 0;
        if (p->current && p->current->state == SESSION_IN_USE)
            link_probe(p->current->link);
        else
            peer_seek(n, p, NODE_SEEK_MS);
    }
    node_wake(n);
}

void node_stats(const struct node *n, struct node_stats *ret) {
    *ret = (struct node_stats){.peers = n->peers_n,
                               .in_use = n->in_use,
                               .sessions = n->sessions_n,
                               .strangers = n->strangers,
                               .handshakes = n->handshakes,
                               .dials = n->dials,
                               .addresses = n->addresses_n,
                               .refused = n->refused};
}

// --- what must hold between events --------------------------------------------------------------

static void check_peer(const struct peer *p, uint32_t *sessions, uint32_t *in_use,
                       uint32_t *dials) {
    uint32_t links = 0, dialling = 0, used = 0, proposed = 0;
    for (const struct node_session *s = p->sessions; s; s = s->next) {
        assert(s->peer == p);
        assert(s->link);
        links++;
        dialling += s->state == SESSION_DIALLING;
        used += s->state == SESSION_IN_USE;
        proposed += s->state == SESSION_PROPOSED;
        assert(s->state != SESSION_STRANGER);
        assert(s->state != SESSION_ENDED);
        if (s->state == SESSION_OPEN || s->state == SESSION_OFFERED || s->state == SESSION_IN_USE)
            assert(memcmp(link_peer(s->link), p->key, CHANNEL_KEY_BYTES) == 0);
        // Nothing waits for ever.
        assert(s->state == SESSION_IN_USE || s->state == SESSION_DIALLING ||
               s->due.at != DUE_NEVER);
    }
    assert(used + proposed <= 1); // one session with a peer
    assert((used + proposed == 1) == (p->current != NULL));
    assert(links <= NODE_LINKS_PER_PEER);
    assert(dialling == p->dials);
    // Without a session it is being dialled, or will be, unless nobody knows where it is.
    assert(p->current || p->hints_n == 0 || p->due.at != DUE_NEVER || p->sessions);
    *sessions += links;
    *in_use += used;
    *dials += dialling;
}

void node_check(const struct node *n) {
    uint32_t sessions = 0, in_use = 0, dials = 0, strangers = 0, handshakes = 0;
    for (uint32_t i = 0; i < n->peers_n; i++)
        check_peer(n->peers[i], &sessions, &in_use, &dials);
    for (const struct node_session *s = n->loose; s; s = s->next, sessions++) {
        assert(!s->peer);
        assert(!s->told);
        strangers += s->state == SESSION_STRANGER;
        handshakes += s->state == SESSION_ACCEPTED;
        dials += s->state == SESSION_DIALLING;
        assert(s->state != SESSION_STRANGER || s->due.at != DUE_NEVER);
    }
    assert(sessions == n->sessions_n);
    assert(in_use == n->in_use);
    assert(dials == n->dials);
    assert(strangers == n->strangers);
    assert(handshakes == n->handshakes);
    assert(sessions <= NODE_SESSIONS_MAX);
    assert(strangers <= NODE_STRANGERS_MAX);
    assert(handshakes <= NODE_HANDSHAKES_MAX);
    assert(dials <= NODE_DIALS_MAX);
    assert(!due_first(&n->due) || n->timer);
}
