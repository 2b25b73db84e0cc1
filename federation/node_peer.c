// The peers in memory: where they might be, and when they are dialled.
#include "core/base/mem.h"
#include "federation/node_impl.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static struct peer **bucket(const struct node *n, const uint8_t *key) {
    uint64_t h = n->salt; // so that nobody can choose keys that fall together
    for (size_t i = 0; i < CHANNEL_KEY_BYTES; i += sizeof h) {
        uint64_t part;
        memcpy(&part, key + i, sizeof part);
        h = (h ^ part) * UINT64_C(0x9fb21c651e98df25);
        h ^= h >> 29;
    }
    return (struct peer **)&n->buckets[h % NODE_BUCKETS];
}

struct peer *peer_find(const struct node *n, const uint8_t *key) {
    for (struct peer *p = *bucket(n, key); p; p = p->chain)
        if (memcmp(p->key, key, CHANNEL_KEY_BYTES) == 0)
            return p;
    return NULL;
}

static void peer_free(struct node *n, struct peer *p) {
    due_leave(&n->due, &p->due);
    n->peers[p->index] = n->peers[--n->peers_n];
    n->peers[p->index]->index = p->index;
    mem_free(p);
}

void peers_free(struct node *n) {
    while (n->peers_n > 0)
        peer_free(n, n->peers[n->peers_n - 1]);
}

static int add(struct node *n, const struct peers_entry *e, struct peer **ret, struct err *err) {
    struct peer *p = peer_find(n, e->key);
    if (!p) {
        int r = mem_grow((void **)&n->peers, n->peers_n, &n->peers_capacity, sizeof(struct peer *),
                         PEERS_MAX);
        if (r < 0)
            return err_set(err, r,
                           r == ERR_LIMIT ? "more than %d paired devices"
                                          : "out of memory (of %d paired devices)",
                           PEERS_MAX);
        p = mem_zalloc(sizeof *p);
        if (!p || due_join(&n->due, &p->due, DUE_PEER, PEERS_MAX + NODE_SESSIONS_MAX) < 0) {
            mem_free(p);
            return err_set(err, ERR_NOMEM, "out of memory");
        }
        memcpy(p->key, e->key, sizeof p->key);
        p->we_decide = memcmp(n->config.key, p->key, CHANNEL_KEY_BYTES) < 0;
        p->down_since_ms = node_ms(n);
        int64_t ago = env_wall_ms(n->config.env) - e->seen_ms;
        if (e->seen_ms > 0 && ago > 0) // else it is new, or a clock is wrong
            p->away_ms = (uint64_t)ago;
        struct peer **b = bucket(n, e->key);
        p->chain = *b;
        *b = p;
        p->hello_number = p->dial_number = n->numbers;
        p->index = n->peers_n;
        n->peers[n->peers_n++] = p;
    }
    p->in_s = e->in_s;
    p->out_s = e->out_s;
    p->refused = false;
    for (uint32_t i = e->addrs_n < PEERS_ADDRS_MAX ? e->addrs_n : PEERS_ADDRS_MAX; i > 0; i--)
        peer_learn(n, p, &e->addrs[i - 1], NODE_SAVED, false);
    *ret = p;
    return 0;
}

struct loading {
    struct node *node;
    struct err *err;
    int result;
};

static void load_one(void *ctx, const struct peers_entry *e) {
    struct loading *l = ctx;
    struct peer *p;
    if (l->result == 0 && memcmp(e->key, l->node->config.key, CHANNEL_KEY_BYTES) != 0)
        l->result = add(l->node, e, &p, l->err);
}

int peer_load_all(struct node *n, struct err *err) {
    struct loading l = {n, err, 0};
    int r = n->config.peers.each(n->config.peers.self, load_one, &l, err);
    return r < 0 ? r : l.result;
}

void peers_seek_all(struct node *n) {
    for (uint32_t i = 0; i < n->peers_n; i++) // many are not dialled in one instant
        peer_seek(n, n->peers[i], n->peers[i]->away_ms > NODE_STALE_MS ? 40 * n->peers_n : 0);
}

int node_peer_add(struct node *n, const struct peers_entry *e, struct err *err) {
    struct peer *p;
    if (memcmp(e->key, n->config.key, CHANNEL_KEY_BYTES) == 0)
        return err_set(err, ERR_INVAL, "this is the key of this device");
    int r = add(n, e, &p, err);
    if (r < 0)
        return r;
    for (struct node_session *s = n->loose, *next; s; s = next) {
        next = s->next;
        if (s->state == SESSION_STRANGER && p == peer_find(n, link_peer(s->link)))
            session_adopt(s, p);
    }
    if (p->current)
        link_limit(p->current->link, p->in_s, p->out_s);
    else
        peer_seek(n, p, 0);
    node_wake(n);
    return 0;
}

