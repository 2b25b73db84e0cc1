#include "federation/tls.h"

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "federation/link.h"
#include "tests/unit/federation/link_pair.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct tls *alice, *bob, *eve;

static int setup(void **state) {
    static const uint8_t seeds[3][TLS_SEED_BYTES] = {{1}, {2}, {3}};
    (void)state;
    return tls_new(seeds[0], &alice, NULL) < 0 || tls_new(seeds[1], &bob, NULL) < 0 ||
           tls_new(seeds[2], &eve, NULL) < 0;
}

static int teardown(void **state) {
    (void)state;
    tls_free(alice);
    tls_free(bob);
    tls_free(eve);
    return 0;
}

// One end, of ours; its bytes for the other end wait in `out`.
struct end {
    struct channel *c;
    struct buf out, plain;
    int ready;
    struct err err; // of the call that failed
};

static void on_wire(void *ctx, const uint8_t *bytes, size_t n) {
    assert_int_equal(buf_append(&((struct end *)ctx)->out, bytes, n), 0);
}

static void on_ready(void *ctx) {
    ((struct end *)ctx)->ready++;
}

static void on_plain(void *ctx, const uint8_t *bytes, size_t n) {
    assert_int_equal(((struct end *)ctx)->ready, 1); // never before it is known who says it
    assert_int_equal(buf_append(&((struct end *)ctx)->plain, bytes, n), 0);
}

static const struct channel_events events = {on_wire, on_ready, on_plain};

static void open_end(struct end *e, struct tls *t, bool outgoing, const uint8_t *expect) {
    struct channel_maker maker = tls_maker(t);
    *e = (struct end){0};
    assert_int_equal(maker.make(maker.self, outgoing, expect, &events, e, &e->c, NULL), 0);
    assert_int_equal(e->c->ops->start(e->c, &e->err), 0);
}

static void close_end(struct end *e) {
    e->c->ops->free(e->c);
    buf_done(&e->out);
    buf_done(&e->plain);
}

static int feed(struct end *to, const void *bytes, size_t n) {
    if (to->err.code < 0)
        return to->err.code;
    return to->c->ops->feed(to->c, bytes, n, &to->err);
}

// What `from` has for `to`; each of `step` bytes.
static void carry(struct end *from, struct end *to, size_t step) {
    struct buf now = from->out;
    from->out = (struct buf){0};
    for (size_t at = 0; at < now.len; at += step)
        (void)feed(to, now.data + at, now.len - at < step ? now.len - at : step);
    buf_done(&now);
}

static void talk(struct end *a, struct end *b, size_t step) {
    for (int i = 0; i < 6; i++) {
        carry(a, b, step);
        carry(b, a, step);
    }
}

static void meet(struct end *a, struct end *b) {
    open_end(a, alice, true, tls_key(bob));
    open_end(b, bob, false, NULL);
    talk(a, b, SIZE_MAX / 2);
    assert_int_equal(a->ready, 1);
    assert_int_equal(b->ready, 1);
}

static int say(struct end *e, const void *bytes, size_t n) {
    return e->c->ops->write(e->c, bytes, n, NULL);
}

// --- what it is for

static void both_prove_their_keys_and_share_a_binding_for_any_split(void **state) {
    static const size_t steps[] = {1, 5, 100, 100000};
    uint8_t last[CHANNEL_BINDING_BYTES] = {0};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        struct end a, b;
        open_end(&a, alice, true, tls_key(bob));
        open_end(&b, bob, false, NULL);
        talk(&a, &b, steps[i]);
        assert_memory_equal(a.c->ops->peer(a.c), tls_key(bob), CHANNEL_KEY_BYTES);
        assert_memory_equal(b.c->ops->peer(b.c), tls_key(alice), CHANNEL_KEY_BYTES);
        assert_memory_equal(a.c->ops->binding(a.c), b.c->ops->binding(b.c), CHANNEL_BINDING_BYTES);
        assert_memory_not_equal(a.c->ops->binding(a.c), last, sizeof last); // of this session alone
        memcpy(last, a.c->ops->binding(a.c), sizeof last);
        assert_int_equal(say(&a, "question", 8), 0);
        assert_int_equal(say(&b, "answer", 6), 0);
        talk(&a, &b, steps[i]);
        assert_memory_equal(b.plain.data, "question", 8);
        assert_memory_equal(a.plain.data, "answer", 6);
        close_end(&a);
        close_end(&b);
    }
}

