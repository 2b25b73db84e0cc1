// The process moves into a network namespace of its own, where it may change what it likes: as
// root, or as the root of a user namespace where the system lets users have them.
#include "core/loop/netwatch.h"

#include "core/base/mem.h"
#include "tests/unit/loop/loop_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { FLOOD = 2000 };

struct seen {
    struct fixture *f;
    struct netwatch *w;
    unsigned calls;
    bool close;
};

static bool private_network(void) {
    static int state; // 1 there, -1 not to be had
    if (state == 0)
        state = unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 ? 1 : -1;
    if (state < 0)
        (void)fprintf(stderr, "SKIPPED: no network namespace of its own: %s\n", strerror(errno));
    return state > 0;
}

static void on_change(void *ctx) {
    struct seen *s = ctx;
    s->calls++;
    if (s->close) {
        netwatch_close(s->w);
        s->w = NULL;
    }
    loop_stop(s->f->loop);
}

// --- what can be changed

static void lo_up(bool up) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq r = {.ifr_name = "lo", .ifr_flags = up ? IFF_UP : 0};
    assert_true(fd >= 0);
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &r), 0);
    (void)close(fd);
}

static void lo_address(const char *text) { // the one and only of lo:1
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq r = {.ifr_name = "lo:1"};
    struct sockaddr_in in = {.sin_family = AF_INET};
    assert_int_equal(inet_pton(AF_INET, text, &in.sin_addr), 1);
    memcpy(&r.ifr_addr, &in, sizeof in);
    assert_true(fd >= 0);
    assert_int_equal(ioctl(fd, SIOCSIFADDR, &r), 0);
    (void)close(fd);
}

static void stop(void *ctx) {
    loop_stop(((struct seen *)ctx)->f->loop);
}

// Longer than anything that is still to be told may wait.
static void let_pass(struct seen *s) {
    struct loop_timer *t;
    assert_int_equal(loop_timer_new(s->f->loop, stop, s, &t), 0);
    uint64_t ms = NETWATCH_LATEST_MS + NETWATCH_GAP_MS + 100;
    uint64_t end = env_now_mono_ns() + ms * 1000000u;
    for (uint64_t now; (now = env_now_mono_ns()) < end;) {
        loop_timer_start(t, (end - now) / 1000000u + 1, 0);
        fixture_run(s->f); // also stopped by on_change
    }
    loop_timer_free(t);
}

static void until(struct seen *s, unsigned calls) {
    while (s->calls < calls)
        fixture_run(s->f);
}

static bool begin(struct seen *s, void **state) {
    *s = (struct seen){.f = *state};
    if (!private_network())
        return false;
    lo_up(false);
    assert_int_equal(netwatch_open(s->f->loop, on_change, s, &s->w, NULL), 0);
    return true;
}

static void a_link_and_an_address_are_told(void **state) {
    struct seen s;
    if (!begin(&s, state))
        skip();
    lo_up(true);
    until(&s, 1);
    let_pass(&s);
    unsigned before = s.calls;
    lo_address("127.1.0.1");
    until(&s, before + 1);
    let_pass(&s);
    before = s.calls;
    lo_up(false);
    until(&s, before + 1);
    netwatch_close(s.w);
}

static void what_was_known_is_not_told_again(void **state) {
    struct seen s;
    if (!begin(&s, state))
        skip();
    lo_up(true);
    lo_address("127.1.0.2");
    let_pass(&s);
    unsigned before = s.calls;
    assert_true(before > 0);
    lo_address("127.1.0.2"); // the kernel takes it away and gives it again
    let_pass(&s);
    assert_int_equal(s.calls, before);
    lo_address("127.1.0.3"); // and it still listens
    until(&s, before + 1);
    netwatch_close(s.w);
}

static void a_flood_of_changes_is_a_few_calls(void **state) {
    struct seen s;
    if (!begin(&s, state))
        skip();
    lo_up(true);
    let_pass(&s);
    s.calls = 0;
    uint64_t start = env_now_mono_ns();
    for (int i = 0; i < FLOOD; i++) { // far more than the socket holds
        char text[32];
        (void)snprintf(text, sizeof text, "127.1.%d.%d", i / 250, i % 250 + 1);
        lo_address(text);
    }
    until(&s, 1);
    let_pass(&s);
    uint64_t ms = (env_now_mono_ns() - start) / 1000000u;
    assert_true(s.calls >= 1);
    assert_true(s.calls <= 2 + ms / NETWATCH_GAP_MS);
    netwatch_close(s.w);
}

