#include "federation/link.h"

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "federation/frame.h"
#include "tests/unit/federation/link_pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct link_pair *pair_up(struct link_pair *p) {
    assert_int_equal(link_pair_init(p), 0);
    assert_int_equal(link_pair_dial(p), 0);
    assert_int_equal(p->a.ups, 1);
    assert_int_equal(p->b.ups, 1);
    return p;
}

static void done(struct link_pair *p) {
    link_pair_done(p);
    assert_int_equal(p->env.live, 0);
}

static void noise(uint8_t *p, size_t n) {
    uint32_t x = 12345;
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525 + 1013904223;
        p[i] = (uint8_t)(x >> 24);
    }
}

// --- up and down

static void both_know_each_other_when_it_is_up(void **state) {
    struct link_pair p;
    (void)state;
    pair_up(&p);
    assert_memory_equal(link_peer(p.a.link), p.b.self.key, CHANNEL_KEY_BYTES);
    assert_memory_equal(link_peer(p.b.link), p.a.self.key, CHANNEL_KEY_BYTES);
    assert_memory_equal(link_binding(p.a.link), link_binding(p.b.link), CHANNEL_BINDING_BYTES);
    assert_true(link_outgoing(p.a.link));
    assert_false(link_outgoing(p.b.link));
    done(&p);
}

static void another_key_than_expected_ends_it_before_it_is_up(void **state) {
    static const uint8_t other[CHANNEL_KEY_BYTES] = {9};
    struct link_pair p;
    (void)state;
    assert_int_equal(link_pair_init(&p), 0);
    p.expect = other;
    assert_int_equal(link_pair_dial(&p), 0);
    assert_int_equal(p.a.ups, 0);
    assert_int_equal(p.a.downs, 1);
    assert_int_equal(p.a.why.code, ERR_KEY);
    done(&p);
}

static void nobody_there_is_told_later_and_not_within_the_call(void **state) {
    struct link_pair p;
    (void)state;
    assert_int_equal(link_pair_init(&p), 0);
    struct net_addr to = net_memory_addr(2, 7001);
    assert_int_equal(link_connect(&p.a.config, &to, NULL, &p.a.link, NULL), 0);
    assert_int_equal(p.a.downs, 0);
    link_pair_run(&p);
    assert_int_equal(p.a.downs, 1);
    assert_null(p.a.link);
    done(&p);
}

static void a_handshake_that_does_not_end_is_ended(void **state) {
    struct link_pair p;
    (void)state;
    assert_int_equal(link_pair_init(&p), 0);
    net_memory_stall(p.m, true);
    assert_int_equal(link_pair_dial(&p), 0);
    fake_env_advance(&p.env, LINK_HANDSHAKE_MS - 1);
    assert_int_equal(p.a.downs, 0);
    assert_int_equal(link_side_call(&p.a, "echo", NULL, 0), ERR_CLOSED);
    fake_env_advance(&p.env, 1);
    assert_int_equal(p.a.downs, 1);
    assert_int_equal(p.a.why.code, ERR_TIMEOUT);
    done(&p);
}

static void the_other_side_learns_why_it_was_closed(void **state) {
    struct link_pair p;
    (void)state;
    pair_up(&p);
    link_close(p.a.link, "duplicate");
    p.a.link = NULL;
    link_pair_run(&p);
    assert_int_equal(p.a.downs, 0);
    assert_int_equal(p.b.downs, 1);
    assert_int_equal(p.b.why.code, ERR_CLOSED);
    assert_string_equal(p.b.last.goodbye, "duplicate");
    done(&p);
}

static void calls_under_way_are_answered_before_down(void **state) {
    struct link_pair p;
    (void)state;
    pair_up(&p);
    assert_true(link_side_call(&p.a, "hold", NULL, 0) > 0);
    assert_true(link_side_call(&p.a, "hold", NULL, 0) > 0);
    link_pair_run(&p);
    net_memory_reset(p.m);
    link_pair_run(&p);
    assert_int_equal(p.a.order, 1554);
    assert_int_equal(p.a.answer_code, ERR_CLOSED);
    assert_int_equal(p.b.downs, 1);
    done(&p);
}

