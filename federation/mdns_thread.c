// The thread of mdns: all that talks to Avahi. Callbacks of the library only note what happened;
// what follows from it is done between two rounds of its poll, so that nothing is freed or made
// within a call of its own.
#include "core/base/env.h"
#include "core/base/mem.h"
#include "federation/mdns_avahi.h"
#include "federation/mdns_impl.h"

#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TTL_S = 4500, TTL_OF_HOST_S = 120, NAME_BYTES_MAX = 256 }; // RFC 6762 §10, RFC 1035 §2.3.4

struct place { // a service, as the browser names it
    char name[TAG_NAME_CHARS + 1];
    AvahiIfIndex interface;
    AvahiProtocol protocol;
};
struct resolving {
    struct thread *owner;
    AvahiServiceResolver *resolver; // NULL: free
};
struct thread {
    struct mdns_shared *shared;
    struct avahi_api api;
    AvahiSimplePoll *poll;
    AvahiClient *client;
    AvahiEntryGroup *group;
    AvahiServiceBrowser *browser;
    AvahiClientState state;
    bool renew;               // the client is of no use any more
    char why[128];            // it is not
    uint64_t published;       // serial of what is; 0: nothing
    struct mdns_wanted *copy; // of what is wanted
    struct resolving resolving[MDNS_RESOLVING_MAX];
    struct place waiting[MDNS_WAITING_MAX]; // ring
    uint32_t first, count;
};

static void tell(struct thread *t, enum mdns_state state, uint32_t published, const char *trouble) {
    struct mdns_shared *s = t->shared;
    (void)pthread_mutex_lock(&s->lock);
    s->state = state;
    s->published = published;
    (void)snprintf(s->trouble, sizeof s->trouble, "%s", trouble);
    (void)pthread_mutex_unlock(&s->lock);
}

static bool stopping(struct thread *t) {
    (void)pthread_mutex_lock(&t->shared->lock);
    bool stop = t->shared->stop;
    (void)pthread_mutex_unlock(&t->shared->lock);
    return stop;
}

// What is wanted now, when that is something else than what was published.
static bool news(struct thread *t) {
    (void)pthread_mutex_lock(&t->shared->lock);
    bool is = t->shared->wanted.serial != t->published;
    if (is)
        *t->copy = t->shared->wanted;
    (void)pthread_mutex_unlock(&t->shared->lock);
    return is;
}

static void give_up(struct thread *t, const char *what, int error) {
    t->renew = true;
    (void)snprintf(t->why, sizeof t->why, "%s: %s", what, t->api.strerror(error));
}

// --- what others publish

static void post(struct thread *t, const struct place *p, const AvahiAddress *a,
                 const uint8_t bytes[BEACON_BYTES]) {
    struct mdns_message *m = mem_zalloc(sizeof *m);
    if (!m)
        return;
    memcpy(m->name, p->name, sizeof m->name);
    m->interface = p->interface;
    m->protocol = p->protocol;
    m->gone = !a;
    if (a && a->proto == AVAHI_PROTO_INET) {
        m->at.ip[10] = m->at.ip[11] = 0xff;
        memcpy(m->at.ip + 12, &a->data.ipv4.address, 4);
    } else if (a) {
        memcpy(m->at.ip, a->data.ipv6.address, sizeof m->at.ip);
        if (m->at.ip[0] == 0xfe && (m->at.ip[1] & 0xc0) == 0x80)
            m->at.scope = (uint32_t)p->interface;
    }
    if (bytes)
        memcpy(m->bytes, bytes, sizeof m->bytes);
    if (mailbox_post(t->shared->mailbox, m) < 0) {
        atomic_fetch_add(&t->shared->dropped, 1);
        mem_free(m);
    }
}

static bool place_from(struct place *p, AvahiIfIndex interface, AvahiProtocol protocol,
                       const char *name) {
    if (!name || !mdns_name_valid(name))
        return false;
    *p = (struct place){.interface = interface, .protocol = protocol};
    memcpy(p->name, name, sizeof p->name);
    return true;
}

