#include "federation/beacon.h"

#include "core/base/mem.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum {
    SOURCES = 256, // addresses that are told apart; power of two
    HEARD = 512,   // friends whose last hints are remembered; power of two
    SOON_MS = 100  // changes of the network come in flocks
};
#define NS_PER_MS 1000000u
#define NS_PER_S  1000000000u

struct bucket { // of tokens; holds `burst` when full
    uint64_t left, at_ns;
};
struct source {
    uint8_t ip[16];
    bool used;
    struct bucket bucket;
};
struct heard {
    uint8_t device[HINT_DEVICE_BYTES];
    enum hint_about about;
    bool used, answered;
    struct net_addr last;
    uint64_t last_ns, window_ns, answered_ns;
    uint32_t in_window;
};
struct answer {
    struct beacon *owner;
    struct env_timer *timer; // NULL: free
    struct net_addr to;
    uint32_t group;
};
struct beacon {
    struct beacon_config config;
    struct env_timer *pace, *repeat;
    enum beacon_kind kind; // of the announcement under way
    uint32_t next_group;   // of it
    uint64_t repeat_ms;
    uint64_t announced_ns; // the last BEACON_NEW
    bool announced;
    uint8_t seed[16]; // of the table of sources, which strangers fill
    struct bucket all;
    struct beacon_info info;
    struct source sources[SOURCES];
    struct heard heard[HEARD];
    struct answer answers[BEACON_ANSWERS_MAX];
};

static uint64_t now_ns(const struct beacon *b) {
    return env_mono_ns(b->config.env);
}

static uint32_t below(struct beacon *b, uint32_t n) {
    uint32_t x;
    env_random(b->config.env, &x, sizeof x);
    return (uint32_t)((uint64_t)x * n >> 32);
}

static bool take(struct bucket *k, uint64_t now, uint32_t per_s, uint32_t burst) {
    uint64_t step = NS_PER_S / per_s, due = (now - k->at_ns) / step;
    k->left = due >= burst - k->left ? burst : k->left + due;
    k->at_ns += due * step;
    if (k->left == 0)
        return false;
    k->left--;
    return true;
}

// --- sending

static void trouble(struct beacon *b, const char *what, const struct err *err) {
    (void)snprintf(b->info.trouble, sizeof b->info.trouble, "%s: %s", what, err_text(err));
}

static int pack(struct beacon *b, enum beacon_kind kind, uint32_t group,
                uint8_t ret[BEACON_BYTES]) {
    struct tag tags[TAG_GROUP];
    struct beacon_datagram d;
    uint8_t nonce[BEACON_NONCE_BYTES];
    tag_table_turn(b->config.tags, env_wall_ms(b->config.env));
    if (group >= tag_groups(b->config.tags))
        return ERR_NOT_FOUND;
    tag_group(b->config.tags, group, tags);
    env_random(b->config.env, nonce, sizeof nonce);
    beacon_make(kind, nonce, tags, b->config.port, &d);
    beacon_write(&d, ret);
    sodium_memzero(tags, sizeof tags);
    return 0;
}

static void on_datagram(void *ctx, const uint8_t *bytes, size_t n, const struct net_addr *from);

static void join(struct beacon *b) {
    struct net *net = b->config.net;
    struct err err = {0};
    b->info.joined = net->ops->neighbours(net->self, on_datagram, b, &err) == 0;
    if (b->info.joined)
        b->info.trouble[0] = 0;
    else
        trouble(b, "no datagrams from the neighbourhood", &err);
}

static void on_repeat(void *ctx);

// Some 25 % to either side, so that engines that were started together do not stay in step.
static void plan_repeat(struct beacon *b) {
    uint64_t groups = tag_groups(b->config.tags), delay = b->repeat_ms;
    uint64_t max = BEACON_REPEAT_MAX_MS;
    if (tag_table_pairing(b->config.tags) && delay > BEACON_REPEAT_PAIRING_MS)
        delay = BEACON_REPEAT_PAIRING_MS;
    if (delay < groups * BEACON_REPEAT_FIRST_MS) // a datagram a second at most, on average
        delay = groups * BEACON_REPEAT_FIRST_MS;
    b->repeat_ms = b->repeat_ms * 2 > max ? max : b->repeat_ms * 2;
    delay = delay * 3 / 4 + below(b, (uint32_t)(delay / 2 + 1));
    b->repeat = env_timer_start(b->config.env, delay, on_repeat, b);
}

