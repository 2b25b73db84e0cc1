#include "core/route/route_price.h"

#include <math.h>

static const double NUSD = 1e3; // of one token at one dollar per million

const struct route_prices *route_prices_for(const struct route_model *m, int64_t prompt_tokens) {
    return m->long_from > 0 && prompt_tokens > m->long_from ? &m->long_prices : &m->prices;
}

static int64_t prompt_of(const struct route_usage *u) {
    return u->uncached + u->cached + u->written + u->written_1h;
}

static double nusd(const struct route_model *m, const struct route_usage *u) {
    const struct route_prices *p = route_prices_for(m, prompt_of(u));
    return NUSD * ((double)u->uncached * p->input + (double)u->cached * p->cached +
                   (double)u->written * p->write + (double)u->written_1h * p->write_1h +
                   (double)u->output * p->output);
}

static int64_t rounded(double x) {
    double most = (double)(INT64_MAX / 4);
    return x > 0 ? (int64_t)llround(fmin(x, most)) : 0;
}

int64_t route_cost_nusd(const struct route_model *m, const struct route_usage *u) {
    return rounded(nusd(m, u));
}

double route_cost_usd(const struct route_model *m, const struct route_usage *u) {
    return nusd(m, u) / 1e9;
}

int64_t route_cost_uncached_nusd(const struct route_model *m, const struct route_usage *u) {
    struct route_usage plain = {.uncached = prompt_of(u), .output = u->output};
    return rounded(nusd(m, &plain));
}

static const struct route_cache *find(const struct route_caches *c, uint32_t backend) {
    for (int i = 0; i < ROUTE_CACHES_MAX; i++)
        if (backend && c->items[i].backend == backend)
            return &c->items[i];
    return NULL;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

struct route_usage route_cache_expect(const struct route_caches *c, uint32_t backend,
                                      const struct route_model *m, int64_t prompt_tokens,
                                      int64_t stable_tokens, int64_t output_tokens,
                                      int64_t now_ms) {
    struct route_usage u = {.output = output_tokens};
    const struct route_cache *there = find(c, backend);
    if (there && now_ms < there->until_ms)
        u.cached = least(least(there->tokens, stable_tokens), prompt_tokens);
    if (u.cached < m->cache_min || u.cached < 0)
        u.cached = 0;
    int64_t rest = prompt_tokens - u.cached;
    if (m->writes_cost && prompt_tokens >= m->cache_min)
        u.written = rest;
    else
        u.uncached = rest;
    return u;
}

void route_cache_note(struct route_caches *c, uint32_t backend, const struct route_model *m,
                      const struct route_usage *billed, int64_t now_ms) {
    struct route_cache *to = &c->items[0];
    int64_t tokens = billed->cached + billed->written + billed->written_1h;
    if (!m->writes_cost) // then all of a prompt is kept, whatever was billed
        tokens = prompt_of(billed);
    if (backend == 0 || tokens < m->cache_min)
        return;
    for (int i = 0; i < ROUTE_CACHES_MAX; i++) {
        if (c->items[i].backend == backend) {
            to = &c->items[i];
            break;
        }
        if (c->items[i].until_ms < to->until_ms)
            to = &c->items[i];
    }
    int64_t seconds = billed->written_1h > 0 && m->cache_seconds < 3600 ? 3600 : m->cache_seconds;
    *to = (struct route_cache){
        .backend = backend, .tokens = tokens, .until_ms = now_ms + seconds * 1000};
}

void route_cache_cut(struct route_caches *c, int64_t from) {
    for (int i = 0; i < ROUTE_CACHES_MAX; i++)
        c->items[i].tokens = least(c->items[i].tokens, from < 0 ? 0 : from);
}

double route_turn_usd(const struct route_model *m, const struct route_turn *t, bool warm) {
    const struct route_prices *p = route_prices_for(m, t->prefix + t->added);
    double prefix = warm ? p->cached : p->write;
    return ((double)t->prefix * prefix + (double)t->added * p->write +
            (double)t->output * p->output) /
           1e6;
}

double route_switch_turns(const struct route_model *from, const struct route_model *to,
                          const struct route_turn *t) {
    double saved = route_turn_usd(from, t, true) - route_turn_usd(to, t, true);
    double filling = route_turn_usd(to, t, false) - route_turn_usd(to, t, true);
    if (saved <= 0)
        return INFINITY;
    return filling > 0 ? filling / saved : 0;
}

int64_t route_turns_left(int64_t turns) {
    return turns < ROUTE_TURNS_LEFT_MIN   ? ROUTE_TURNS_LEFT_MIN
           : turns > ROUTE_TURNS_LEFT_MAX ? ROUTE_TURNS_LEFT_MAX
                                          : turns;
}