void node_peer_remove(struct node *n, const uint8_t *key) {
    struct err why = {0};
    struct peer *p = peer_find(n, key);
    if (!p)
        return;
    (void)err_set(&why, ERR_PERM, "it is no longer paired");
    struct peer **at = bucket(n, key);
    while (*at != p)
        at = &(*at)->chain;
    *at = p->chain; // first, so that nothing dials it again
    p->chain = NULL;
    p->hints_n = 0;
    if (p->hello_number > n->numbers)
        n->numbers = p->hello_number;
    if (p->dial_number > n->numbers)
        n->numbers = p->dial_number;
    while (p->sessions)
        session_end(p->sessions, &why, "not-paired");
    peer_free(n, p);
}

// --- hints --------------------------------------------------------------------------------------

// The one that is worth least: never the user's own while there is another.
static struct hint *worst(struct peer *p) {
    struct hint *w = &p->hints[0];
    for (uint32_t i = 1; i < p->hints_n; i++) {
        struct hint *h = &p->hints[i];
        bool typed = h->source == NODE_TYPED, other = w->source == NODE_TYPED;
        if (typed != other                 ? !typed
            : h->worked_ms != w->worked_ms ? h->worked_ms < w->worked_ms
                                           : h->told_ms < w->told_ms)
            w = h;
    }
    return w;
}

static struct hint *hint_of(struct peer *p, const struct net_addr *a) {
    for (uint32_t i = 0; i < p->hints_n; i++)
        if (net_addr_equal(&p->hints[i].addr, a))
            return &p->hints[i];
    return NULL;
}

void peer_learn(struct node *n, struct peer *p, const struct net_addr *a, enum node_source source,
                bool worked) {
    struct hint *h = hint_of(p, a);
    uint64_t now = node_ms(n);
    if (!h) {
        h = p->hints_n < NODE_HINTS_MAX ? &p->hints[p->hints_n++] : worst(p);
        *h = (struct hint){.addr = *a, .source = source};
    }
    if (source > h->source)
        h->source = source;
    h->told_ms = now;
    if (worked) {
        h->worked_ms = now;
        h->fails = 0;
    }
}

void node_hint(struct node *n, const uint8_t *key, const struct net_addr *a,
               enum node_source source) {
    struct peer *p = peer_find(n, key);
    if (!p || a->port == 0)
        return;
    peer_learn(n, p, a, source, false);
    if (p->current)
        return;
    uint64_t now = node_ms(n), at = now;
    bool in_this = false;
    for (uint32_t i = 0; p->in_round && i < p->round_n; i++)
        in_this |= net_addr_equal(&p->round[i], a);
    if (p->in_round && !in_this && p->round_n < DIAL_ADDRS_MAX) {
        p->round[p->round_n] = *a;
        p->round_source[p->round_n++] = source;
    } else if (!p->in_round && p->round_ms != 0 && now - p->round_ms < NODE_HINT_GAP_MS)
        at = p->round_ms + NODE_HINT_GAP_MS;
    if (!in_this && at < p->due.at)
        due_set(&n->due, &p->due, at);
    node_wake(n);
}

// --- dialling -----------------------------------------------------------------------------------

void peer_seek(struct node *n, struct peer *p, uint64_t within_ms) {
    if (n->stopping || p->current || p->in_round || p->hints_n == 0)
        return;
    uint64_t at = node_ms(n) + node_draw(n, within_ms + 1);
    if (at < p->due.at)
        due_set(&n->due, &p->due, at);
}

static int better(const struct hint *a, const struct hint *b) {
    if (a->fails != b->fails)
        return a->fails < b->fails;
    if (a->worked_ms != b->worked_ms)
        return a->worked_ms > b->worked_ms;
    return a->told_ms > b->told_ms;
}

static void round_begin(struct node *n, struct peer *p) {
    const struct hint *order[NODE_HINTS_MAX];
    for (uint32_t i = 0; i < p->hints_n; i++) {
        uint32_t at = i;
        for (; at > 0 && better(&p->hints[i], order[at - 1]); at--)
            order[at] = order[at - 1];
        order[at] = &p->hints[i];
    }
    for (uint32_t i = 0; i < p->hints_n; i++) {
        p->round[i] = order[i]->addr;
        p->round_source[i] = order[i]->source;
    }
    p->round_n = p->hints_n;
    p->round_next = 0;
    p->in_round = true;
    p->round_ms = node_ms(n);
}

static uint64_t away_ms(const struct node *n, const struct peer *p) {
    return p->away_ms + (node_ms(n) - p->down_since_ms);
}

