// Cosigning: a peer signs what goes on from what it has signed, and nothing else.
#include "federation/cosign.h"

#include "core/base/mem.h"
#include "tests/support/channel_plain.h"
#include "tests/support/net_memory.h"
#include "tests/unit/protocol/fake_env.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct side {
    uint8_t pk[32], sk[64];
    struct channel_plain_self plain;
    struct channel_maker channels;
    struct net *net;
    struct peers_memory *peers;
    struct cosign *cosign;
    struct node_service service;
    struct node *node;
    struct cosign_kept kept; // of the other's log
    bool any;
    int put_fails;
    bool revoked;
    int refused; // code of the last
};
static struct world {
    struct fake_env clock;
    struct env_ops ops;
    struct env env;
    struct net_memory *m;
    struct side owner, witness;
    uint8_t drawn;
    // Of the last answer:
    int answers, code;
    bool stale;
    struct cosign_kept got;
} w;

static void random_bytes(void *self, void *out, size_t n) {
    (void)self;
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)out)[i] = ++w.drawn;
}

static int memory_get(void *self, const uint8_t *device, struct cosign_kept *ret, struct err *err) {
    struct side *s = self;
    (void)device;
    (void)err;
    if (s->any)
        *ret = s->kept;
    return s->any;
}

static int memory_put(void *self, const uint8_t *device, const struct cosign_kept *k,
                      struct err *err) {
    struct side *s = self;
    (void)device;
    if (s->put_fails)
        return err_set(err, ERR_FULL, "the disk is full");
    s->kept = *k;
    s->any = true;
    return 0;
}

static void sign(void *ctx, const void *bytes, size_t n, uint8_t ret[64]) {
    const struct side *s = ctx;
    (void)crypto_sign_detached(ret, NULL, bytes, n, s->sk);
}

static int sign_for(void *ctx, const void *bytes, size_t n, uint8_t ret[64], struct err *err) {
    struct side *s = ctx;
    if (s->revoked)
        return err_set(err, ERR_PERM, "revoked");
    sign(s, bytes, n, ret);
    return 0;
}

static void refused(void *ctx, const uint8_t *device, int code, const struct err *why) {
    struct side *s = ctx;
    assert_non_null(why);
    assert_memory_equal(device, w.owner.pk, 32);
    s->refused = code;
}

static void start(struct side *s, uint8_t n, uint8_t last) {
    uint8_t seed[32] = {n};
    (void)crypto_sign_seed_keypair(s->pk, s->sk, seed);
    memcpy(s->plain.key, s->pk, 32);
    s->plain.env = &w.env;
    s->channels = channel_plain_maker(&s->plain);
    s->net = net_memory_host(w.m, last);
    s->peers = peers_memory_new();
    struct cosign_config config = {.env = &w.env,
                                   .memory = {memory_get, memory_put, s},
                                   .sign = sign_for,
                                   .refused = refused,
                                   .ctx = s};
    memcpy(config.key, s->pk, 32);
    s->cosign = cosign_new(&config);
    assert_true(s->net && s->peers && s->cosign);
    s->service = cosign_service(s->cosign);
    struct node_config c = {.env = &w.env,
                            .net = s->net,
                            .channels = &s->channels,
                            .peers = peers_memory_face(s->peers),
                            .port = 7000,
                            .services = &s->service,
                            .services_n = 1};
    memcpy(c.key, s->pk, 32);
    assert_int_equal(node_start(&c, &s->node, NULL), 0);
}

static void meet(struct side *a, const struct side *b, uint8_t last) {
    struct peers_entry e = {.addrs = {net_memory_addr(last, 7000)}, .addrs_n = 1};
    memcpy(e.key, b->pk, 32);
    assert_int_equal(peers_memory_put(a->peers, &e), 0);
    assert_int_equal(node_peer_add(a->node, &e, NULL), 0);
}

static void run(uint64_t ms) {
    (void)net_memory_run(w.m);
    for (uint64_t i = 0; i < ms; i += 50) {
        fake_env_advance(&w.clock, 50);
        (void)net_memory_run(w.m);
    }
}

static int setup(void **state) {
    (void)state;
    memset(&w, 0, sizeof w);
    fake_env_init(&w.clock);
    w.clock.now_ms = 1700000000000;
    w.ops = *w.clock.env.ops;
    w.ops.random_bytes = random_bytes;
    w.env = (struct env){&w.ops, &w.clock};
    w.m = net_memory_new();
    start(&w.owner, 1, 1);
    start(&w.witness, 2, 2);
    meet(&w.owner, &w.witness, 2);
    meet(&w.witness, &w.owner, 1);
    run(2000);
    return node_session_find(w.owner.node, w.witness.pk) ? 0 : -1;
}

