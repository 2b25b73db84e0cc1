// The UDP half of core/loop/socket.h: for each family one socket in the group, that hears, and one
// of our own port, that speaks and hears answers. A port shared by processes gets a multicast
// datagram in each of them but a plain one in only one.
#include "core/base/mem.h"
#include "core/loop/loop_uv.h"
#include "core/loop/socket_impl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

enum { HEAR_FOUR, HEAR_SIX, TALK_FOUR, TALK_SIX, SOCKETS, READS_PER_EVENT = 64 };

struct group_socket {
    uv_poll_t handle;
    int fd; // -1: not there
    struct socket_group *group;
};
struct socket_group {
    struct loop_node node;
    struct loop *loop;
    struct group_socket sockets[SOCKETS];
    struct socket_group_config config;
    socket_datagram_fn *fn;
    void *ctx;
    unsigned open; // handles
    bool closing;
};

static void free_group(uv_handle_t *handle) {
    struct group_socket *s = handle->data;
    if (--s->group->open == 0)
        mem_free(s->group);
}

void socket_group_close(struct socket_group *g) {
    if (!g || g->closing)
        return;
    g->closing = true;
    loop_node_remove(&g->node);
    for (int i = 0; i < SOCKETS; i++) {
        if (g->sockets[i].fd < 0)
            continue;
        uv_close((uv_handle_t *)&g->sockets[i].handle, free_group);
        (void)close(g->sockets[i].fd);
        g->sockets[i].fd = -1;
    }
    if (g->open == 0)
        mem_free(g);
}

static void group_abandon(struct loop_node *node) {
    socket_group_close(
        (struct socket_group *)(void *)((char *)node - offsetof(struct socket_group, node)));
}

// --- hearing

static void on_readable(uv_poll_t *handle, int status, int events) {
    struct group_socket *s = handle->data;
    struct socket_group *g = s->group;
    (void)status, (void)events;
    for (int i = 0; i < READS_PER_EVENT && !g->closing; i++) {
        uint8_t bytes[SOCKET_DATAGRAM_BYTES_MAX];
        struct sockaddr_storage from = {0};
        struct socket_addr addr;
        socklen_t size = sizeof from;
        ssize_t n =
            recvfrom(s->fd, bytes, sizeof bytes, MSG_TRUNC, (struct sockaddr *)&from, &size);
        if (n < 0 && errno != EINTR)
            return; // an error of an earlier datagram, or no more of them
        if (n > 0 && (size_t)n <= sizeof bytes && socket_from_system(&from, &addr))
            g->fn(g->ctx, bytes, (size_t)n, &addr);
    }
}

static bool hear(struct socket_group *g, int which, int fd) {
    struct group_socket *s = &g->sockets[which];
    if (uv_poll_init(&g->loop->uv, &s->handle, fd) < 0)
        return false;
    s->fd = fd;
    s->group = g;
    s->handle.data = s;
    g->open++;
    (void)uv_poll_start(&s->handle, UV_READABLE, on_readable);
    return true;
}

// --- interfaces

// Each interface once, its number; those that are up and carry multicast (or are the loopback that
// was asked for).
static size_t interfaces(const struct socket_group *g, unsigned ret[SOCKET_INTERFACES_MAX]) {
    struct ifaddrs *list = NULL;
    size_t count = 0;
    if (getifaddrs(&list) < 0)
        return 0;
    for (const struct ifaddrs *i = list; i && count < SOCKET_INTERFACES_MAX; i = i->ifa_next) {
        bool wanted =
            i->ifa_flags & IFF_LOOPBACK ? g->config.loopback : (i->ifa_flags & IFF_MULTICAST) != 0;
        if (!(i->ifa_flags & IFF_UP) || !wanted || !i->ifa_addr)
            continue;
        unsigned number = if_nametoindex(i->ifa_name);
        bool seen = number == 0;
        for (size_t k = 0; k < count; k++)
            seen |= ret[k] == number;
        if (!seen)
            ret[count++] = number;
    }
    freeifaddrs(list);
    return count;
}

// Joining twice is refused by the system and harmless.
static void join(struct socket_group *g, unsigned interface) {
    if (g->sockets[HEAR_FOUR].fd >= 0) {
        struct ip_mreqn four = {.imr_ifindex = (int)interface};
        memcpy(&four.imr_multiaddr, g->config.four, sizeof g->config.four);
        (void)setsockopt(g->sockets[HEAR_FOUR].fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &four,
                         sizeof four);
    }
    if (g->sockets[HEAR_SIX].fd >= 0) {
        struct ipv6_mreq six = {.ipv6mr_interface = interface};
        memcpy(&six.ipv6mr_multiaddr, g->config.six, sizeof g->config.six);
        (void)setsockopt(g->sockets[HEAR_SIX].fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &six,
                         sizeof six);
    }
}

// --- opening