static void on_pace(void *ctx) {
    struct beacon *b = ctx;
    struct net *net = b->config.net;
    uint8_t bytes[BEACON_BYTES];
    b->pace = NULL;
    if (pack(b, b->kind, b->next_group, bytes) == 0) {
        int r = net->ops->shout(net->self, bytes, sizeof bytes);
        if (r < 0 && b->info.joined)
            trouble(b, "the announcement was not sent", &(struct err){.code = r});
        b->info.sent += r == 0;
        if (++b->next_group < tag_groups(b->config.tags))
            b->pace = env_timer_start(b->config.env, BEACON_PACE_MS, on_pace, b);
    }
    if (!b->pace && !b->repeat)
        plan_repeat(b);
}

// The first datagram goes out `delay` from now; what was under way is given up.
static void begin(struct beacon *b, enum beacon_kind kind, uint64_t delay_ms) {
    env_timer_cancel(b->config.env, b->pace);
    env_timer_cancel(b->config.env, b->repeat);
    b->pace = b->repeat = NULL;
    b->kind = kind;
    b->next_group = 0;
    if (delay_ms == 0)
        on_pace(b);
    else
        b->pace = env_timer_start(b->config.env, delay_ms, on_pace, b);
}

static void on_repeat(void *ctx) {
    struct beacon *b = ctx;
    b->repeat = NULL;
    if (!b->info.joined)
        join(b);
    begin(b, BEACON_STILL, 0);
}

// --- hearing

static bool may_look(struct beacon *b, const struct net_addr *from, uint64_t now) {
    uint8_t out[16];
    (void)crypto_generichash(out, sizeof out, from->ip, sizeof from->ip, b->seed, sizeof b->seed);
    struct source *s = &b->sources[out[0] & (SOURCES - 1)];
    if (!s->used || memcmp(s->ip, from->ip, sizeof s->ip) != 0) {
        *s = (struct source){.used = true, .bucket = {BEACON_SOURCE_BURST, now}};
        memcpy(s->ip, from->ip, sizeof s->ip);
    }
    return take(&s->bucket, now, BEACON_SOURCE_PER_S, BEACON_SOURCE_BURST) &&
           take(&b->all, now, BEACON_ALL_PER_S, BEACON_ALL_BURST);
}

static struct heard *heard_of(struct beacon *b, const struct tag_hit *hit) {
    size_t at = (hit->device[0] | (size_t)hit->device[1] << 8) + hit->about;
    struct heard *h = &b->heard[at & (HEARD - 1)];
    if (!h->used || h->about != hit->about ||
        memcmp(h->device, hit->device, sizeof h->device) != 0) {
        *h = (struct heard){.used = true, .about = hit->about};
        memcpy(h->device, hit->device, sizeof h->device);
    }
    return h;
}

static bool worth_telling(struct heard *h, const struct net_addr *at, uint64_t now) {
    if (h->in_window && net_addr_equal(&h->last, at) &&
        now - h->last_ns < (uint64_t)BEACON_SAME_HINT_MS * NS_PER_MS)
        return false;
    if (h->in_window == 0 || now - h->window_ns >= (uint64_t)BEACON_WINDOW_MS * NS_PER_MS) {
        h->window_ns = now;
        h->in_window = 0;
    }
    if (h->in_window >= BEACON_HINTS_PER_WINDOW)
        return false;
    h->in_window++;
    h->last = *at;
    h->last_ns = now;
    return true;
}

static void on_answer(void *ctx) {
    struct answer *a = ctx;
    struct beacon *b = a->owner;
    struct net *net = b->config.net;
    uint8_t bytes[BEACON_BYTES];
    a->timer = NULL;
    if (pack(b, BEACON_ANSWER, a->group, bytes) == 0 &&
        net->ops->tell(net->self, bytes, sizeof bytes, &a->to) == 0)
        b->info.answered++;
}

