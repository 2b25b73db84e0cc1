#include "core/loop/socket.h"

#include "core/loop/stream.h"
#include "tests/unit/loop/loop_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct socket_addr four = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}};
static const struct socket_addr six = {.ip = {[15] = 1}};

struct seen {
    struct loop *loop;
    int accepted, dialled, failed, code;
    struct socket_addr from;
    int stop_at;
    char text[64];
    size_t texts;
};

static void maybe_stop(struct seen *s) {
    if (s->accepted + s->dialled + s->failed == s->stop_at)
        loop_stop(s->loop);
}

static void on_accept(void *ctx, int fd) {
    struct seen *s = ctx;
    assert_int_equal(socket_accepted(fd, &s->from, NULL), 0);
    (void)close(fd);
    s->accepted++;
    maybe_stop(s);
}

static void on_dial(void *ctx, int fd, const struct err *err) {
    struct seen *s = ctx;
    if (fd < 0) {
        s->failed++;
        s->code = err->code;
    } else {
        s->dialled++;
        (void)close(fd);
    }
    maybe_stop(s);
}

static void both_families_are_accepted_on_one_port(void **state) {
    struct fixture *f = *state;
    struct seen seen = {.loop = f->loop, .stop_at = 2};
    struct listener *l = NULL;
    struct socket_dial *d = NULL;
    uint16_t port = 0;
    int fd = socket_listen(0, &port, NULL);
    assert_true(fd >= 0 && port > 0);
    assert_int_equal(listener_open_fd(f->loop, fd, on_accept, &seen, &l, NULL), 0);
    struct socket_addr to = four;
    to.port = port;
    assert_int_equal(socket_dial(f->loop, &to, on_dial, &seen, &d, NULL), 0);
    assert_int_equal(seen.dialled, 0);
    fixture_run(f);
    assert_int_equal(seen.accepted, 1);
    assert_memory_equal(seen.from.ip, four.ip, sizeof four.ip); // told as IPv4
    struct sockaddr_storage own;
    socklen_t n = sizeof own;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &n), 0);
    if (own.ss_family == AF_INET6) { // this system has it
        seen.stop_at = 4;
        to = six;
        to.port = port;
        assert_int_equal(socket_dial(f->loop, &to, on_dial, &seen, &d, NULL), 0);
        fixture_run(f);
        assert_int_equal(seen.accepted, 2);
        assert_memory_equal(seen.from.ip, six.ip, sizeof six.ip);
    }
    listener_close(l);
}

static void a_port_in_use_is_said(void **state) {
    uint16_t port = 0, again = 0;
    (void)state;
    int fd = socket_listen(0, &port, NULL);
    assert_true(fd >= 0);
    assert_int_equal(socket_listen(port, &again, NULL), ERR_EXISTS);
    (void)close(fd);
}

static void nobody_there_is_told_from_the_loop(void **state) {
    struct fixture *f = *state;
    struct seen seen = {.loop = f->loop, .stop_at = 1};
    struct socket_dial *d = NULL;
    uint16_t port = 0;
    int fd = socket_listen(0, &port, NULL); // a port that was free a moment ago
    (void)close(fd);
    struct socket_addr to = four;
    to.port = port;
    assert_int_equal(socket_dial(f->loop, &to, on_dial, &seen, &d, NULL), 0);
    assert_int_equal(seen.failed, 0);
    fixture_run(f);
    assert_int_equal(seen.failed, 1);
    assert_int_equal(seen.code, ERR_CLOSED);
}

static void a_dial_that_was_cancelled_tells_nothing(void **state) {
    struct fixture *f = *state;
    struct seen seen = {.loop = f->loop};
    struct socket_dial *d = NULL;
    struct socket_addr to = four;
    to.port = 9;
    assert_int_equal(socket_dial(f->loop, &to, on_dial, &seen, &d, NULL), 0);
    socket_dial_cancel(d);
    fixture_settle(f);
    assert_int_equal(seen.failed + seen.dialled, 0);
}

static void no_descriptor_left_is_an_error_that_says_so(void **state) {
    struct fixture *f = *state;
    struct seen seen = {.loop = f->loop};
    struct socket_dial *d = NULL;
    struct socket_addr to = four;
    struct rlimit was, now;
    uint16_t port = 0;
    to.port = 9;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    now = was;
    now.rlim_cur = 0; // nothing new, while what is open stays
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
    int dial = socket_dial(f->loop, &to, on_dial, &seen, &d, NULL);
    int listening = socket_listen(0, &port, NULL);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    assert_int_equal(dial, ERR_LIMIT);
    assert_int_equal(listening, ERR_LIMIT);
}

// --- datagrams

static struct socket_group_config group = {
    .four = {239, 255, 1, 77}, .six = {0xff, 0x02, [15] = 0x77}, .port = 17667, .loopback = true};

static void on_datagram(void *ctx, const uint8_t *bytes, size_t n, const struct socket_addr *from) {
    struct seen *s = ctx;
    if (n < sizeof s->text)
        memcpy(s->text, bytes, n);
    s->texts++;
    s->from = *from;
    loop_stop(s->loop);
}

static void a_shout_reaches_all_and_an_answer_only_who_shouted(void **state) {
    struct fixture *f = *state;
    struct seen a = {.loop = f->loop}, b = {.loop = f->loop};
    struct socket_group *ga = NULL, *gb = NULL;
    struct err err = {0};
    group.port = (uint16_t)(20000 + getpid() % 20000); // another run of this test is not heard
    int code = socket_group_open(f->loop, &group, on_datagram, &a, &ga, &err);
    if (code == ERR_UNSUPPORTED) // a container without multicast
        skip();
    assert_int_equal(code, 0);
    assert_int_equal(socket_group_open(f->loop, &group, on_datagram, &b, &gb, &err), 0);
    if (socket_group_shout(ga, "hello", 5) < 0) {
        socket_group_close(ga);
        socket_group_close(gb);
        skip(); // no route for it on any interface
    }
    while (!b.texts)
        fixture_run(f);
    assert_string_equal(b.text, "hello");
    assert_int_equal(socket_group_tell(gb, "you", 3, &b.from), 0);
    while (memcmp(a.text, "you", 3) != 0)
        fixture_run(f);
    fixture_settle(f);
    assert_string_equal(b.text, "hello");
    static const uint8_t large[SOCKET_DATAGRAM_BYTES_MAX + 1];
    assert_int_equal(socket_group_shout(ga, large, sizeof large), ERR_LIMIT);
    socket_group_close(ga);
    socket_group_close(gb);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(both_families_are_accepted_on_one_port, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test(a_port_in_use_is_said),
        cmocka_unit_test_setup_teardown(nobody_there_is_told_from_the_loop, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_dial_that_was_cancelled_tells_nothing, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(no_descriptor_left_is_an_error_that_says_so, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_shout_reaches_all_and_an_answer_only_who_shouted,
                                        fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests_name("loop/socket", tests, NULL, NULL);
}