static void what_is_said_is_not_on_the_wire(void **state) {
    struct end a, b;
    (void)state;
    meet(&a, &b);
    assert_int_equal(say(&a, "canary-canary", 13), 0);
    assert_null(memmem(a.out.data, a.out.len, "canary", 6));
    assert_null(memmem(a.out.data, a.out.len, tls_key(alice), CHANNEL_KEY_BYTES));
    close_end(&a);
    close_end(&b);
}

static void keys_change_after_so_many_bytes_and_nothing_is_lost(void **state) {
    enum { PART = 1024 * 1024 };
    struct end a, b;
    uint64_t got = 0;
    (void)state;
    meet(&a, &b);
    char *part = mem_zalloc(PART);
    for (int i = 0; i < TLS_REKEY_BYTES / PART * 2 + 3; i++) {
        assert_int_equal(say(&a, part, PART), 0);
        carry(&a, &b, SIZE_MAX / 2);
        got += b.plain.len;
        buf_clear(&b.plain);
    }
    assert_int_equal(got, (uint64_t)TLS_REKEY_BYTES * 2 + 3 * PART);
    mem_free(part);
    close_end(&a);
    close_end(&b);
}

static void goodbye_is_said_and_told(void **state) {
    struct end a, b;
    (void)state;
    meet(&a, &b);
    a.c->ops->end(a.c);
    carry(&a, &b, SIZE_MAX / 2);
    assert_int_equal(b.err.code, ERR_CLOSED);
    assert_int_equal(say(&a, "x", 1), ERR_CLOSED);
    close_end(&a);
    close_end(&b);
}

// --- who is refused

static void wrong_pin(void **state) {
    struct end a, b;
    (void)state;
    open_end(&a, alice, true, tls_key(bob));
    open_end(&b, eve, false, NULL);
    talk(&a, &b, SIZE_MAX / 2);
    assert_int_equal(a.err.code, ERR_KEY);
    assert_int_equal(a.ready + b.ready, 0);
    assert_true(b.err.code < 0); // it was told, not left waiting
    close_end(&a);
    close_end(&b);
}

// Somebody else's TLS against one of our ends.
struct other {
    SSL_CTX *ctx;
    SSL *ssl;
    bool outgoing;
};

static void give_key(struct other *o, EVP_PKEY *key, const EVP_MD *md) {
    X509 *x = X509_new();
    assert_int_equal(X509_set_version(x, X509_VERSION_3), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x), 3600));
    assert_int_equal(X509_set_pubkey(x, key), 1);
    assert_true(X509_sign(x, key, md) > 0);
    assert_int_equal(SSL_CTX_use_certificate(o->ctx, x), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(o->ctx, key), 1);
    X509_free(x);
    EVP_PKEY_free(key);
}

static EVP_PKEY *ed25519_key(void) {
    static const uint8_t seed[TLS_SEED_BYTES] = {9};
    return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
}

static void open_other(struct other *o, bool outgoing) {
    *o = (struct other){.outgoing = outgoing};
    o->ctx = SSL_CTX_new(TLS_method());
    SSL_CTX_set_security_level(o->ctx, 0);
}

// Runs both until nothing moves; the stranger's handshake result.
static bool try_other(struct other *o, struct end *e) {
    o->ssl = SSL_new(o->ctx);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    SSL_set_bio(o->ssl, in, out);
    if (o->outgoing)
        SSL_set_connect_state(o->ssl);
    else
        SSL_set_accept_state(o->ssl);
    for (int i = 0; i < 6; i++) {
        char bytes[8192];
        (void)SSL_do_handshake(o->ssl);
        if (e->ready || SSL_is_init_finished(o->ssl))
            (void)SSL_read(o->ssl, bytes, sizeof bytes);
        int n;
        while ((n = BIO_read(out, bytes, sizeof bytes)) > 0)
            (void)feed(e, bytes, (size_t)n);
        if (e->out.len)
            (void)BIO_write(in, e->out.data, (int)e->out.len);
        buf_clear(&e->out);
    }
    return SSL_is_init_finished(o->ssl);
}

static void close_other(struct other *o) {
    SSL_free(o->ssl);
    SSL_CTX_free(o->ctx);
}