static void option(int fd, int level, int name, int value) {
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

// Bound to the group itself, so that nothing sent to the port otherwise is heard.
static int open_hearing(const struct socket_group_config *c, int family) {
    struct socket_addr group = {.port = c->port};
    struct sockaddr_storage at;
    if (family == AF_INET) {
        group.ip[10] = group.ip[11] = 0xff;
        memcpy(group.ip + 12, c->four, sizeof c->four);
    } else {
        memcpy(group.ip, c->six, sizeof c->six);
    }
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (family == AF_INET) // only where we joined, not where others of this host did
        option(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
    else
        option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    socklen_t n = socket_to_system(&group, &at);
    if (family == AF_INET6) {
        // A group of link scope wants an interface to be bound to it, and this one hears on all.
        struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(c->port)};
        memcpy(&at, &any, sizeof any);
        option(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
    }
    if (bind(fd, (struct sockaddr *)&at, n) == 0)
        return fd;
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return -1;
}

static int open_talking(int family) {
    struct sockaddr_storage at = {.ss_family = (sa_family_t)family};
    socklen_t n = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (family == AF_INET6) {
        option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
        option(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 1);
    } else {
        option(fd, IPPROTO_IP, IP_MULTICAST_TTL, 1);
    }
    if (bind(fd, (struct sockaddr *)&at, n) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

static int open_sockets(struct socket_group *g, struct err *err) {
    int errnum = 0;
    for (int i = 0; i < SOCKETS; i++) {
        int family = i == HEAR_FOUR || i == TALK_FOUR ? AF_INET : AF_INET6;
        int fd = i < TALK_FOUR ? open_hearing(&g->config, family) : open_talking(family);
        if (fd < 0) {
            errnum = errno;
        } else if (!hear(g, i, fd)) {
            (void)close(fd);
            errnum = EMFILE;
        }
    }
    bool four = g->sockets[HEAR_FOUR].fd >= 0 && g->sockets[TALK_FOUR].fd >= 0;
    bool six = g->sockets[HEAR_SIX].fd >= 0 && g->sockets[TALK_SIX].fd >= 0;
    if (four || six)
        return 0;
    if (errnum == EMFILE || errnum == ENFILE)
        return err_errno(err, errnum, "cannot listen to the neighbourhood");
    return err_set(err, ERR_UNSUPPORTED, "multicast does not work on this system: %s",
                   strerror(errnum));
}

int socket_group_open(struct loop *l, const struct socket_group_config *config,
                      socket_datagram_fn *fn, void *ctx, struct socket_group **ret,
                      struct err *err) {
    unsigned numbers[SOCKET_INTERFACES_MAX];
    struct socket_group *g = mem_zalloc(sizeof *g);
    if (!g)
        return err_set(err, ERR_NOMEM, "out of memory");
    g->loop = l;
    g->config = *config;
    g->fn = fn;
    g->ctx = ctx;
    for (int i = 0; i < SOCKETS; i++)
        g->sockets[i].fd = -1;
    loop_node_add(l, &g->node, group_abandon);
    int code = open_sockets(g, err);
    if (code < 0) {
        socket_group_close(g);
        return code;
    }
    size_t count = interfaces(g, numbers);
    for (size_t i = 0; i < count; i++)
        join(g, numbers[i]);
    *ret = g;
    return 0;
}

// --- speaking

static bool shout_four(struct socket_group *g, unsigned interface, const void *bytes, size_t n) {
    struct ip_mreqn out = {.imr_ifindex = (int)interface};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(g->config.port)};
    int fd = g->sockets[TALK_FOUR].fd;
    memcpy(&to.sin_addr, g->config.four, sizeof to.sin_addr);
    return fd >= 0 && setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &out, sizeof out) == 0 &&
           sendto(fd, bytes, n, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof to) == (ssize_t)n;
}

static bool shout_six(struct socket_group *g, unsigned interface, const void *bytes, size_t n) {
    struct sockaddr_in6 to = {
        .sin6_family = AF_INET6, .sin6_port = htons(g->config.port), .sin6_scope_id = interface};
    int fd = g->sockets[TALK_SIX].fd;
    memcpy(&to.sin6_addr, g->config.six, sizeof to.sin6_addr);
    return fd >= 0 &&
           sendto(fd, bytes, n, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof to) == (ssize_t)n;
}

int socket_group_shout(struct socket_group *g, const void *bytes, size_t n) {
    unsigned numbers[SOCKET_INTERFACES_MAX];
    bool sent = false;
    if (n > SOCKET_DATAGRAM_BYTES_MAX)
        return ERR_LIMIT;
    size_t count = interfaces(g, numbers);
    for (size_t i = 0; i < count; i++) {
        join(g, numbers[i]); // it may have come since
        bool four = shout_four(g, numbers[i], bytes, n);
        bool six = shout_six(g, numbers[i], bytes, n);
        sent |= four || six;
    }
    return sent ? 0 : ERR_IO;
}

int socket_group_tell(struct socket_group *g, const void *bytes, size_t n,
                      const struct socket_addr *to) {
    struct sockaddr_storage at;
    socklen_t size = socket_to_system(to, &at);
    int fd = g->sockets[socket_is_four(to) ? TALK_FOUR : TALK_SIX].fd;
    if (n > SOCKET_DATAGRAM_BYTES_MAX)
        return ERR_LIMIT;
    if (fd < 0)
        return ERR_UNSUPPORTED;
    return sendto(fd, bytes, n, MSG_DONTWAIT, (struct sockaddr *)&at, size) == (ssize_t)n ? 0
                                                                                          : ERR_IO;
}