static void every_callback_may_close_it(void **state) {
    (void)state;
    for (int side = 0; side < 2; side++) {
        for (int at = 1; at <= 6; at++) {
            if (at == 4)
                continue; // down: it is closed already
            struct link_pair p;
            uint8_t bytes[4096];
            noise(bytes, sizeof bytes);
            assert_int_equal(link_pair_init(&p), 0);
            (side ? &p.b : &p.a)->close_at = at;
            assert_int_equal(link_pair_dial(&p), 0);
            for (int i = 0; i < 600 && p.a.link; i++) {
                (void)link_blob(p.a.link, 1, bytes, sizeof bytes);
                if (i < 2)
                    (void)link_side_call(&p.a, "echo", NULL, 0);
            }
            for (int i = 0; i < 600 && p.b.link; i++) {
                (void)link_blob(p.b.link, 1, bytes, sizeof bytes);
                if (i < 2)
                    (void)link_side_call(&p.b, "echo", NULL, 0);
            }
            link_pair_run(&p);
            assert_true((side ? &p.b : &p.a)->closed);
            assert_int_equal((side ? &p.b : &p.a)->downs, 0);
            assert_int_equal((side ? &p.a : &p.b)->downs, 1);
            done(&p);
        }
    }
}

// --- messages and blobs

static void requests_are_answered_for_every_split(void **state) {
    static const size_t chunks[] = {1, 2, 3, 7, 100, 0};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(chunks); i++) {
        struct link_pair p;
        assert_int_equal(link_pair_init(&p), 0);
        net_memory_chunk(p.m, chunks[i]);
        assert_int_equal(link_pair_dial(&p), 0);
        char text[3000];
        memset(text, 'x', sizeof text); // compressed on its way
        for (int n = 0; n < 3; n++) {
            assert_true(link_side_call(&p.a, "echo", json_pack("[s#]", text, (int)sizeof text), 0) >
                        0);
            assert_true(link_side_call(&p.b, "echo", json_pack("[i]", n), 0) > 0);
        }
        link_pair_run(&p);
        assert_int_equal(p.a.answers, 3);
        assert_int_equal(p.b.answers, 3);
        struct link_info info;
        link_info(p.a.link, &info);
        assert_true(info.bytes_out < sizeof text);
        done(&p);
    }
}

static void messages_and_blobs_arrive_in_the_order_sent(void **state) {
    struct link_pair p;
    static const uint8_t zero[1000];
    (void)state;
    pair_up(&p);
    assert_int_equal(link_blob(p.a.link, 7, zero, sizeof zero), 0);
    assert_int_equal(link_notify(p.a.link, "note", NULL), 0);
    assert_int_equal(link_blob(p.a.link, 8, zero, 0), 0);
    assert_int_equal(link_notify(p.a.link, "note", NULL), 0);
    link_pair_run(&p);
    assert_int_equal(p.b.order, 13232);
    assert_int_equal(p.b.blob_bytes, 1000);
    assert_int_equal(p.b.stream, 8);
    done(&p);
}

static void what_does_not_fit_a_frame_is_refused_at_its_sender(void **state) {
    struct link_pair p;
    size_t most = LINK_FRAME_BYTES_MAX - 6;
    (void)state;
    pair_up(&p);
    AUTO_FREE uint8_t *bytes = mem_alloc(most + 1);
    noise(bytes, most + 1);
    assert_int_equal(link_blob(p.a.link, 1, bytes, most + 1), ERR_LIMIT);
    assert_int_equal(link_blob(p.a.link, 1, bytes, most), 0);
    link_pair_run(&p);
    assert_int_equal(p.b.blob_bytes, most);
    assert_true(link_side_call(&p.a, "big", NULL, 0) > 0);
    link_pair_run(&p);
    assert_int_equal(p.a.answer_code, -32603);
    AUTO_FREE char *text = mem_alloc(most);
    for (size_t i = 0; i < most; i++)
        text[i] = (char)('0' + (bytes[i] & 63));
    assert_int_equal(link_side_call(&p.a, "echo", json_pack("[s#]", text, (int)most), 0),
                     ERR_LIMIT);
    assert_int_equal(link_notify(p.a.link, "note", json_pack("[s#]", text, (int)most)), 0);
    link_pair_run(&p); // six bits a letter: it goes compressed
    assert_int_equal(p.a.downs + p.b.downs, 0);
    done(&p);
}