static void a_proper_client_of_another_make_is_accepted(void **state) {
    // What the refusals below are measured against: the same client, without what is wrong.
    struct end e;
    struct other o;
    (void)state;
    open_other(&o, true);
    give_key(&o, ed25519_key(), NULL);
    open_end(&e, bob, false, NULL);
    assert_true(try_other(&o, &e));
    assert_int_equal(e.ready, 1);
    assert_string_equal(SSL_get_cipher(o.ssl), "TLS_AES_256_GCM_SHA384");
    assert_int_equal(SSL_session_reused(o.ssl), 0);
    assert_null(SSL_get_current_compression(o.ssl));
    SSL_SESSION *s = SSL_get1_session(o.ssl);
    assert_int_equal(SSL_SESSION_is_resumable(s), 0); // no ticket came
    SSL_SESSION_free(s);
    close_other(&o);
    close_end(&e);
}

static void tls_12_client(void **state) {
    struct end e;
    struct other o;
    (void)state;
    open_other(&o, true);
    give_key(&o, ed25519_key(), NULL);
    assert_int_equal(SSL_CTX_set_max_proto_version(o.ctx, TLS1_2_VERSION), 1);
    open_end(&e, bob, false, NULL);
    assert_false(try_other(&o, &e));
    assert_int_equal(e.ready, 0);
    assert_int_equal(e.err.code, ERR_VERSION);
    close_other(&o);
    close_end(&e);
}

static void tls_12_server(void **state) {
    struct end e;
    struct other o;
    (void)state;
    open_other(&o, false);
    give_key(&o, ed25519_key(), NULL);
    assert_int_equal(SSL_CTX_set_max_proto_version(o.ctx, TLS1_2_VERSION), 1);
    open_end(&e, alice, true, NULL);
    assert_false(try_other(&o, &e));
    assert_int_equal(e.ready, 0);
    assert_int_equal(e.err.code, ERR_VERSION);
    close_other(&o);
    close_end(&e);
}

static void refuses(const char *ciphers, const char *groups) {
    struct end e;
    struct other o;
    open_other(&o, true);
    give_key(&o, ed25519_key(), NULL);
    if (ciphers)
        assert_int_equal(SSL_CTX_set_ciphersuites(o.ctx, ciphers), 1);
    if (groups)
        assert_int_equal(SSL_CTX_set1_groups_list(o.ctx, groups), 1);
    open_end(&e, bob, false, NULL);
    assert_false(try_other(&o, &e));
    assert_int_equal(e.ready, 0);
    assert_true(e.err.code < 0);
    close_other(&o);
    close_end(&e);
}

static void other_cipher(void **state) {
    (void)state;
    refuses("TLS_AES_128_GCM_SHA256", NULL);
    refuses("TLS_AES_128_CCM_SHA256", NULL);
}

static void other_group(void **state) {
    (void)state;
    refuses(NULL, "P-256");
}

static void our_order_of_ciphers_holds(void **state) {
    struct end e;
    struct other o;
    (void)state;
    open_other(&o, true);
    give_key(&o, ed25519_key(), NULL);
    assert_int_equal(SSL_CTX_set_ciphersuites(o.ctx, "TLS_CHACHA20_POLY1305_SHA256:"
                                                     "TLS_AES_128_GCM_SHA256:"
                                                     "TLS_AES_256_GCM_SHA384"),
                     1);
    open_end(&e, bob, false, NULL);
    assert_true(try_other(&o, &e));
    assert_string_equal(SSL_get_cipher(o.ssl), "TLS_AES_256_GCM_SHA384");
    close_other(&o);
    close_end(&e);
}

static void no_client_certificate(void **state) {
    struct end e;
    struct other o;
    (void)state;
    open_other(&o, true);
    open_end(&e, bob, false, NULL);
    (void)try_other(&o, &e);
    assert_int_equal(e.ready, 0);
    assert_int_equal(e.err.code, ERR_KEY);
    close_other(&o);
    close_end(&e);
}

static void rsa_and_ecdsa_certificates(void **state) {
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        struct end e;
        struct other o;
        bool outgoing = kind & 1;
        open_other(&o, outgoing);
        give_key(&o, kind & 2 ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"), EVP_sha256());
        open_end(&e, bob, !outgoing, NULL);
        (void)try_other(&o, &e);
        assert_int_equal(e.ready, 0);
        assert_true(e.err.code < 0);
        close_other(&o);
        close_end(&e);
    }
}

// --- the network is the enemy's