static void answer(struct beacon *b, struct heard *h, const struct net_addr *to, uint32_t group,
                   uint64_t now) {
    struct answer *a = b->answers;
    if (h->answered && now - h->answered_ns < (uint64_t)BEACON_ANSWER_AGAIN_MS * NS_PER_MS)
        return;
    while (a < b->answers + BEACON_ANSWERS_MAX && a->timer)
        a++;
    if (a == b->answers + BEACON_ANSWERS_MAX)
        return;
    a->owner = b;
    a->to = *to;
    a->group = group;
    a->timer = env_timer_start(b->config.env, below(b, BEACON_ANSWER_JITTER_MS + 1), on_answer, a);
    h->answered = a->timer;
    h->answered_ns = now;
}

// One tag that is known: a hint, and an answer if the speaker has just come.
static void recognised(struct beacon *b, const struct beacon_datagram *d,
                       const struct beacon_slot *slot, const struct tag_hit *hit,
                       const struct net_addr *from) {
    uint64_t now = now_ns(b);
    uint16_t port;
    if (!beacon_open(d, slot, hit->key, &port))
        return;
    struct heard *h = heard_of(b, hit);
    if (d->kind == BEACON_NEW)
        answer(b, h, from, hit->group, now);
    if (port == 0)
        return;
    struct net_hint hint = {.source = HINT_BEACON, .about = hit->about, .at = *from};
    memcpy(hint.device, hit->device, sizeof hint.device);
    hint.at.port = port;
    if (!worth_telling(h, &hint.at, now)) {
        b->info.hints_dropped++;
        return;
    }
    b->info.hints++;
    b->config.hint(b->config.ctx, &hint);
}

static void on_datagram(void *ctx, const uint8_t *bytes, size_t n, const struct net_addr *from) {
    struct beacon *b = ctx;
    struct beacon_datagram d;
    struct tag_hit hit;
    if (!may_look(b, from, now_ns(b))) {
        b->info.refused++;
        return;
    }
    b->info.heard++;
    if (beacon_parse(bytes, n, &d) < 0) {
        b->info.malformed++;
        return;
    }
    if (!b->pace && !b->repeat) // there was no memory for the timer
        plan_repeat(b);
    tag_table_turn(b->config.tags, env_wall_ms(b->config.env));
    for (int i = 0; i < TAG_GROUP; i++)
        if (tag_find(b->config.tags, d.slots[i].tag, &hit))
            recognised(b, &d, &d.slots[i], &hit, from);
}

// --- life

int beacon_start(const struct beacon_config *config, struct beacon **ret, struct err *err) {
    struct beacon *b = mem_zalloc(sizeof *b);
    if (!b)
        return err_set(err, ERR_NOMEM, "out of memory");
    b->config = *config;
    b->all = (struct bucket){BEACON_ALL_BURST, now_ns(b)};
    env_random(config->env, b->seed, sizeof b->seed);
    *ret = b;
    beacon_announce(b);
    return 0;
}

void beacon_stop(struct beacon *b) {
    if (!b)
        return;
    if (b->info.joined)
        (void)b->config.net->ops->neighbours(b->config.net->self, NULL, NULL, NULL);
    env_timer_cancel(b->config.env, b->pace);
    env_timer_cancel(b->config.env, b->repeat);
    for (int i = 0; i < BEACON_ANSWERS_MAX; i++)
        env_timer_cancel(b->config.env, b->answers[i].timer);
    mem_free(b);
}

void beacon_announce(struct beacon *b) {
    uint64_t now = now_ns(b), soon = (uint64_t)SOON_MS * NS_PER_MS;
    bool early = b->announced && now < b->announced_ns + soon;
    if (early && b->pace && b->kind == BEACON_NEW && b->next_group == 0)
        return; // one is waiting to go out
    join(b);
    b->repeat_ms = BEACON_REPEAT_FIRST_MS;
    uint64_t delay = early ? (b->announced_ns + soon - now) / NS_PER_MS + 1 : 0;
    b->announced = true;
    b->announced_ns = now + delay * NS_PER_MS;
    begin(b, BEACON_NEW, delay);
}

void beacon_set_port(struct beacon *b, uint16_t port) {
    if (b->config.port == port)
        return;
    b->config.port = port;
    beacon_announce(b);
}

void beacon_info(const struct beacon *b, struct beacon_info *ret) {
    *ret = b->info;
}