static void stop(struct side *s) {
    node_stop(s->node);
    cosign_free(s->cosign);
    peers_memory_free(s->peers);
}

static int teardown(void **state) {
    (void)state;
    stop(&w.owner);
    stop(&w.witness);
    (void)net_memory_run(w.m);
    net_memory_free(w.m);
    return 0;
}

// --- a log: leaf i of version v

static int leaf(void *ctx, uint64_t index, uint8_t out[TREE_HASH_BYTES], struct err *err) {
    const uint8_t bytes[2] = {(uint8_t)index, *(const uint8_t *)ctx};
    (void)err;
    tree_leaf(bytes, sizeof bytes, out);
    return 0;
}

static struct cosign_request request(int64_t before, int64_t entries, uint8_t version) {
    struct cosign_request r = {.before = before};
    struct tree_frontier f = {.leaves = 0};
    struct checkpoint c = {.entries = entries, .time_ms = (int64_t)w.clock.now_ms};
    for (int64_t i = 0; i < entries; i++) {
        uint8_t hash[TREE_HASH_BYTES];
        (void)leaf(&version, (uint64_t)i, hash, NULL);
        tree_frontier_add(&f, hash);
    }
    tree_frontier_root(&f, c.root);
    if (before && before <= entries)
        assert_int_equal(
            tree_consistency((uint64_t)before, (uint64_t)entries, leaf, &version, &r.proof, NULL),
            0);
    r.text_bytes = checkpoint_format(&c, r.text);
    sign(&w.owner, r.text, r.text_bytes, r.signature);
    return r;
}

static void answered(void *ctx, const struct cosign_kept *k, bool stale, const struct err *err) {
    (void)ctx;
    w.answers++;
    w.stale = stale;
    w.code = err ? err->code : 0;
    if (k)
        w.got = *k;
}

static int ask(const struct cosign_request *r) {
    struct node_session *s = node_session_find(w.owner.node, w.witness.pk);
    int before = w.answers;
    assert_non_null(s);
    run(2000); // longer than COSIGN_GAP_S
    assert_int_equal(cosign_ask(s, w.owner.pk, r, answered, NULL, NULL), 0);
    run(100);
    assert_int_equal(w.answers, before + 1);
    return w.code;
}

static void a_log_that_goes_on_is_cosigned(void **state) {
    (void)state;
    int64_t before = 0;
    for (int64_t n = 1; n < 40; n += 3) {
        struct cosign_request r = request(before, n, 0);
        assert_int_equal(ask(&r), 0);
        assert_false(w.stale);
        assert_true(checkpoint_cosigned(r.text, r.text_bytes, w.witness.pk, w.got.time_s,
                                        w.got.cosignature));
        assert_memory_equal(w.witness.kept.text, r.text, r.text_bytes); // kept before it was sent
        before = n;
    }
    struct cosign_request same = request(before, before, 0);
    assert_int_equal(ask(&same), 0);
    assert_int_equal(w.witness.refused, 0);
}

static void a_rewritten_log_is_not_cosigned(void **state) {
    (void)state;
    struct cosign_request r = request(0, 7, 0);
    assert_int_equal(ask(&r), 0);
    r = request(7, 9, 1); // other entries, and a proof of its own
    assert_int_equal(ask(&r), ERR_PERM);
    assert_int_equal(w.witness.refused, ERR_CORRUPT);
    r = request(7, 7, 1);
    assert_int_equal(ask(&r), ERR_PERM);
    r = request(7, 9, 0);
    r.proof.hash[0][3] ^= 1;
    assert_int_equal(ask(&r), ERR_PERM);
    r = request(7, 9, 0);
    r.proof.count--;
    assert_int_equal(ask(&r), ERR_PERM);
    r = request(7, 9, 0);
    assert_int_equal(ask(&r), 0);
}

static void a_truncated_log_is_shown_what_was_cosigned(void **state) {
    (void)state;
    struct checkpoint c;
    struct cosign_request r = request(0, 7, 0);
    assert_int_equal(ask(&r), 0);
    struct cosign_kept first = w.got;
    for (int i = 0; i < 3; i++) { // shorter; made anew; as if nothing had been cosigned
        r = i == 0 ? request(5, 6, 0) : i == 1 ? request(0, 3, 1) : request(0, 7, 0);
        assert_int_equal(ask(&r), 0);
        assert_true(w.stale);
        assert_memory_equal(w.got.text, first.text, first.text_bytes);
        assert_int_equal(checkpoint_parse(w.got.text, w.got.text_bytes, &c, NULL), 0);
        assert_int_equal(c.entries, 7);
    }
    assert_memory_equal(w.witness.kept.text, first.text, first.text_bytes); // as it was
}