static void on_resolved(AvahiServiceResolver *r, AvahiIfIndex interface, AvahiProtocol protocol,
                        AvahiResolverEvent event, const char *name, const char *type,
                        const char *domain, const char *host_name, const AvahiAddress *a,
                        uint16_t port, AvahiStringList *txt, AvahiLookupResultFlags flags,
                        void *ctx) {
    struct resolving *it = ctx;
    struct thread *t = it->owner;
    struct place p;
    struct mdns_txt read = {.parts = 0};
    (void)type, (void)domain, (void)host_name, (void)port, (void)flags;
    for (; event == AVAHI_RESOLVER_FOUND && txt; txt = txt->next)
        mdns_txt_add(&read, txt->text, txt->size);
    if (event == AVAHI_RESOLVER_FOUND && a && mdns_txt_complete(&read) &&
        place_from(&p, interface, protocol, name))
        post(t, &p, a, read.bytes);
    (void)t->api.service_resolver_free(r);
    it->resolver = NULL;
}

static void resolve_waiting(struct thread *t) {
    for (struct resolving *r = t->resolving; r < t->resolving + MDNS_RESOLVING_MAX && t->count;
         r++) {
        if (r->resolver)
            continue;
        struct place *p = &t->waiting[t->first];
        t->first = (t->first + 1) % MDNS_WAITING_MAX;
        t->count--;
        r->owner = t;
        r->resolver =
            t->api.service_resolver_new(t->client, p->interface, p->protocol, p->name, MDNS_TYPE,
                                        MDNS_DOMAIN, AVAHI_PROTO_UNSPEC, 0, on_resolved, r);
        if (!r->resolver) // too many of them at the daemon, or it is gone: then its state says so
            atomic_fetch_add(&t->shared->dropped, 1);
    }
}

static void on_browsed(AvahiServiceBrowser *b, AvahiIfIndex interface, AvahiProtocol protocol,
                       AvahiBrowserEvent event, const char *name, const char *type,
                       const char *domain, AvahiLookupResultFlags flags, void *ctx) {
    struct thread *t = ctx;
    struct place p;
    (void)b, (void)type, (void)domain;
    if (event == AVAHI_BROWSER_FAILURE)
        give_up(t, "browsing", t->api.client_errno(t->client));
    if ((event != AVAHI_BROWSER_NEW && event != AVAHI_BROWSER_REMOVE) ||
        flags & AVAHI_LOOKUP_RESULT_OUR_OWN || !place_from(&p, interface, protocol, name))
        return;
    if (event == AVAHI_BROWSER_REMOVE) {
        post(t, &p, NULL, NULL);
    } else if (t->count == MDNS_WAITING_MAX) {
        atomic_fetch_add(&t->shared->dropped, 1);
    } else {
        t->waiting[(t->first + t->count) % MDNS_WAITING_MAX] = p;
        t->count++;
    }
}

// --- what we publish

// A name as in a record: labels, each with its length before it. 0: it is none.
static size_t encode_name(struct thread *t, const char *name, uint8_t ret[NAME_BYTES_MAX]) {
    char label[64];
    size_t n = 0;
    while (*name) {
        if (!t->api.unescape_label(&name, label, sizeof label))
            return 0;
        size_t length = strlen(label);
        if (length == 0 || n + 1 + length + 1 > NAME_BYTES_MAX)
            return 0;
        ret[n++] = (uint8_t)length;
        memcpy(ret + n, label, length);
        n += length;
    }
    ret[n++] = 0;
    return n;
}

static int add(struct thread *t, AvahiPublishFlags flags, const char *name, uint16_t type,
               uint32_t ttl, const void *data, size_t n) {
    return t->api.entry_group_add_record(t->group, AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC, flags, name,
                                         AVAHI_DNS_CLASS_IN, type, ttl, data, n);
}