static void a_blob_nobody_wants_ends_the_link(void **state) {
    struct link_pair p;
    (void)state;
    pair_up(&p);
    p.b.blob_code = ERR_INVAL;
    assert_int_equal(link_blob(p.a.link, 1, "x", 1), 0);
    link_pair_run(&p);
    assert_int_equal(p.b.why.code, ERR_INVAL);
    assert_int_equal(p.a.downs, 1);
    done(&p);
}

// --- what others may do to us

// Bytes as if a had sent them: a plain channel passes them as they are.
static void inject(struct link_pair *p, const void *bytes, size_t n) {
    net_memory_insert(p->m, bytes, n);
    link_pair_run(p);
}

static void malformed_frames_end_the_link(void **state) {
    static const struct {
        const char *bytes;
        size_t n;
        int code;
    } cases[] = {{"\0\0\0\1\1", 6, ERR_PARSE},           {"\0\0\0\2\0\0", 6, ERR_PARSE},
                 {"\0\0\0\2\6\0", 6, ERR_PARSE},         {"\0\0\0\2\1\2", 6, ERR_PARSE},
                 {"\0\0\0\2\3\0", 6, ERR_PARSE},         {"\0\0\0\2\3\1", 6, ERR_PARSE},
                 {"\0\0\0\5\2\0abc", 9, ERR_PARSE},      {"\0\20\0\1\1\0", 6, ERR_LIMIT},
                 {"\377\377\377\377\1\0", 6, ERR_LIMIT}, {"\0\0\0\4\1\1ab", 8, ERR_PARSE}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct link_pair p;
        pair_up(&p);
        inject(&p, cases[i].bytes, cases[i].n);
        assert_int_equal(p.b.downs, 1);
        assert_int_equal(p.b.why.code, cases[i].code);
        done(&p);
    }
}

static void a_stranger_is_held_to_small_frames(void **state) {
    struct link_pair p;
    uint8_t bytes[LINK_STRANGER_BYTES_MAX + 100];
    (void)state;
    noise(bytes, sizeof bytes);
    for (int compressed = 0; compressed < 2; compressed++) {
        assert_int_equal(link_pair_init(&p), 0);
        p.b.no_trust = true;
        assert_int_equal(link_pair_dial(&p), 0);
        assert_int_equal(link_blob(p.a.link, 1, bytes, LINK_STRANGER_BYTES_MAX - 6), 0);
        link_pair_run(&p);
        assert_int_equal(p.b.blobs, 1);
        if (compressed)
            memset(bytes, 0, sizeof bytes);
        assert_int_equal(link_blob(p.a.link, 1, bytes, sizeof bytes), 0);
        link_pair_run(&p);
        assert_int_equal(p.b.blobs, 1);
        assert_int_equal(p.b.why.code, ERR_LIMIT);
        done(&p);
    }
}

static void a_stranger_is_held_to_a_few_frames(void **state) {
    struct link_pair p;
    (void)state;
    assert_int_equal(link_pair_init(&p), 0);
    p.b.no_trust = true;
    assert_int_equal(link_pair_dial(&p), 0);
    for (int i = 0; i < LINK_STRANGER_FRAMES_BURST; i++)
        assert_int_equal(link_blob(p.a.link, 1, "x", 1), 0);
    link_pair_run(&p);
    assert_int_equal(p.b.blobs, LINK_STRANGER_FRAMES_BURST);
    fake_env_advance(&p.env, 1000);
    for (int i = 0; i < LINK_STRANGER_FRAMES_PER_S; i++)
        assert_int_equal(link_blob(p.a.link, 1, "x", 1), 0);
    link_pair_run(&p);
    assert_int_equal(p.b.downs, 0);
    assert_int_equal(link_blob(p.a.link, 1, "x", 1), 0);
    link_pair_run(&p);
    assert_int_equal(p.b.why.code, ERR_LIMIT);
    assert_int_equal(p.a.downs, 1);
    assert_string_equal(p.a.last.goodbye, "limit"); // it is not left to guess
    done(&p);
}

