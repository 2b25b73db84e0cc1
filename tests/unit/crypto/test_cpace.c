#include "core/crypto/cpace.h"

#include "core/crypto/cpace_impl.h"
#include "core/crypto/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// Published vectors: draft-irtf-cfrg-cpace, appendix "Test vectors for CPace using group
// ristretto255 and hash SHA-512".
static const char prs_hex[] = "50617373776f7264",
                  ci_hex[] = "0b415f696e69746961746f720b425f726573706f6e646572",
                  sid_hex[] = "7e4b4791d6a8ef019b936c79fb7f2c57", ada_hex[] = "414461",
                  adb_hex[] = "414462";
static const char g_hex[] = "222b6b195fe84b1652badb6f6a3ae3d24341e7306967f0b8115b40d5698c7e56";
static const char scalar_a[] = "da3d23700a9e5699258aef94dc060dfda5ebb61f02a5ea77fad53f4ff0976d08",
                  scalar_b[] = "d2316b454718c35362d83d69df6320f38578ed5984651435e2949762d900b80d";
static const char ya_hex[] = "d6bac480f2c386c394efc7c47adb9925dcd2630b64f240c50f8d0eec482b9157",
                  yb_hex[] = "3ea7e0b19560d7c0b0f5734f63b955286dfa8232b5ebe63324e2d9e7433f7258",
                  k_hex[] = "80b69a8a76457ab6a4d7f887a4bf6b55a2f80ac19c333f917a05fc9887c8b40f";
static const char isk_ir[] = "b69effbf61b51d56401c0f65601abe428de8206feaaf0e32198896dcae7b35cd"
                             "2b38950a39dfd5d4a79164614c2984f7daa460b588c1e80c3fa2068af7900447",
                  isk_sy[] = "544199d71f62f8d9a1fee55727e24fe4a45844593c2b6013c4fa3969d0e5debb"
                             "2244675c0b43397cbb68d342b01fc0f98fc961469a25134de9f0f813c1a57476",
                  sid_ir[] = "bb1c449b35f0ea79a65c209f329a693d475e0ce2387bed9fe4b78f60b2a27c21"
                             "9813fb2cfe175ef40d2222d9261e66da7d78f7c55a303b1b8611dcdfab880c47",
                  sid_oc[] = "10d5941d4933497fe31b9188d690b84465e2a2d158332a7267284a071a8d0876"
                             "fc5c8c329dc735d59a9f8ef6623ee23924704a2f929dd631ca981227ee82fff2";

static size_t from_hex(const char *hex, uint8_t *out) {
    size_t n = strlen(hex) / 2;
    for (size_t i = 0; i < n; i++) {
        char two[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(two, NULL, 16);
    }
    return n;
}

static void assert_hex(const void *bytes, const char *hex) {
    uint8_t wanted[256];
    size_t n = from_hex(hex, wanted);
    assert_memory_equal(bytes, wanted, n);
}

// One side with the vectors' inputs; `scalar` NULL: a random one.
static struct cpace *vector_side(enum cpace_role role, const char *ad_hex, const char *scalar) {
    uint8_t prs[64], ci[64], sid[64], ad[64], random[CPACE_RANDOM_BYTES] = {0};
    struct cpace_config config = {
        .role = role,
        .prs = {prs, from_hex(prs_hex, prs)},
        .ci = {ci, from_hex(ci_hex, ci)},
        .sid = {sid, from_hex(sid_hex, sid)},
        .ad = {ad, from_hex(ad_hex, ad)},
    };
    if (scalar)
        (void)from_hex(scalar, random);
    else
        secret_random(random, sizeof random);
    struct cpace *c = NULL;
    assert_int_equal(cpace_new(&config, random, &c, NULL), 0);
    return c;
}

static int finish(struct cpace *c, const struct cpace *peer) {
    return cpace_finish(c, cpace_message(peer), peer->own_ad, peer->own_ad_n, NULL);
}

static void the_published_generator_and_products_come_out(void **state) {
    uint8_t prs[64], ci[64], sid[64], g[32], s[32], y[32], k[32];
    struct cpace_bytes p = {prs, from_hex(prs_hex, prs)}, c = {ci, from_hex(ci_hex, ci)},
                       i = {sid, from_hex(sid_hex, sid)};
    (void)state;
    cpace_generator(&p, &c, &i, g);
    assert_hex(g, g_hex);
    (void)from_hex(scalar_a, s);
    assert_true(cpace_scalar_mult_vfy(s, g, y));
    assert_hex(y, ya_hex);
    (void)from_hex(yb_hex, y);
    assert_true(cpace_scalar_mult_vfy(s, y, k));
    assert_hex(k, k_hex);
    (void)from_hex(scalar_b, s);
    (void)from_hex(ya_hex, y);
    assert_true(cpace_scalar_mult_vfy(s, y, k));
    assert_hex(k, k_hex);
}

static void the_published_scalar_mult_vfy_cases_hold(void **state) {
    static const char valid[] = "2c3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d654b4a51c";
    static const char *const invalid[] = {
        "2b3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d654b4a51c",
        "0000000000000000000000000000000000000000000000000000000000000000"};
    uint8_t s[32], x[32], out[32];
    (void)state;
    (void)from_hex("7cd0e075fa7955ba52c02759a6c90dbbfc10e6d40aea8d283e407d88cf538a05", s);
    (void)from_hex(valid, x);
    assert_true(cpace_scalar_mult_vfy(s, x, out));
    assert_hex(out, "7c13645fe790a468f62c39beb7388e541d8405d1ade69d1778c5fe3e7f6b600e");
    for (size_t i = 0; i < 2; i++) {
        (void)from_hex(invalid[i], x);
        assert_false(cpace_scalar_mult_vfy(s, x, out));
    }
}

static void the_published_session_keys_come_out(void **state) {
    static const struct {
        enum cpace_role a, b;
        const char *isk, *sid;
    } cases[] = {{CPACE_INITIATOR, CPACE_RESPONDER, isk_ir, sid_ir},
                 {CPACE_SYMMETRIC, CPACE_SYMMETRIC, isk_sy, sid_oc}};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint8_t sid[CPACE_SID_OUTPUT_BYTES];
        struct cpace *a = vector_side(cases[i].a, ada_hex, scalar_a);
        struct cpace *b = vector_side(cases[i].b, adb_hex, scalar_b);
        assert_hex(cpace_message(a), ya_hex);
        assert_hex(cpace_message(b), yb_hex);
        assert_int_equal(finish(a, b), 0);
        assert_int_equal(finish(b, a), 0);
        assert_hex(a->isk, cases[i].isk);
        assert_hex(b->isk, cases[i].isk);
        cpace_sid_output(a, sid);
        assert_hex(sid, cases[i].sid);
        cpace_sid_output(b, sid);
        assert_hex(sid, cases[i].sid);
        cpace_free(a);
        cpace_free(b);
    }
}

