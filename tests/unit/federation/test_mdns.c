// The loop's half of mdns, and its thread without a daemon; with real ones: tests/netns.
#include "federation/mdns.h"

#include "core/base/mem.h"
#include "federation/mdns_impl.h"
#include "tests/unit/loop/loop_fixture.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PORT = 7443, FLOOD = 2000, WAIT_STEP_MS = 20 };
#define NOT_THERE "libnot-there-at-all.so.0"

struct side {
    struct fixture *f;
    struct tag_table *tags;
    struct mdns *mdns;
    size_t hints;
    struct net_hint last;
    unsigned ticks;
};

static const uint8_t own[HINT_DEVICE_BYTES] = {1}, other[HINT_DEVICE_BYTES] = {2};
static const uint8_t secret[TAG_SECRET_BYTES] = {3}, local[TAG_SECRET_BYTES] = {4};

static void on_hint(void *ctx, const struct net_hint *h) {
    struct side *s = ctx;
    s->hints++;
    s->last = *h;
}

static void begin(struct side *s, void **state, bool with_friend, const char *library) {
    *s = (struct side){.f = *state};
    struct mdns_config c = {.loop = s->f->loop, .port = PORT, .hint = on_hint, .ctx = s};
    c.library = library;
    assert_int_equal(tag_table_new(own, local, env_now_wall_ms(), &s->tags, NULL), 0);
    if (with_friend)
        assert_int_equal(tag_table_put(s->tags, other, secret, NULL), 0);
    c.tags = s->tags;
    assert_int_equal(mdns_start(&c, &s->mdns, NULL), 0);
}

static void end(struct side *s) {
    mdns_stop(s->mdns);
    tag_table_free(s->tags);
}

static struct mdns_info info(struct side *s) {
    struct mdns_info i;
    mdns_info(s->mdns, &i);
    return i;
}

static void on_tick(void *ctx) {
    struct side *s = ctx;
    s->ticks++;
    loop_stop(s->f->loop);
}

// The loop works on meanwhile; fails after FIXTURE_GUARD_MS.
static void until(struct side *s, enum mdns_state wanted) {
    struct loop_timer *t;
    assert_int_equal(loop_timer_new(s->f->loop, on_tick, s, &t), 0);
    for (int i = 0; info(s).state != wanted; i++) {
        if (i == FIXTURE_GUARD_MS / WAIT_STEP_MS)
            fail_msg("mdns is %s, not %s", mdns_state_name(info(s).state), mdns_state_name(wanted));
        loop_timer_start(t, WAIT_STEP_MS, 0);
        fixture_run(s->f);
    }
    loop_timer_free(t);
}

// --- what was found

// As the friend's engine would publish it, when it listens on `port`.
static void friends_bytes(uint16_t port, uint8_t ret[BEACON_BYTES]) {
    static const uint8_t nonce[BEACON_NONCE_BYTES] = {9}, its_local[TAG_SECRET_BYTES] = {5};
    struct tag_table *its = NULL;
    struct tag tags[TAG_GROUP];
    struct beacon_datagram d;
    assert_int_equal(tag_table_new(other, its_local, env_now_wall_ms(), &its, NULL), 0);
    assert_int_equal(tag_table_put(its, own, secret, NULL), 0);
    tag_group(its, 0, tags);
    beacon_make(BEACON_STILL, nonce, tags, port, &d);
    beacon_write(&d, ret);
    tag_table_free(its);
}

static void post(struct side *s, const char *name, uint8_t host, bool gone,
                 const uint8_t bytes[BEACON_BYTES]) {
    struct mdns_message *m = mem_zalloc(sizeof *m);
    assert_non_null(m);
    (void)snprintf(m->name, sizeof m->name, "%s", name);
    m->interface = 2;
    m->gone = gone;
    m->at = (struct net_addr){.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = host}};
    if (bytes)
        memcpy(m->bytes, bytes, sizeof m->bytes);
    while (mailbox_post(mdns_mailbox(s->mdns), m) == ERR_BUSY)
        fixture_settle(s->f);
}