static void another_log_of_the_device_is_not_taken_for_the_first(void **state) {
    (void)state;
    struct cosign_request r = request(0, 7, 0);
    assert_int_equal(ask(&r), 0);
    r = request(7, 9, 0);
    r.text[13] ^= 1; // the first digit of its name
    sign(&w.owner, r.text, r.text_bytes, r.signature);
    assert_int_equal(ask(&r), 0);
    assert_true(w.stale);
}

static void signatures_and_times_are_checked(void **state) {
    (void)state;
    struct cosign_request r = request(0, 7, 0), late = request(7, 9, 0);
    r.signature[0] ^= 1;
    assert_int_equal(ask(&r), ERR_PERM);
    assert_int_equal(w.witness.refused, ERR_KEY);
    r = request(0, 7, 0);
    sign(&w.witness, r.text, r.text_bytes, r.signature); // of another device
    assert_int_equal(ask(&r), ERR_PERM);
    uint64_t now_ms = w.clock.now_ms;
    w.clock.now_ms = now_ms + COSIGN_AHEAD_MS + 60000; // of a time to come
    r = request(0, 7, 0);
    w.clock.now_ms = now_ms;
    assert_int_equal(ask(&r), ERR_PERM);
    assert_int_equal(w.witness.refused, ERR_TIMEOUT);
    assert_false(w.witness.any);
    r = request(0, 7, 0);
    assert_int_equal(ask(&r), 0);
    assert_int_equal(ask(&late), ERR_PERM); // longer, but made before
    assert_int_equal(w.witness.refused, ERR_TIMEOUT);
}

static void what_could_not_be_kept_is_not_signed(void **state) {
    (void)state;
    struct cosign_request r = request(0, 7, 0);
    w.witness.put_fails = 1;
    assert_int_equal(ask(&r), ERR_PERM);
    w.witness.put_fails = 0;
    w.witness.revoked = true; // nothing is signed by a device that is
    assert_int_equal(ask(&r), ERR_PERM);
    assert_false(w.witness.any);
    w.witness.revoked = false;
    assert_int_equal(ask(&r), 0);
}

static void too_soon_again_is_busy(void **state) {
    (void)state;
    struct cosign_request r = request(0, 7, 0);
    assert_int_equal(ask(&r), 0);
    r = request(7, 8, 0);
    struct node_session *s = node_session_find(w.owner.node, w.witness.pk);
    assert_int_equal(cosign_ask(s, w.owner.pk, &r, answered, NULL, NULL), 0);
    (void)net_memory_run(w.m);
    assert_int_equal(w.answers, 2);
    assert_int_equal(w.code, ERR_BUSY);
    assert_int_equal(w.witness.refused, 0); // no misconduct
}

static void on_call(void *ctx, const json_t *result, const json_t *error, const struct err *err) {
    (void)ctx;
    (void)err;
    assert_null(result);
    assert_int_equal(json_integer_value(json_object_get(error, "code")), JSONRPC_INVALID_PARAMS);
    w.answers++;
}

static void what_is_no_request_is_refused(void **state) {
    static const char *const bad[] = {
        "{}",
        "{\"checkpoint\":\"x\"}",
        "{\"checkpoint\":\"x\",\"signature\":\"00\"}",
        "{\"checkpoint\":\"x\",\"signature\":\"00\",\"before\":-1}",
        "{\"checkpoint\":\"x\",\"signature\":\"00\",\"before\":1,\"proof\":[\"00\"]}",
        "{\"checkpoint\":1,\"signature\":\"00\",\"before\":1,\"proof\":[1]}"};
    (void)state;
    struct node_session *s = node_session_find(w.owner.node, w.witness.pk);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        json_t *params = json_loads(bad[i], 0, NULL);
        assert_true(
            link_call(node_session_link(s), "audit.cosign", params, 1000, on_call, NULL, NULL) > 0);
        run(100);
        assert_int_equal(w.answers, (int)i + 1);
    }
    assert_false(w.witness.any);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_log_that_goes_on_is_cosigned),
        TEST(a_rewritten_log_is_not_cosigned),
        TEST(a_truncated_log_is_shown_what_was_cosigned),
        TEST(another_log_of_the_device_is_not_taken_for_the_first),
        TEST(signatures_and_times_are_checked),
        TEST(what_could_not_be_kept_is_not_signed),
        TEST(too_soon_again_is_busy),
        TEST(what_is_no_request_is_refused),
    };
    mem_init_json();
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests_name("federation/cosign", tests, NULL, NULL);
}