static void downgrade_and_every_other_change_of_the_handshake(void **state) {
    (void)state;
    size_t flights[2] = {0}, opened = 0;
    // Which flight (0: client's hello, 1: the server's answer), which byte.
    for (int flight = 0; flight < 2; flight++) {
        for (size_t at = 0; at == 0 || at < flights[flight]; at++) {
            struct end a, b;
            open_end(&a, alice, true, tls_key(bob));
            open_end(&b, bob, false, NULL);
            if (flight == 0) {
                flights[0] = a.out.len;
                a.out.data[at] ^= 0x5a;
            }
            carry(&a, &b, SIZE_MAX / 2);
            if (flight == 1) {
                flights[1] = b.out.len;
                b.out.data[at] ^= 0x5a;
            }
            talk(&a, &b, SIZE_MAX / 2);
            // A byte that TLS ignores (the record's old version, RFC 8446 §5.1) may be anything;
            // else nobody takes the other for who it is.
            if (a.ready || b.ready) {
                assert_true(at == 1 || at == 2);
                opened++;
            }
            close_end(&a);
            close_end(&b);
        }
    }
    assert_in_range(flights[0], 100, 1000);
    assert_in_range(flights[1], 400, 2000);
    assert_in_range(opened, 0, 4);
}

static void every_change_of_a_record(void **state) {
    (void)state;
    size_t n = 1;
    for (size_t at = 0; at < n; at++) {
        struct end a, b;
        meet(&a, &b);
        assert_int_equal(say(&a, "secret", 6), 0);
        n = a.out.len;
        a.out.data[at] ^= 1;
        carry(&a, &b, SIZE_MAX / 2);
        assert_int_equal(b.plain.len, 0);
        // A length that grew only makes it wait for more.
        assert_true(b.err.code < 0 || at == 3 || at == 4);
        close_end(&a);
        close_end(&b);
    }
    assert_in_range(n, 20, 40);
}

static void replayed_and_reordered_records(void **state) {
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        struct end a, b;
        meet(&a, &b);
        assert_int_equal(say(&a, "first", 5), 0);
        struct buf first = a.out;
        a.out = (struct buf){0};
        assert_int_equal(say(&a, "other", 5), 0);
        struct buf second = a.out;
        a.out = (struct buf){0};
        if (kind == 0) { // twice
            assert_int_equal(feed(&b, first.data, first.len), 0);
            assert_int_equal(feed(&b, first.data, first.len), ERR_CORRUPT);
            assert_int_equal(b.plain.len, 5);
        } else if (kind == 1) { // the later one first
            assert_int_equal(feed(&b, second.data, second.len), ERR_CORRUPT);
            assert_int_equal(b.plain.len, 0);
        } else { // to another session of the same two
            struct end c, d;
            meet(&c, &d);
            assert_int_equal(feed(&d, first.data, first.len), ERR_CORRUPT);
            assert_int_equal(d.plain.len, 0);
            close_end(&c);
            close_end(&d);
        }
        buf_done(&first);
        buf_done(&second);
        close_end(&a);
        close_end(&b);
    }
}

static void reset_in_the_middle_of_anything(void **state) {
    (void)state;
    for (size_t cut = 0; cut < 1500; cut += 7) {
        struct end a, b;
        open_end(&a, alice, true, tls_key(bob));
        open_end(&b, bob, false, NULL);
        carry(&a, &b, SIZE_MAX / 2);
        (void)feed(&a, b.out.data, cut < b.out.len ? cut : b.out.len);
        if (cut < b.out.len)
            assert_int_equal(a.ready, 0);
        assert_int_equal(a.err.code, 0);
        close_end(&a);
        close_end(&b);
    }
}

static void truncated_records_say_nothing(void **state) {
    struct end a, b;
    (void)state;
    meet(&a, &b);
    assert_int_equal(say(&a, "all or nothing", 14), 0);
    for (size_t i = 0; i + 1 < a.out.len; i++)
        assert_int_equal(feed(&b, a.out.data + i, 1), 0);
    assert_int_equal(b.plain.len, 0);
    close_end(&a);
    close_end(&b);
}

static void garbage(void **state) {
    static const char *const texts[] = {
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n",
        "\x16\x03\x01\xff\xff garbage garbage garbage", "\x16\x03\x03\x00\x04\x01\xff\xff\xff",
        "\x15\x03\x03\x00\x02\x02\x28"};
    static const size_t sizes[] = {27, 21, 29, 9, 7};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        for (int outgoing = 0; outgoing < 2; outgoing++) {
            struct end e;
            open_end(&e, bob, outgoing, NULL);
            assert_true(feed(&e, texts[i], sizes[i]) <= 0);
            static const uint8_t more[20000];
            (void)feed(&e, more, sizeof more);
            assert_true(e.err.code < 0);
            assert_true(e.err.message[0]);
            assert_int_equal(e.ready, 0);
            close_end(&e);
        }
}