static void a_friends_service_is_a_hint(void **state) {
    struct side s;
    uint8_t bytes[BEACON_BYTES];
    begin(&s, state, true, NOT_THERE);
    friends_bytes(7001, bytes);
    post(&s, "00000000000000aa", 7, false, bytes);
    fixture_settle(s.f);
    assert_int_equal(s.hints, 1);
    assert_int_equal(s.last.source, HINT_MDNS);
    assert_int_equal(s.last.about, HINT_FRIEND);
    assert_memory_equal(s.last.device, other, sizeof other);
    assert_int_equal(s.last.at.port, 7001);
    assert_int_equal(s.last.at.ip[15], 7);
    post(&s, "00000000000000aa", 7, false, bytes); // the same at once is no news
    fixture_settle(s.f);
    assert_int_equal(s.hints, 1);
    assert_int_equal(info(&s).hints_dropped, 1);
    post(&s, "00000000000000aa", 8, false, bytes); // it has another address
    fixture_settle(s.f);
    assert_int_equal(s.hints, 2);
    assert_int_equal(s.last.at.ip[15], 8);
    assert_int_equal(info(&s).known, 1);
    post(&s, "00000000000000aa", 8, true, NULL);
    fixture_settle(s.f);
    assert_int_equal(info(&s).known, 0);
    end(&s);
}

static void what_was_found_before_the_pairing_is_looked_at_again(void **state) {
    struct side s;
    uint8_t bytes[BEACON_BYTES];
    begin(&s, state, false, NOT_THERE);
    friends_bytes(7002, bytes);
    post(&s, "00000000000000ab", 9, false, bytes);
    fixture_settle(s.f);
    assert_int_equal(s.hints, 0);
    assert_int_equal(tag_table_put(s.tags, other, secret, NULL), 0);
    mdns_announce(s.mdns);
    assert_int_equal(s.hints, 0); // never within the call
    for (int i = 0; s.hints == 0 && i < 4000; i++)
        fixture_settle(s.f);
    assert_int_equal(s.hints, 1);
    assert_int_equal(s.last.at.port, 7002);
    end(&s);
}

static void garbage_and_floods_are_counted_and_forgotten(void **state) {
    struct side s;
    uint8_t bytes[BEACON_BYTES];
    begin(&s, state, true, NOT_THERE);
    friends_bytes(7003, bytes);
    bytes[0] ^= 1;
    post(&s, "00000000000000ac", 1, false, bytes);
    fixture_settle(s.f);
    assert_int_equal(info(&s).malformed, 1);
    assert_int_equal(info(&s).known, 0);
    bytes[0] ^= 1;
    bytes[32 + TAG_BYTES] ^= 1; // a hidden port that somebody has changed: that slot says nothing
    for (unsigned i = 0; i < FLOOD; i++) {
        char name[TAG_NAME_CHARS + 1];
        (void)snprintf(name, sizeof name, "%016x", i);
        post(&s, name, 1, false, bytes);
    }
    fixture_settle(s.f);
    struct mdns_info i = info(&s);
    assert_int_equal(i.known, MDNS_KNOWN_MAX);
    assert_true(i.refused > 0);
    assert_int_equal(i.found + i.refused, FLOOD + 1);
    end(&s);
}

// --- the record

static void the_txt_record_is_read_in_any_order_and_only_whole(void **state) {
    uint8_t bytes[BEACON_BYTES], wire[MDNS_TXT_BYTES];
    const uint8_t *parts[MDNS_TXT_PARTS];
    (void)state;
    friends_bytes(7004, bytes);
    mdns_txt_write(bytes, wire);
    size_t at = 0;
    for (unsigned i = 0; i < MDNS_TXT_PARTS; i++, at += 1u + wire[at])
        parts[i] = wire + at;
    assert_int_equal(at, sizeof wire);
    struct mdns_txt t = {.parts = 0};
    for (unsigned i = MDNS_TXT_PARTS; i-- > 0;) {
        assert_false(mdns_txt_complete(&t));
        mdns_txt_add(&t, (const uint8_t *)"colour=blue", 11);
        mdns_txt_add(&t, parts[i] + 1, parts[i][0]);
    }
    assert_true(mdns_txt_complete(&t));
    assert_memory_equal(t.bytes, bytes, sizeof bytes);
    mdns_txt_add(&t, parts[1] + 1, parts[1][0]);
    assert_false(mdns_txt_complete(&t)); // twice
    t = (struct mdns_txt){.parts = 0};
    mdns_txt_add(&t, parts[0] + 1, parts[0][0] - 1u);
    assert_true(t.bad); // too short
    assert_true(mdns_name_valid("0123456789abcdef"));
    assert_false(mdns_name_valid("0123456789abcdeF"));
    assert_false(mdns_name_valid("0123456789abcde"));
    assert_false(mdns_name_valid("printer"));
}