static void back_off(struct node *n, struct peer *p) {
    uint64_t now = node_ms(n), ms = NODE_BACK_OFF_MS, max = NODE_BACK_OFF_MAX_MS;
    if (away_ms(n, p) / NODE_BACK_OFF_SHARE > max)
        max = away_ms(n, p) / NODE_BACK_OFF_SHARE;
    if (max > NODE_BACK_OFF_STALE_MS)
        max = NODE_BACK_OFF_STALE_MS;
    p->in_round = false;
    if (away_ms(n, p) > NODE_STALE_MS)
        ms = NODE_BACK_OFF_MAX_MS;
    for (uint32_t i = 0; i < p->failures && ms < max; i++)
        ms *= 2;
    if (ms > max || p->refused)
        ms = max;
    p->failures++;
    if (p->hints_n > 0 && !n->stopping) // half of it by chance, lest two sides stay in step
        due_set(&n->due, &p->due, now + ms / 2 + node_draw(n, ms / 2 + 1));
}

static void note_attempt(struct node *n, struct peer *p, const struct node_session *s,
                         const struct err *why) {
    struct node_attempt *a = &p->attempts[p->attempts_at];
    uint64_t took = node_ms(n) - s->started_ms;
    p->attempts_at = (p->attempts_at + 1) % NODE_ATTEMPTS_MAX;
    if (p->attempts_n < NODE_ATTEMPTS_MAX)
        p->attempts_n++;
    *a = (struct node_attempt){.addr = s->addr,
                               .source = s->source,
                               .wall_ms = env_wall_ms(n->config.env) - (int64_t)took,
                               .took_ms = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took,
                               .code = why ? why->code : 0};
    (void)snprintf(a->text, sizeof a->text, "%s", why ? err_text(why) : "connected");
}

static uint32_t links_of(const struct peer *p) {
    uint32_t count = 0;
    for (const struct node_session *s = p->sessions; s; s = s->next)
        count++;
    return count;
}

void peer_due(struct node *n, struct peer *p) {
    struct err why = {0};
    if (p->current)
        return;
    if (!p->in_round)
        round_begin(n, p);
    // Peers that have been away for long leave most of the room to the others.
    bool stale = away_ms(n, p) > NODE_STALE_MS;
    if (n->dials >= (stale ? NODE_DIALS_MAX / 4 : NODE_DIALS_MAX)) { // its turn comes
        uint64_t spread = stale ? 40 * (uint64_t)n->peers_n : 0;
        due_set(&n->due, &p->due, node_ms(n) + 50 + node_draw(n, 100 + spread));
        return;
    }
    while (p->round_next < p->round_n && p->dials < NODE_DIALS_PER_PEER &&
           links_of(p) < NODE_LINKS_PER_PEER) {
        uint32_t i = p->round_next++;
        if (session_dial(n, p, &p->round[i], p->round_source[i], &why) == 0)
            break;
    }
    if (p->round_next < p->round_n)
        due_set(&n->due, &p->due, node_ms(n) + NODE_STAGGER_MS);
    else if (p->dials == 0)
        back_off(n, p);
}

void peer_dial_ended(struct node *n, struct peer *p, const struct node_session *s,
                     const struct err *why) {
    note_attempt(n, p, s, why);
    struct hint *h = hint_of(p, &s->addr);
    if (h && why && why->code != ERR_CANCELLED)
        h->fails++;
    if (why && !n->stopping && !p->current && p->in_round && p->round_next < p->round_n)
        due_set(&n->due, &p->due, node_ms(n)); // the next address at once
}

void peer_idle(struct node *n, struct peer *p) {
    if (p->due.at != DUE_NEVER)
        return;
    bool lasted = !p->in_round && p->last_up_ms != 0 && p->down_since_ms >= p->last_up_ms &&
                  p->down_since_ms - p->last_up_ms >= NODE_LASTED_MS;
    if (lasted) {
        p->failures = 0;
        p->last_up_ms = 0;
        peer_seek(n, p, NODE_SEEK_MS);
    } else {
        back_off(n, p);
    }
}

void peer_connected(struct node *n, struct peer *p, const struct node_session *s) {
    due_set(&n->due, &p->due, DUE_NEVER);
    p->in_round = false;
    p->refused = false;
    p->last_up_ms = node_ms(n);
    p->away_ms = 0;
    p->since_wall_ms = env_wall_ms(n->config.env);
    if (s->addr.port != 0) {
        peer_learn(n, p, &s->addr, s->outgoing ? s->source : NODE_SEEN, true);
        n->config.peers.seen(n->config.peers.self, p->key, &s->addr, p->since_wall_ms);
    }
}
