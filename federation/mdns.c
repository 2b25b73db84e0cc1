#include "federation/mdns.h"

#include "core/base/mem.h"
#include "federation/mdns_impl.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS 1000000u
#define NS_PER_S  1000000000u
enum { STACK_BYTES = 512 * 1024 };

struct known {
    bool used;
    struct mdns_message it;
    uint64_t found_ns, hinted_ns; // hinted 0: never
};
struct mdns {
    struct mdns_config config;
    struct env *env;
    struct mdns_shared *shared;
    struct mailbox *mailbox;
    struct loop_timer *timer; // the next look at the tags
    bool announce;            // was asked for
    uint64_t announced_ns;    // 0: never
    uint64_t version;         // of the tags, as published
    uint32_t salt;            // of the names
    uint64_t tokens, tokens_ns;
    struct mdns_info info;
    struct known known[MDNS_KNOWN_MAX];
};

static _Atomic unsigned threads; // that have not ended

// --- what the two halves share

void mdns_shared_unref(struct mdns_shared *s) {
    (void)pthread_mutex_lock(&s->lock);
    unsigned left = --s->references;
    (void)pthread_mutex_unlock(&s->lock);
    if (left)
        return;
    if (s->wake >= 0)
        (void)close(s->wake);
    mailbox_unref(s->mailbox);
    (void)pthread_cond_destroy(&s->on_end);
    (void)pthread_mutex_destroy(&s->lock);
    sodium_memzero(&s->wanted, sizeof s->wanted);
    mem_free(s->library);
    mem_free(s);
}

static int shared_new(const char *library, struct mdns_shared **ret, struct err *err) {
    struct mdns_shared *s = mem_zalloc(sizeof *s);
    pthread_condattr_t attributes;
    if (!s)
        return err_set(err, ERR_NOMEM, "out of memory");
    (void)pthread_mutex_init(&s->lock, NULL); // these cannot fail on Linux
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->on_end, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    s->references = 1;
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = s->wake < 0 ? err_errno(err, errno, "cannot start discovery by mDNS") : 0;
    if (r == 0 && library && !(s->library = mem_strdup(library)))
        r = err_set(err, ERR_NOMEM, "out of memory");
    if (r < 0) {
        mdns_shared_unref(s);
        return r;
    }
    *ret = s;
    return 0;
}

static void wake(struct mdns_shared *s) {
    uint64_t one = 1;
    ssize_t n = write(s->wake, &one, sizeof one); // full only when it is awake
    (void)n;
}

static void *thread_main(void *shared) {
    void *r = mdns_thread_main(shared);
    atomic_fetch_sub(&threads, 1);
    return r;
}

// Detached: nobody waits for a thread that a daemon may hold for half a minute.
static int start_thread(struct mdns_shared *s, struct err *err) {
    pthread_attr_t attributes;
    pthread_t id;
    sigset_t all, before;
    if (atomic_fetch_add(&threads, 1) >= MDNS_THREADS_MAX) {
        atomic_fetch_sub(&threads, 1);
        return err_set(err, ERR_BUSY,
                       "the system's mDNS service does not answer; try again in half a minute");
    }
    s->references++; // the thread's
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int e = pthread_create(&id, &attributes, thread_main, s);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    if (e == 0)
        return 0;
    s->references--;
    atomic_fetch_sub(&threads, 1);
    return err_errno(err, e, "cannot start a thread for mDNS");
}

// --- what is published

static void make_instances(struct mdns *m, struct mdns_wanted *w) {
    struct tag tags[TAG_GROUP];
    struct beacon_datagram d;
    uint8_t nonce[BEACON_NONCE_BYTES];
    uint32_t groups = tag_groups(m->config.tags);
    w->search = groups > 0;
    w->count = m->config.port == 0 ? 0 : groups < MDNS_INSTANCES_MAX ? groups : MDNS_INSTANCES_MAX;
    for (uint32_t i = 0; i < w->count; i++) {
        tag_name(m->config.tags, m->salt++, w->instances[i].name);
        tag_group(m->config.tags, i, tags);
        env_random(m->env, nonce, sizeof nonce);
        beacon_make(BEACON_STILL, nonce, tags, m->config.port, &d);
        beacon_write(&d, w->instances[i].bytes);
    }
    sodium_memzero(tags, sizeof tags);
}

