#include "core/loop/netwatch.h"

#include "core/base/mem.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_BYTES = 16 * 1024, // the kernel's own datagrams are at most 8 KiB and a page
    READS_PER_EVENT = 64,
    INTERESTING_FLAGS = IFF_UP | IFF_RUNNING | IFF_LOOPBACK | IFF_MULTICAST
};
#define NS_PER_MS 1000000u

struct netwatch {
    struct loop *loop;
    int fd;
    struct loop_watch *watch;
    struct loop_timer *timer; // runs while there is news
    bool waits;               // it does
    bool tentative;           // an address was announced that was not usable yet
    bool usable;              // and since then one that is
    uint64_t first_ns;        // of the news that wait
    uint64_t told_ns;         // 0: never
    uint64_t state;           // sum over the list of interfaces and addresses
    netwatch_fn *fn;
    void *ctx;
};

// --- what the system is like

static uint64_t mix(uint64_t h, const void *bytes, size_t n) { // FNV-1a
    const uint8_t *p = bytes;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

static uint64_t of_entry(const struct ifaddrs *i) {
    unsigned flags = i->ifa_flags & INTERESTING_FLAGS;
    uint64_t h = mix(0xcbf29ce484222325u, i->ifa_name, strlen(i->ifa_name));
    h = mix(h, &flags, sizeof flags);
    if (!i->ifa_addr)
        return h;
    h = mix(h, &i->ifa_addr->sa_family, sizeof i->ifa_addr->sa_family);
    if (i->ifa_addr->sa_family == AF_INET)
        h = mix(h, &((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr,
                sizeof(struct in_addr));
    else if (i->ifa_addr->sa_family == AF_INET6)
        h = mix(h, &((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr,
                sizeof(struct in6_addr));
    return h;
}

// The same for the same set in any order. When the list cannot be had nothing has changed: the next
// news ask again.
static uint64_t look(uint64_t before) {
    struct ifaddrs *list = NULL;
    uint64_t sum = 0;
    if (getifaddrs(&list) < 0)
        return before;
    for (const struct ifaddrs *i = list; i; i = i->ifa_next)
        sum += of_entry(i);
    freeifaddrs(list);
    return sum;
}

// --- what the kernel says

static enum netwatch_news read_address(const struct nlmsghdr *h) {
    const struct ifaddrmsg *a = NLMSG_DATA(h);
    if (h->nlmsg_len < NLMSG_LENGTH(sizeof *a))
        return NETWATCH_NOTHING;
    if (h->nlmsg_type != RTM_NEWADDR || a->ifa_family != AF_INET6)
        return NETWATCH_LOOK;
    return a->ifa_flags & IFA_F_TENTATIVE ? NETWATCH_TENTATIVE : NETWATCH_USABLE;
}

static enum netwatch_news read_message(const struct nlmsghdr *h) {
    switch (h->nlmsg_type) {
    case RTM_NEWADDR:
    case RTM_DELADDR:
        return read_address(h);
    case RTM_NEWLINK:
    case RTM_DELLINK:
        return h->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifinfomsg)) ? NETWATCH_NOTHING
                                                                     : NETWATCH_LOOK;
    default:
        return NETWATCH_NOTHING;
    }
}

enum netwatch_news netwatch_read(const void *bytes, size_t n) {
    enum netwatch_news most = NETWATCH_NOTHING;
    const uint8_t *at = bytes;
    struct nlmsghdr h;
    while (n >= sizeof h) {
        memcpy(&h, at, sizeof h);
        if (h.nlmsg_len < sizeof h || h.nlmsg_len > n)
            break;
        enum netwatch_news it = read_message((const struct nlmsghdr *)(const void *)at);
        most = it > most ? it : most;
        size_t step = NLMSG_ALIGN((size_t)h.nlmsg_len);
        if (step >= n)
            break;
        at += step;
        n -= step;
    }
    return most;
}

// --- telling

static void on_timer(void *ctx) {
    struct netwatch *w = ctx;
    uint64_t state = look(w->state);
    bool different = state != w->state || (w->tentative && w->usable);
    w->waits = false;
    if (w->usable)
        w->tentative = w->usable = false;
    w->state = state;
    if (!different)
        return;
    w->told_ns = env_mono_ns(loop_env(w->loop));
    w->fn(w->ctx);
}

// Quiet for a moment, but not for ever, and not too soon after the last time.
static void news(struct netwatch *w) {
    uint64_t now = env_mono_ns(loop_env(w->loop));
    if (!w->waits)
        w->first_ns = now;
    w->waits = true;
    uint64_t at = now + (uint64_t)NETWATCH_QUIET_MS * NS_PER_MS;
    uint64_t latest = w->first_ns + (uint64_t)NETWATCH_LATEST_MS * NS_PER_MS;
    uint64_t earliest = w->told_ns ? w->told_ns + (uint64_t)NETWATCH_GAP_MS * NS_PER_MS : 0;
    at = at > latest ? latest : at;
    at = at < earliest ? earliest : at;
    loop_timer_start(w->timer, at > now ? (at - now) / NS_PER_MS : 0, 0);
}

static void on_readable(void *ctx, int fd, int events) {
    struct netwatch *w = ctx;
    enum netwatch_news most = NETWATCH_NOTHING;
    (void)events;
    for (int i = 0; i < READS_PER_EVENT; i++) {
        _Alignas(struct nlmsghdr) uint8_t bytes[READ_BYTES];
        struct sockaddr_nl from = {0};
        socklen_t size = sizeof from;
        ssize_t n = recvfrom(fd, bytes, sizeof bytes, MSG_TRUNC, (struct sockaddr *)&from, &size);
        if (n < 0 && errno != ENOBUFS && errno != EINTR)
            break;
        if (n >= 0 && from.nl_pid != 0) // only the kernel knows
            continue;
        enum netwatch_news it = NETWATCH_LOOK; // some were lost, or one was too long
        if (n >= 0 && n <= (ssize_t)sizeof bytes)
            it = netwatch_read(bytes, (size_t)n);
        w->tentative |= it == NETWATCH_TENTATIVE;
        w->usable |= it == NETWATCH_USABLE && w->tentative;
        most = it > most ? it : most;
    }
    if (most != NETWATCH_NOTHING)
        news(w);
}

// --- life

static int open_socket(struct err *err) {
    struct sockaddr_nl at = {.nl_family = AF_NETLINK,
                             .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    int errnum = errno;
    if (fd >= 0)
        (void)close(fd);
    if (errnum == EMFILE || errnum == ENFILE || errnum == ENOMEM)
        return err_errno(err, errnum, "cannot watch the network");
    return err_set(err, ERR_UNSUPPORTED, "changes of the network cannot be watched: %s",
                   strerror(errnum));
}

int netwatch_open(struct loop *l, netwatch_fn *fn, void *ctx, struct netwatch **ret,
                  struct err *err) {
    struct netwatch *w = mem_zalloc(sizeof *w);
    if (!w)
        return err_set(err, ERR_NOMEM, "out of memory");
    *w = (struct netwatch){.loop = l, .fd = open_socket(err), .fn = fn, .ctx = ctx};
    int r = w->fd < 0 ? w->fd : 0;
    if (r == 0 && (r = loop_timer_new(l, on_timer, w, &w->timer)) < 0)
        r = err_set(err, r, "out of memory");
    if (r == 0)
        r = loop_watch_new(l, w->fd, on_readable, w, &w->watch, err);
    if (r < 0) {
        netwatch_close(w);
        return r;
    }
    w->state = look(0); // after the socket is bound: what happens from here on is told
    *ret = w;
    return 0;
}

void netwatch_close(struct netwatch *w) {
    if (!w)
        return;
    loop_watch_free(w->watch);
    loop_timer_free(w->timer);
    if (w->fd >= 0)
        (void)close(w->fd);
    mem_free(w);
}