// --- the thread, where there is no daemon

// Where the system's bus would be: D-Bus asks for it once in a process.
static char folder[] = "/tmp/paired-mdns-XXXXXX";

static void without_the_library_it_says_what_to_install(void **state) {
    struct side s;
    begin(&s, state, true, NOT_THERE);
    until(&s, MDNS_NO_LIBRARY);
    assert_non_null(strstr(info(&s).trouble, "apt-get install"));
    end(&s);
}

static void with_nobody_to_find_it_asks_nothing(void **state) {
    struct side s;
    begin(&s, state, false, NOT_THERE);
    fixture_settle(s.f);
    assert_int_equal(info(&s).state, MDNS_STARTING); // it has not even looked for the library
    tag_table_show_code(s.tags, 7);
    mdns_announce(s.mdns);
    until(&s, MDNS_NO_LIBRARY);
    end(&s);
}

static void without_a_bus_it_goes_on_without(void **state) {
    struct side s;
    begin(&s, state, true, NULL);
    until(&s, MDNS_NO_BUS);
    assert_true(info(&s).trouble[0] != 0);
    end(&s);
}

// A bus that takes the connection and says nothing, as long as the test lasts: whoever waits for it
// waits for ever.
static void a_bus_that_hangs_holds_neither_the_loop_nor_the_end(void **state) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s/bus", folder);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 8), 0);
    struct side s;
    begin(&s, state, true, NULL);
    struct pollfd called = {.fd = fd, .events = POLLIN};
    for (int i = 0; poll(&called, 1, 0) != 1; i++) { // until the thread is at it
        assert_true(i < 4000);
        fixture_settle(s.f);
    }
    until(&s, MDNS_SILENT);
    assert_true(s.ticks > 2); // and the loop was not
    uint8_t bytes[BEACON_BYTES];
    friends_bytes(7005, bytes);
    post(&s, "00000000000000ad", 1, false, bytes);
    fixture_settle(s.f);
    assert_int_equal(s.hints, 1);
    end(&s);         // comes back: the thread is left to itself
    (void)close(fd); // which ends it
    (void)unlink(at.sun_path);
}

static void every_failing_allocation_is_survived(void **state) {
    struct fixture *f = *state;
    struct mdns_config c = {.loop = f->loop, .hint = on_hint, .library = NOT_THERE};
    assert_int_equal(tag_table_new(own, local, env_now_wall_ms(), &c.tags, NULL), 0);
    for (uint64_t n = 1; n < 12; n++) { // the thread allocates, too: any of these may be its
        struct mdns *m = NULL;
        mem_fail_at(n);
        int r = mdns_start(&c, &m, NULL);
        mem_fail_at(0);
        assert_true(r == 0 || r == ERR_NOMEM);
        assert_true(n > 1 || r == ERR_NOMEM);
        if (r == 0)
            mdns_stop(m);
    }
    tag_table_free(c.tags);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_friends_service_is_a_hint),
        TEST(what_was_found_before_the_pairing_is_looked_at_again),
        TEST(garbage_and_floods_are_counted_and_forgotten),
        TEST(without_the_library_it_says_what_to_install),
        TEST(with_nobody_to_find_it_asks_nothing),
        TEST(without_a_bus_it_goes_on_without),
        TEST(a_bus_that_hangs_holds_neither_the_loop_nor_the_end),
        TEST(every_failing_allocation_is_survived),
        cmocka_unit_test(the_txt_record_is_read_in_any_order_and_only_whole),
    };
    char address[64];
    if (!mkdtemp(folder))
        return 1;
    (void)snprintf(address, sizeof address, "unix:path=%s/bus", folder);
    (void)setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)rmdir(folder);
    return failed;
}