static void both_sides_confirm_and_derive_the_same_keys(void **state) {
    (void)state;
    for (int i = 0; i < 20; i++) {
        enum cpace_role ra = i & 1 ? CPACE_SYMMETRIC : CPACE_INITIATOR,
                        rb = i & 1 ? CPACE_SYMMETRIC : CPACE_RESPONDER;
        struct cpace *a = vector_side(ra, ada_hex, NULL), *b = vector_side(rb, adb_hex, NULL);
        uint8_t ta[CPACE_TAG_BYTES], tb[CPACE_TAG_BYTES], ka[48], kb[48], other[48];
        assert_int_equal(finish(a, b), 0);
        assert_int_equal(finish(b, a), 0);
        cpace_tag(a, ta);
        cpace_tag(b, tb);
        assert_memory_not_equal(ta, tb, sizeof ta);
        assert_int_equal(cpace_check(b, ta, NULL), 0);
        assert_int_equal(cpace_check(a, tb, NULL), 0);
        assert_int_equal(cpace_derive(a, "one", ka, sizeof ka), 0);
        assert_int_equal(cpace_derive(b, "one", kb, sizeof kb), 0);
        assert_int_equal(cpace_derive(b, "two", other, sizeof other), 0);
        assert_memory_equal(ka, kb, sizeof ka);
        assert_memory_not_equal(kb, other, sizeof kb);
        cpace_free(a);
        cpace_free(b);
    }
}

static struct cpace *side(enum cpace_role role, const char *prs, const char *ci, const char *sid,
                          const char *ad) {
    uint8_t random[CPACE_RANDOM_BYTES];
    struct cpace_config config = {.role = role,
                                  .prs = {prs, strlen(prs)},
                                  .ci = {ci, strlen(ci)},
                                  .sid = {sid, strlen(sid)},
                                  .ad = {ad, strlen(ad)}};
    struct cpace *c = NULL;
    secret_random(random, sizeof random);
    assert_int_equal(cpace_new(&config, random, &c, NULL), 0);
    return c;
}