// Under new names each time: what has changed is then found anew, address and all, whatever others
// have in their caches.
static void publish(struct mdns *m) {
    struct mdns_shared *s = m->shared;
    struct mdns_wanted wanted;
    memset(&wanted, 0, sizeof wanted);
    make_instances(m, &wanted);
    (void)pthread_mutex_lock(&s->lock);
    wanted.serial = s->wanted.serial + 1;
    s->wanted = wanted;
    (void)pthread_mutex_unlock(&s->lock);
    wake(s);
    m->announced_ns = env_mono_ns(m->env);
    m->version = tag_table_version(m->config.tags);
}

// --- what was found

static void give_hint(struct mdns *m, struct known *k, const struct tag_hit *hit, uint16_t port) {
    struct net_hint hint = {.source = HINT_MDNS, .about = hit->about, .at = k->it.at};
    memcpy(hint.device, hit->device, sizeof hint.device);
    hint.at.port = port;
    k->hinted_ns = env_mono_ns(m->env);
    m->info.hints++;
    m->config.hint(m->config.ctx, &hint);
}

static void look_at(struct mdns *m, struct known *k) {
    struct beacon_datagram d;
    struct tag_hit hit;
    uint16_t port;
    if (k->hinted_ns &&
        env_mono_ns(m->env) - k->hinted_ns < (uint64_t)MDNS_SAME_HINT_MS * NS_PER_MS) {
        m->info.hints_dropped++;
        return;
    }
    if (beacon_parse(k->it.bytes, sizeof k->it.bytes, &d) < 0) {
        m->info.malformed++;
        k->used = false;
        return;
    }
    for (int i = 0; i < TAG_GROUP; i++)
        if (tag_find(m->config.tags, d.slots[i].tag, &hit) &&
            beacon_open(&d, &d.slots[i], hit.key, &port) && port != 0)
            give_hint(m, k, &hit, port);
}

static bool may_look(struct mdns *m) {
    uint64_t now = env_mono_ns(m->env), step = NS_PER_S / MDNS_LOOKED_PER_S;
    uint64_t due = (now - m->tokens_ns) / step;
    m->tokens = due >= MDNS_LOOKED_BURST - m->tokens ? MDNS_LOOKED_BURST : m->tokens + due;
    m->tokens_ns += due * step;
    if (m->tokens == 0)
        return false;
    m->tokens--;
    return true;
}

static struct known *find(struct mdns *m, const struct mdns_message *it) {
    for (struct known *k = m->known; k < m->known + MDNS_KNOWN_MAX; k++)
        if (k->used && k->it.interface == it->interface && k->it.protocol == it->protocol &&
            strcmp(k->it.name, it->name) == 0)
            return k;
    return NULL;
}

static struct known *room(struct mdns *m) { // a free one, else what was found longest ago
    struct known *oldest = m->known;
    for (struct known *k = m->known; k < m->known + MDNS_KNOWN_MAX; k++) {
        if (!k->used)
            return k;
        if (k->found_ns < oldest->found_ns)
            oldest = k;
    }
    return oldest;
}

static void on_message(void *ctx, void *message) {
    struct mdns *m = ctx;
    AUTO_FREE struct mdns_message *it = message;
    struct known *k = find(m, it);
    if (it->gone) {
        if (k)
            k->used = false;
        return;
    }
    if (!may_look(m)) {
        m->info.refused++;
        return;
    }
    m->info.found++;
    if (!k || !net_addr_equal(&k->it.at, &it->at)) {
        k = k ? k : room(m);
        k->hinted_ns = 0;
    }
    k->used = true;
    k->it = *it;
    k->found_ns = env_mono_ns(m->env);
    tag_table_turn(m->config.tags, env_wall_ms(m->env));
    look_at(m, k);
}

// --- when

static void on_timer(void *ctx) {
    struct mdns *m = ctx;
    tag_table_turn(m->config.tags, env_wall_ms(m->env));
    bool asked = m->announce;
    m->announce = false;
    loop_timer_start(m->timer, MDNS_TURN_MS, 0);
    if (asked || m->version != tag_table_version(m->config.tags))
        publish(m);
    for (struct known *k = m->known; asked && k < m->known + MDNS_KNOWN_MAX; k++)
        if (k->used)
            look_at(m, k);
}