// --- under a link

static void a_link_runs_over_it(void **state) {
    struct link_pair p;
    (void)state;
    assert_int_equal(link_pair_init(&p), 0);
    p.a.maker = tls_maker(alice);
    p.b.maker = tls_maker(bob);
    p.expect = tls_key(bob);
    assert_int_equal(link_pair_dial(&p), 0);
    assert_int_equal(p.a.ups + p.b.ups, 2);
    assert_memory_equal(link_peer(p.b.link), tls_key(alice), CHANNEL_KEY_BYTES);
    assert_memory_equal(link_binding(p.a.link), link_binding(p.b.link), CHANNEL_BINDING_BYTES);
    assert_true(link_side_call(&p.a, "echo", json_pack("[i]", 1), 0) > 0);
    link_pair_run(&p);
    assert_int_equal(p.a.answers, 1);
    net_memory_flip(p.m, 20); // one bit on the wire
    assert_true(link_side_call(&p.a, "echo", json_pack("[i]", 2), 0) > 0);
    link_pair_run(&p);
    assert_int_equal(p.b.downs, 1);
    assert_int_equal(p.b.why.code, ERR_CORRUPT);
    assert_int_equal(p.a.answer_code, ERR_CLOSED);
    link_pair_done(&p);
    assert_int_equal(p.env.live, 0);
}

static void a_link_may_close_within_its_events_over_it(void **state) {
    (void)state;
    for (int at = 1; at <= 5; at++) {
        struct link_pair p;
        if (at == 4)
            continue;
        assert_int_equal(link_pair_init(&p), 0);
        p.a.maker = tls_maker(alice);
        p.b.maker = tls_maker(bob);
        p.expect = tls_key(bob);
        (at == 5 ? &p.a : &p.b)->close_at = at;
        assert_int_equal(link_pair_dial(&p), 0);
        if (p.a.link) {
            (void)link_blob(p.a.link, 1, "x", 1);
            (void)link_side_call(&p.a, "echo", NULL, 0);
            (void)link_blob(p.a.link, 1, "x", 1);
            link_pair_run(&p);
        }
        assert_true((at == 5 ? &p.a : &p.b)->closed);
        assert_int_equal((at == 5 ? &p.b : &p.a)->downs, 1);
        assert_string_equal((at == 5 ? &p.b : &p.a)->last.goodbye, "by test");
        link_pair_done(&p);
    }
}

static void without_memory_a_channel_is_not_made(void **state) {
    struct channel_maker maker = tls_maker(alice);
    struct end e = {0};
    struct tls *t = NULL;
    static const uint8_t seed[TLS_SEED_BYTES] = {5};
    (void)state;
    mem_fail_at(1);
    assert_int_equal(maker.make(maker.self, true, NULL, &events, &e, &e.c, NULL), ERR_NOMEM);
    mem_fail_at(1);
    assert_int_equal(tls_new(seed, &t, NULL), ERR_NOMEM);
    mem_fail_at(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_prove_their_keys_and_share_a_binding_for_any_split),
        cmocka_unit_test(what_is_said_is_not_on_the_wire),
        cmocka_unit_test(keys_change_after_so_many_bytes_and_nothing_is_lost),
        cmocka_unit_test(goodbye_is_said_and_told),
        cmocka_unit_test(wrong_pin),
        cmocka_unit_test(a_proper_client_of_another_make_is_accepted),
        cmocka_unit_test(tls_12_client),
        cmocka_unit_test(tls_12_server),
        cmocka_unit_test(other_cipher),
        cmocka_unit_test(other_group),
        cmocka_unit_test(our_order_of_ciphers_holds),
        cmocka_unit_test(no_client_certificate),
        cmocka_unit_test(rsa_and_ecdsa_certificates),
        cmocka_unit_test(downgrade_and_every_other_change_of_the_handshake),
        cmocka_unit_test(every_change_of_a_record),
        cmocka_unit_test(replayed_and_reordered_records),
        cmocka_unit_test(reset_in_the_middle_of_anything),
        cmocka_unit_test(truncated_records_say_nothing),
        cmocka_unit_test(garbage),
        cmocka_unit_test(a_link_runs_over_it),
        cmocka_unit_test(a_link_may_close_within_its_events_over_it),
        cmocka_unit_test(without_memory_a_channel_is_not_made),
    };
    return cmocka_run_group_tests_name("federation/tls", tests, setup, teardown);
}