// Each input is part of what is confirmed, and a failed check is the only one.
static void any_other_input_fails_the_confirmation(void **state) {
    static const char *const inputs[][4] = {
        {"other", "ci", "sid", "b"}, {"prs", "other", "sid", "b"}, {"prs", "ci", "other", "b"},
        {"prs", "", "sid", "b"},     {"prs", "ci", "", "b"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
        struct cpace *a = side(CPACE_INITIATOR, "prs", "ci", "sid", "a");
        struct cpace *b =
            side(CPACE_RESPONDER, inputs[i][0], inputs[i][1], inputs[i][2], inputs[i][3]);
        uint8_t tag[CPACE_TAG_BYTES];
        static const uint8_t zeros[sizeof a->isk];
        assert_int_equal(finish(a, b), 0);
        assert_int_equal(finish(b, a), 0);
        cpace_tag(a, tag);
        assert_int_equal(cpace_check(b, tag, NULL), ERR_KEY);
        assert_memory_equal(b->isk, zeros, sizeof zeros);
        cpace_free(a);
        cpace_free(b);
    }
    // The other side's associated data is not what it says it is.
    struct cpace *a = side(CPACE_INITIATOR, "prs", "ci", "sid", "a");
    struct cpace *b = side(CPACE_RESPONDER, "prs", "ci", "sid", "b");
    uint8_t tag[CPACE_TAG_BYTES];
    assert_int_equal(cpace_finish(a, cpace_message(b), "c", 1, NULL), 0);
    assert_int_equal(finish(b, a), 0);
    cpace_tag(b, tag);
    assert_int_equal(cpace_check(a, tag, NULL), ERR_KEY);
    cpace_free(a);
    cpace_free(b);
}

static void a_right_tag_after_a_wrong_one_is_refused(void **state) {
    (void)state;
    struct cpace *a = vector_side(CPACE_INITIATOR, ada_hex, NULL);
    struct cpace *b = vector_side(CPACE_RESPONDER, adb_hex, NULL);
    uint8_t tag[CPACE_TAG_BYTES];
    assert_int_equal(finish(a, b), 0);
    assert_int_equal(finish(b, a), 0);
    cpace_tag(a, tag);
    tag[63] ^= 1;
    assert_int_equal(cpace_check(b, tag, NULL), ERR_KEY);
    tag[63] ^= 1;
    assert_int_equal(cpace_check(b, tag, NULL), ERR_KEY);
    cpace_free(a);
    cpace_free(b);
}

static void invalid_points_and_reflection_end_the_exchange(void **state) {
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000", // neutral
        "2b3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d654b4a51c",
        "0100000000000000000000000000000000000000000000000000000000000000", // negative field
                                                                            // element
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p: not canonical
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };
    (void)state;
    for (size_t i = 0; i <= sizeof points / sizeof points[0]; i++) {
        struct cpace *c = vector_side(CPACE_RESPONDER, adb_hex, NULL);
        uint8_t message[CPACE_MESSAGE_BYTES], tag[CPACE_TAG_BYTES] = {0};
        memcpy(message, cpace_message(c), sizeof message); // the last round: reflected
        if (i < sizeof points / sizeof points[0])
            (void)from_hex(points[i], message);
        struct err err = {0};
        assert_int_equal(cpace_finish(c, message, "x", 1, &err), ERR_INVAL);
        assert_true(err.message[0] != '\0');
        assert_int_equal(cpace_check(c, tag, NULL), ERR_KEY);
        cpace_free(c);
    }
}

static void inputs_over_their_maximum_are_refused(void **state) {
    static uint8_t large[CPACE_CI_BYTES_MAX + 1];
    uint8_t random[CPACE_RANDOM_BYTES] = {1};
    struct cpace *c = NULL;
    (void)state;
    const struct cpace_config good = {.prs = {large, CPACE_PRS_BYTES_MAX},
                                      .ci = {large, CPACE_CI_BYTES_MAX},
                                      .sid = {large, CPACE_SID_BYTES_MAX},
                                      .ad = {large, CPACE_AD_BYTES_MAX}};
    assert_int_equal(cpace_new(&good, random, &c, NULL), 0);
    struct cpace *other = vector_side(CPACE_RESPONDER, adb_hex, NULL);
    assert_int_equal(cpace_finish(c, cpace_message(other), large, CPACE_AD_BYTES_MAX + 1, NULL),
                     ERR_LIMIT);
    cpace_free(c);
    cpace_free(other);
    for (int i = 0; i < 4; i++) {
        struct cpace_config config = good;
        config.prs.n += i == 0;
        config.ci.n += i == 1;
        config.sid.n += i == 2;
        config.ad.n += i == 3;
        assert_int_equal(cpace_new(&config, random, &c, NULL), ERR_LIMIT);
    }
    memset(random, 0, sizeof random); // the scalar 0
    assert_int_equal(cpace_new(&good, random, &c, NULL), ERR_INVAL);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_generator_and_products_come_out),
        cmocka_unit_test(the_published_scalar_mult_vfy_cases_hold),
        cmocka_unit_test(the_published_session_keys_come_out),
        cmocka_unit_test(both_sides_confirm_and_derive_the_same_keys),
        cmocka_unit_test(any_other_input_fails_the_confirmation),
        cmocka_unit_test(a_right_tag_after_a_wrong_one_is_refused),
        cmocka_unit_test(invalid_points_and_reflection_end_the_exchange),
        cmocka_unit_test(inputs_over_their_maximum_are_refused),
    };
    if (secret_init(NULL) < 0)
        return 1;
    return cmocka_run_group_tests_name("crypto/cpace", tests, NULL, NULL);
}