static void it_may_be_closed_when_it_tells(void **state) {
    struct seen s;
    if (!begin(&s, state))
        skip();
    s.close = true;
    lo_up(true);
    until(&s, 1);
    lo_up(false);
    let_pass(&s);
    assert_int_equal(s.calls, 1);
    assert_null(s.w);
}

static void every_failing_allocation_is_survived(void **state) {
    struct fixture *f = *state;
    for (uint64_t n = 1;; n++) {
        struct netwatch *w = NULL;
        mem_fail_at(n);
        int r = netwatch_open(f->loop, on_change, NULL, &w, NULL);
        mem_fail_at(0);
        if (r == 0) {
            netwatch_close(w);
            assert_true(n > 1);
            return;
        }
        assert_int_equal(r, ERR_NOMEM);
    }
}

// --- what the kernel's messages say

struct said {
    _Alignas(struct nlmsghdr) uint8_t bytes[512];
    size_t n;
};

static void say(struct said *s, uint16_t type, const void *body, size_t n) {
    struct nlmsghdr h = {.nlmsg_len = (uint32_t)NLMSG_LENGTH(n), .nlmsg_type = type};
    memcpy(s->bytes + s->n, &h, sizeof h);
    memcpy(s->bytes + s->n + NLMSG_HDRLEN, body, n);
    s->n += NLMSG_ALIGN(h.nlmsg_len);
}

static void say_address(struct said *s, uint16_t type, uint8_t family, uint8_t flags) {
    struct ifaddrmsg a = {.ifa_family = family, .ifa_flags = flags};
    say(s, type, &a, sizeof a);
}

static void messages_are_read_for_what_matters(void **state) {
    struct ifinfomsg link = {0};
    struct said s = {.n = 0};
    (void)state;
    say(&s, RTM_NEWROUTE, &link, sizeof link);
    assert_int_equal(netwatch_read(s.bytes, s.n), NETWATCH_NOTHING);
    say(&s, RTM_NEWLINK, &link, sizeof link);
    assert_int_equal(netwatch_read(s.bytes, s.n), NETWATCH_LOOK);
    say_address(&s, RTM_NEWADDR, AF_INET6, IFA_F_TENTATIVE);
    assert_int_equal(netwatch_read(s.bytes, s.n), NETWATCH_TENTATIVE);
    say_address(&s, RTM_NEWADDR, AF_INET6, IFA_F_PERMANENT);
    assert_int_equal(netwatch_read(s.bytes, s.n), NETWATCH_USABLE);
    s.n = 0;
    say_address(&s, RTM_NEWADDR, AF_INET, IFA_F_PERMANENT);
    say_address(&s, RTM_DELADDR, AF_INET6, 0);
    assert_int_equal(netwatch_read(s.bytes, s.n), NETWATCH_LOOK);
}

static void malformed_messages_are_nothing(void **state) {
    struct said s = {.n = 0};
    (void)state;
    say_address(&s, RTM_NEWADDR, AF_INET6, 0);
    for (size_t n = 0; n < NLMSG_LENGTH(sizeof(struct ifaddrmsg)); n++) {
        uint8_t *copy = mem_alloc(n); // so that a byte beyond is found by the sanitizer
        assert_non_null(copy);
        memcpy(copy, s.bytes, n);
        assert_int_equal(netwatch_read(copy, n), NETWATCH_NOTHING);
        mem_free(copy);
    }
    for (uint32_t length = 0; length < NLMSG_LENGTH(sizeof(struct ifaddrmsg)); length++) {
        memcpy(s.bytes, &length, sizeof length); // nlmsg_len is the first field
        assert_int_equal(netwatch_read(s.bytes, s.n), NETWATCH_NOTHING);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_link_and_an_address_are_told, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(what_was_known_is_not_told_again, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_flood_of_changes_is_a_few_calls, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(it_may_be_closed_when_it_tells, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(every_failing_allocation_is_survived, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test(messages_are_read_for_what_matters),
        cmocka_unit_test(malformed_messages_are_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