// The three records of RFC 6763 one by one: only so can they go out at once. Nobody else can have
// this name, so there is nothing to probe for (RFC 6762 §8.1).
static int add_instance(struct thread *t, const struct mdns_instance *it) {
    char full[sizeof it->name + sizeof "." MDNS_TYPE "." MDNS_DOMAIN];
    uint8_t name[NAME_BYTES_MAX], txt[MDNS_TXT_BYTES];
    uint8_t service[6 + NAME_BYTES_MAX] = {0, 0, 0, 0, MDNS_PORT >> 8, MDNS_PORT & 0xff};
    const char *host = t->api.client_get_host_name_fqdn(t->client);
    AvahiPublishFlags ours = AVAHI_PUBLISH_UNIQUE | AVAHI_PUBLISH_NO_PROBE;
    (void)snprintf(full, sizeof full, "%s." MDNS_TYPE "." MDNS_DOMAIN, it->name);
    size_t host_bytes = host ? encode_name(t, host, service + 6) : 0;
    if (host_bytes == 0)
        return AVAHI_ERR_INVALID_HOST_NAME;
    mdns_txt_write(it->bytes, txt);
    int r = add(t, AVAHI_PUBLISH_NO_PROBE, MDNS_TYPE "." MDNS_DOMAIN, AVAHI_DNS_TYPE_PTR, TTL_S,
                name, encode_name(t, full, name));
    if (r >= 0)
        r = add(t, ours, full, AVAHI_DNS_TYPE_SRV, TTL_OF_HOST_S, service, 6 + host_bytes);
    if (r >= 0)
        r = add(t, ours, full, AVAHI_DNS_TYPE_TXT, TTL_S, txt, sizeof txt);
    return r;
}

static void on_group(AvahiEntryGroup *g, AvahiEntryGroupState state, void *ctx) {
    struct thread *t = ctx;
    (void)g;
    if (state == AVAHI_ENTRY_GROUP_COLLISION || state == AVAHI_ENTRY_GROUP_FAILURE)
        give_up(t, "publishing", t->client ? t->api.client_errno(t->client) : AVAHI_ERR_COLLISION);
}

static void publish(struct thread *t) {
    const struct mdns_wanted *w = t->copy;
    int r = 0;
    if (t->group)
        r = t->api.entry_group_reset(t->group);
    else if (w->count && !(t->group = t->api.entry_group_new(t->client, on_group, t)))
        r = t->api.client_errno(t->client);
    for (uint32_t i = 0; r >= 0 && i < w->count; i++)
        r = add_instance(t, &w->instances[i]);
    if (r >= 0 && w->count)
        r = t->api.entry_group_commit(t->group);
    if (r < 0) {
        give_up(t, "publishing", r);
        return;
    }
    t->published = w->serial;
    tell(t, MDNS_READY, w->count, "");
}

static void browse(struct thread *t) {
    t->browser = t->api.service_browser_new(t->client, AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC,
                                            MDNS_TYPE, MDNS_DOMAIN, 0, on_browsed, t);
    if (!t->browser)
        give_up(t, "browsing", t->api.client_errno(t->client));
}

// --- the client

static void on_client(AvahiClient *c, AvahiClientState state, void *ctx) {
    struct thread *t = ctx;
    t->state = state;
    if (state == AVAHI_CLIENT_FAILURE)
        give_up(t, "the mDNS service has gone", t->api.client_errno(c));
}

// What follows from where the daemon and our wishes stand.
static void act(struct thread *t) {
    switch (t->state) {
    case AVAHI_CLIENT_CONNECTING:
        tell(t, MDNS_NO_DAEMON, 0,
             "avahi-daemon does not run: apt-get install avahi-daemon, or systemctl start it");
        return;
    case AVAHI_CLIENT_S_REGISTERING:
    case AVAHI_CLIENT_S_COLLISION: // the host gets another name; what we published names the old
        t->published = 0;
        break;
    case AVAHI_CLIENT_S_RUNNING:
        if (news(t))
            publish(t);
        break;
    case AVAHI_CLIENT_FAILURE:
        return;
    }
    if (!t->renew && !t->browser)
        browse(t);
    if (!t->renew)
        resolve_waiting(t);
}

static int on_poll(struct pollfd *fds, unsigned n, int timeout, void *ctx) {
    struct thread *t = ctx;
    atomic_store(&t->shared->busy_since_ns, 0);
    int r = poll(fds, n, timeout);
    atomic_store(&t->shared->busy_since_ns, env_now_mono_ns());
    return r;
}

static void on_wake(AvahiWatch *w, int fd, AvahiWatchEvent event, void *ctx) {
    uint64_t count;
    (void)w, (void)event, (void)ctx;
    ssize_t n = read(fd, &count, sizeof count);
    (void)n;
}