static void a_flood_of_pings_is_answered_within_bounds(void **state) {
    enum { PINGS = 200000 };
    static const uint8_t ping[] = {0, 0, 0, 10, 3, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    struct link_pair p;
    (void)state;
    pair_up(&p);
    AUTO_BUF flood = BUF_INIT(0);
    for (int i = 0; i < PINGS; i++)
        assert_int_equal(buf_append(&flood, ping, sizeof ping), 0);
    net_memory_insert(p.m, flood.data, flood.len);
    link_pair_run(&p);
    struct link_info info;
    link_info(p.b.link, &info);
    assert_int_equal(info.frames_in, PINGS);
    // Each pong that a had not read yet when it came to 1 MiB was left out.
    assert_in_range(info.bytes_out, LINK_BLOB_QUEUE_BYTES, LINK_BLOB_QUEUE_BYTES + 200);
    assert_int_equal(p.a.downs + p.b.downs, 0);
    done(&p);
}

static void a_foreign_reason_is_shown_without_its_control_characters(void **state) {
    struct link_pair p;
    (void)state;
    pair_up(&p);
    inject(&p, "\0\0\0\7\5\0a\33[2J", 11);
    assert_int_equal(p.b.why.code, ERR_CLOSED);
    assert_string_equal(p.b.last.goodbye, "a?[2J");
    done(&p);
}

static void blobs_wait_for_a_slow_reader(void **state) {
    struct link_pair p;
    AUTO_FREE uint8_t *bytes = mem_alloc(65536);
    (void)state;
    noise(bytes, 65536);
    pair_up(&p);
    net_memory_stall(p.m, true);
    size_t taken = 0;
    while (link_blob(p.a.link, 1, bytes, 65536) == 0)
        taken++;
    assert_int_equal(link_blob(p.a.link, 1, bytes, 65536), ERR_BUSY);
    assert_in_range(taken, 10, 17);
    assert_int_equal(p.a.drained, 0);
    net_memory_stall(p.m, false);
    link_pair_run(&p);
    assert_int_equal(p.a.drained, 1);
    assert_int_equal(p.b.blobs, taken);
    assert_int_equal(link_blob(p.a.link, 1, bytes, 65536), 0);
    done(&p);
}

static void who_does_not_read_is_let_go_and_not_within_the_call(void **state) {
    struct link_pair p;
    char text[60000];
    (void)state;
    noise((uint8_t *)text, sizeof text);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('0' + (text[i] & 63));
    for (int capped = 0; capped < 2; capped++) {
        pair_up(&p);
        if (capped)
            link_limit(p.a.link, 0, 1000);
        net_memory_stall(p.m, true);
        int sent = 0;
        while (sent < 200 && p.a.downs == 0 &&
               link_notify(p.a.link, "note", json_pack("[s#]", text, (int)sizeof text)) == 0)
            sent++;
        assert_in_range(sent, 60, 110);
        assert_int_equal(p.a.downs, 0);
        fake_env_advance(&p.env, 0);
        assert_int_equal(p.a.downs, 1);
        assert_int_equal(p.a.why.code, ERR_LIMIT);
        net_memory_stall(p.m, false);
        done(&p);
    }
}

// --- time

static void silence_is_asked_about_and_then_ended(void **state) {
    struct link_pair p;
    struct link_info info;
    (void)state;
    pair_up(&p);
    for (int i = 0; i < 10; i++) { // answered: it lives
        fake_env_advance(&p.env, LINK_PING_MS);
        link_pair_run(&p);
    }
    link_info(p.a.link, &info);
    assert_int_equal(p.a.downs + p.b.downs, 0);
    assert_in_range(info.frames_out, 5, 21);
    assert_int_equal(info.round_trip_us, 1); // the clock stands still on the way
    net_memory_stall(p.m, true);
    fake_env_advance(&p.env, 2 * LINK_PING_MS);
    fake_env_advance(&p.env, LINK_PING_MS);
    assert_int_equal(p.a.downs, 1);
    assert_int_equal(p.a.why.code, ERR_TIMEOUT);
    done(&p);
}

static void a_probe_tells_soon(void **state) {
    struct link_pair p;
    (void)state;
    pair_up(&p);
    fake_env_advance(&p.env, 1000);
    link_probe(p.a.link);
    link_pair_run(&p);
    for (int i = 0; i < 8; i++)
        fake_env_advance(&p.env, LINK_SHORT_PING_MS);
    assert_int_equal(p.a.downs, 0);
    net_memory_stall(p.m, true);
    link_probe(p.a.link);
    fake_env_advance(&p.env, 2 * LINK_SHORT_PING_MS);
    assert_int_equal(p.a.downs, 0);
    fake_env_advance(&p.env, LINK_SHORT_PING_MS);
    assert_int_equal(p.a.downs, 1);
    done(&p);
}

// Sends blobs as they are taken for so many seconds; what arrived.
static uint64_t flow(struct link_pair *p, int seconds) {
    uint8_t bytes[8192];
    noise(bytes, sizeof bytes);
    uint64_t before = p->b.blob_bytes;
    for (int i = 0; i < seconds * 10; i++) {
        while (link_blob(p->a.link, 1, bytes, sizeof bytes) == 0) {
            struct link_info info;
            link_info(p->a.link, &info);
            if (info.bytes_out > 100000000)
                break;
        }
        link_pair_run(p);
        fake_env_advance(&p->env, 100);
        link_pair_run(p);
    }
    return p->b.blob_bytes - before;
}

static void caps_hold_both_ways(void **state) {
    struct link_pair p;
    (void)state;
    for (int in = 0; in < 2; in++) {
        pair_up(&p);
        link_limit(in ? p.b.link : p.a.link, in ? 200000 : 0, in ? 0 : 200000);
        if (in)
            net_memory_chunk(p.m, 10000);
        uint64_t got = flow(&p, 20);
        assert_in_range(got, 20 * 200000 * 9 / 10, 20 * 200000 * 11 / 10);
        assert_int_equal(p.a.downs + p.b.downs, 0);
        net_memory_chunk(p.m, 0);
        link_limit(p.a.link, 0, 0); // lifted: what waited goes
        link_limit(p.b.link, 0, 0);
        fake_env_advance(&p.env, 10);
        link_pair_run(&p);
        assert_true(p.b.blob_bytes > got);
        done(&p);
    }
}

// --- memory

static void without_memory_it_ends_cleanly(void **state) {
    int reached = 0;
    (void)state;
    for (uint64_t nth = 1; nth < 400; nth++) {
        struct link_pair p;
        char text[2000];
        memset(text, 'y', sizeof text);
        assert_int_equal(link_pair_init(&p), 0);
        mem_fail_at(nth);
        if (link_pair_dial(&p) == 0 && p.a.link && p.b.link && p.a.ups && p.b.ups) {
            (void)link_side_call(&p.a, "echo", json_pack("[s#]", text, (int)sizeof text), 1000);
            if (p.a.link)
                (void)link_blob(p.a.link, 1, text, sizeof text);
            net_memory_chunk(p.m, 50);
            link_pair_run(&p);
            if (p.a.link)
                link_probe(p.a.link);
            link_pair_run(&p);
            fake_env_advance(&p.env, 1000);
            fake_env_advance(&p.env, 3 * LINK_PING_MS);
        }
        reached += mem_count() >= nth;
        mem_fail_at(0);
        done(&p);
    }
    assert_in_range(reached, 30, 398); // each of its allocations was one of them
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_know_each_other_when_it_is_up),
        cmocka_unit_test(another_key_than_expected_ends_it_before_it_is_up),
        cmocka_unit_test(nobody_there_is_told_later_and_not_within_the_call),
        cmocka_unit_test(a_handshake_that_does_not_end_is_ended),
        cmocka_unit_test(the_other_side_learns_why_it_was_closed),
        cmocka_unit_test(calls_under_way_are_answered_before_down),
        cmocka_unit_test(every_callback_may_close_it),
        cmocka_unit_test(requests_are_answered_for_every_split),
        cmocka_unit_test(messages_and_blobs_arrive_in_the_order_sent),
        cmocka_unit_test(what_does_not_fit_a_frame_is_refused_at_its_sender),
        cmocka_unit_test(a_blob_nobody_wants_ends_the_link),
        cmocka_unit_test(malformed_frames_end_the_link),
        cmocka_unit_test(a_stranger_is_held_to_small_frames),
        cmocka_unit_test(a_stranger_is_held_to_a_few_frames),
        cmocka_unit_test(a_flood_of_pings_is_answered_within_bounds),
        cmocka_unit_test(a_foreign_reason_is_shown_without_its_control_characters),
        cmocka_unit_test(blobs_wait_for_a_slow_reader),
        cmocka_unit_test(who_does_not_read_is_let_go_and_not_within_the_call),
        cmocka_unit_test(silence_is_asked_about_and_then_ended),
        cmocka_unit_test(a_probe_tells_soon),
        cmocka_unit_test(caps_hold_both_ways),
        cmocka_unit_test(without_memory_it_ends_cleanly),
    };
    return cmocka_run_group_tests_name("federation/link", tests, NULL, NULL);
}
