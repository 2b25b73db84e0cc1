#include "tests/unit/models/http_peer.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

static void converse(struct peer *p, int fd) {
    size_t n = 0;
    ssize_t got;
    while (n < sizeof p->request - 1 && !strstr(p->request, "\r\n\r\n") &&
           (got = read(fd, p->request + n, sizeof p->request - 1 - n)) > 0)
        n += (size_t)got;
    for (const struct peer_step *s = p->steps; s->bytes; s++) {
        struct pollfd stop = {.fd = p->wake[0], .events = POLLIN};
        if (s->wait_ms && poll(&stop, 1, (int)s->wait_ms) != 0)
            return;
        if (send(fd, s->bytes, strlen(s->bytes), MSG_NOSIGNAL) < 0)
            return;
    }
    if (p->end == PEER_HANG) {
        struct pollfd stop = {.fd = p->wake[0], .events = POLLIN};
        (void)poll(&stop, 1, 30000);
    } else if (p->end == PEER_RESET) {
        struct linger hard = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    }
}

static void *run(void *arg) {
    struct peer *p = arg;
    struct pollfd ready[2] = {{.fd = p->fd, .events = POLLIN},
                              {.fd = p->wake[0], .events = POLLIN}};
    if (poll(ready, 2, 30000) > 0 && (ready[0].revents & POLLIN)) {
        int fd = accept(p->fd, NULL, NULL);
        if (fd >= 0) {
            converse(p, fd);
            (void)close(fd);
        }
    }
    return NULL;
}

void peer_start(struct peer *p, const struct peer_step *steps, enum peer_end end) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    *p = (struct peer){.steps = steps, .end = end};
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(p->fd >= 0);
    assert_int_equal(bind(p->fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(p->fd, 4), 0);
    assert_int_equal(getsockname(p->fd, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(pipe(p->wake), 0);
    p->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&p->thread, NULL, run, p), 0);
}

void peer_stop(struct peer *p) {
    (void)close(p->wake[1]);
    assert_int_equal(pthread_join(p->thread, NULL), 0);
    (void)close(p->wake[0]);
    (void)close(p->fd);
}