static bool searching(struct thread *t) {
    (void)pthread_mutex_lock(&t->shared->lock);
    bool search = t->shared->wanted.search;
    (void)pthread_mutex_unlock(&t->shared->lock);
    return search;
}

// As long as the client lives and there is something to do. True: it was of use.
static bool serve(struct thread *t) {
    const AvahiPoll *api = t->api.simple_poll_get(t->poll);
    int error = 0;
    bool useful = false;
    if (!api->watch_new(api, t->shared->wake, AVAHI_WATCH_IN, on_wake, t))
        return false;
    t->api.simple_poll_set_func(t->poll, on_poll, t);
    uint64_t began = env_now_mono_ns();
    t->client = t->api.client_new(api, AVAHI_CLIENT_NO_FAIL, on_client, t, &error);
    if (!t->client) {
        bool silent = env_now_mono_ns() - began > (uint64_t)MDNS_SILENT_MS * 1000000u;
        char text[MDNS_TROUBLE_BYTES];
        (void)snprintf(text, sizeof text, "the system's D-Bus %s (%s)",
                       silent ? "or mDNS service does not answer" : "cannot be reached",
                       t->api.strerror(error));
        tell(t, silent ? MDNS_SILENT : MDNS_NO_BUS, 0, text);
        return false;
    }
    do {
        act(t);
        useful |= t->published != 0;
    } while (!t->renew && !stopping(t) && searching(t) &&
             t->api.simple_poll_iterate(t->poll, -1) == 0 && !t->renew);
    if (t->renew)
        tell(t, MDNS_NO_DAEMON, 0, t->why);
    return useful;
}

static bool one_client(struct thread *t) {
    atomic_store(&t->shared->busy_since_ns, env_now_mono_ns());
    t->poll = t->api.simple_poll_new();
    bool useful = t->poll && serve(t);
    if (t->client)
        t->api.client_free(t->client); // and all that was made of it: what we published goes
    if (t->poll)
        t->api.simple_poll_free(t->poll);
    t->client = NULL;
    t->poll = NULL;
    t->group = NULL;
    t->browser = NULL;
    t->state = AVAHI_CLIENT_CONNECTING;
    t->renew = false;
    t->published = 0;
    t->first = t->count = 0;
    memset(t->resolving, 0, sizeof t->resolving);
    atomic_store(&t->shared->busy_since_ns, 0);
    return useful;
}

// --- life

// Until the loop's half says something, or the time has passed; negative: for ever.
static void rest(struct thread *t, int ms) {
    struct pollfd fd = {.fd = t->shared->wake, .events = POLLIN};
    uint64_t count;
    (void)poll(&fd, 1, ms);
    ssize_t n = read(t->shared->wake, &count, sizeof count);
    (void)n;
}

static void run(struct thread *t) {
    int retry = MDNS_RETRY_MS;
    struct err err;
    while (!stopping(t)) {
        if (!searching(t)) {
            rest(t, -1);
            continue;
        }
        bool useful = false;
        if (t->api.client_new || avahi_api_load(t->shared->library, &t->api, &err) == 0)
            useful = one_client(t);
        else
            tell(t, MDNS_NO_LIBRARY, 0, err_text(&err));
        if (useful)
            retry = MDNS_RETRY_MS;
        if (stopping(t) || !searching(t))
            continue;
        rest(t, retry);
        retry = retry * 2 > MDNS_RETRY_MAX_MS ? MDNS_RETRY_MAX_MS : retry * 2;
    }
}

void *mdns_thread_main(void *shared) {
    struct mdns_shared *s = shared;
    struct thread *t = mem_zalloc(sizeof *t);
    struct mdns_wanted *copy = mem_zalloc(sizeof *copy);
    if (t && copy) {
        t->shared = s;
        t->copy = copy;
        t->state = AVAHI_CLIENT_CONNECTING;
        run(t);
    }
    mem_free(copy);
    mem_free(t);
    (void)pthread_mutex_lock(&s->lock);
    s->ended = true;
    (void)pthread_cond_signal(&s->on_end);
    (void)pthread_mutex_unlock(&s->lock);
    mdns_shared_unref(s);
    return NULL;
}