void mdns_announce(struct mdns *m) {
    uint64_t now = env_mono_ns(m->env), due = m->announced_ns + NS_PER_S;
    if (m->announce)
        return;
    m->announce = true;
    bool early = m->announced_ns && now < due;
    loop_timer_start(m->timer, early ? (due - now) / NS_PER_MS + 1 : 0, 0);
}

void mdns_set_port(struct mdns *m, uint16_t port) {
    if (m->config.port == port)
        return;
    m->config.port = port;
    mdns_announce(m);
}

// --- life

int mdns_start(const struct mdns_config *config, struct mdns **ret, struct err *err) {
    struct mdns *m = mem_zalloc(sizeof *m);
    if (!m)
        return err_set(err, ERR_NOMEM, "out of memory");
    m->config = *config;
    m->env = loop_env(config->loop);
    m->tokens = MDNS_LOOKED_BURST;
    m->tokens_ns = env_mono_ns(m->env);
    env_random(m->env, &m->salt, sizeof m->salt);
    int r = shared_new(config->library, &m->shared, err);
    if (r == 0)
        r = mailbox_new(config->loop, MDNS_MAILBOX_MAX, on_message, m, &m->mailbox, err);
    if (r == 0)
        m->shared->mailbox = mailbox_ref(m->mailbox);
    if (r == 0 && (r = loop_timer_new(config->loop, on_timer, m, &m->timer)) < 0)
        r = err_set(err, r, "out of memory");
    if (r == 0)
        r = start_thread(m->shared, err);
    if (r < 0) {
        mdns_stop(m);
        return r;
    }
    *ret = m;
    mdns_announce(m);
    return 0;
}

static void wait_for_end(struct mdns_shared *s) {
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)MDNS_STOP_MS * (long)NS_PER_MS;
    until.tv_sec += until.tv_nsec / (long)NS_PER_S;
    until.tv_nsec %= (long)NS_PER_S;
    (void)pthread_mutex_lock(&s->lock);
    s->stop = true;
    wake(s);
    bool runs = s->references > 1;
    while (runs && !s->ended && pthread_cond_timedwait(&s->on_end, &s->lock, &until) == 0)
        continue;
    (void)pthread_mutex_unlock(&s->lock);
}

static void drop(void *message) {
    mem_free(message);
}

void mdns_stop(struct mdns *m) {
    if (!m)
        return;
    loop_timer_free(m->timer);
    if (m->shared) {
        wait_for_end(m->shared);
        mdns_shared_unref(m->shared);
    }
    mailbox_close(m->mailbox, drop);
    mem_free(m);
}

struct mailbox *mdns_mailbox(struct mdns *m) {
    return m->mailbox;
}

const char *mdns_state_name(enum mdns_state s) {
    static const char *const names[] = {
        [MDNS_STARTING] = "starting",   [MDNS_NO_LIBRARY] = "no-library", [MDNS_NO_BUS] = "no-bus",
        [MDNS_NO_DAEMON] = "no-daemon", [MDNS_SILENT] = "silent",         [MDNS_READY] = "ready"};
    return names[s];
}

void mdns_info(const struct mdns *m, struct mdns_info *ret) {
    struct mdns_shared *s = m->shared;
    uint64_t busy = atomic_load(&s->busy_since_ns), now = env_mono_ns(m->env);
    *ret = m->info;
    ret->refused += atomic_load(&s->dropped);
    for (const struct known *k = m->known; k < m->known + MDNS_KNOWN_MAX; k++)
        ret->known += k->used;
    (void)pthread_mutex_lock(&s->lock);
    ret->state = s->state;
    ret->published = s->published;
    (void)snprintf(ret->trouble, sizeof ret->trouble, "%s", s->trouble);
    (void)pthread_mutex_unlock(&s->lock);
    if (busy && now > busy && now - busy > (uint64_t)MDNS_SILENT_MS * NS_PER_MS) {
        ret->state = MDNS_SILENT;
        (void)snprintf(ret->trouble, sizeof ret->trouble,
                       "the system's mDNS service has not answered for %llu s: "
                       "systemctl restart avahi-daemon",
                       (unsigned long long)((now - busy) / NS_PER_S));
    }
}
