#include "protocol/a2a.h"

#include "core/base/mem.h"
#include "protocol/jcs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static json_t *load(const char *text) {
    json_t *v = json_loads(text, 0, NULL);
    assert_non_null(v);
    return v;
}

// --- states

static void what_has_ended_never_changes(void **state) {
    (void)state;
    for (int from = 0; from < A2A_STATES; from++)
        for (int to = 0; to < A2A_STATES; to++)
            if (a2a_state_terminal((enum a2a_state)from))
                assert_false(a2a_state_may(from, (enum a2a_state)to));
    unsigned terminal = 0;
    for (int s = 0; s < A2A_STATES; s++)
        terminal += a2a_state_terminal((enum a2a_state)s);
    assert_int_equal(terminal, 4);
}

static void what_works_is_not_rejected_and_does_not_queue_again(void **state) {
    (void)state;
    assert_true(a2a_state_may(-1, A2A_SUBMITTED));
    assert_true(a2a_state_may(A2A_SUBMITTED, A2A_REJECTED));
    assert_true(a2a_state_may(A2A_AUTH_REQUIRED, A2A_REJECTED));
    assert_true(a2a_state_may(A2A_INPUT_REQUIRED, A2A_SUBMITTED));
    assert_true(a2a_state_may(A2A_WORKING, A2A_WORKING));
    assert_false(a2a_state_may(A2A_WORKING, A2A_REJECTED));
    assert_false(a2a_state_may(A2A_WORKING, A2A_SUBMITTED));
    assert_false(a2a_state_may(A2A_AUTH_REQUIRED, A2A_COMPLETED));
    assert_false(a2a_state_may(-1, A2A_CANCELED));
    assert_string_equal(a2a_state_name(A2A_INPUT_REQUIRED), "TASK_STATE_INPUT_REQUIRED");
    assert_string_equal(a2a_state_word(A2A_CANCELED), "canceled");
}

// --- values

// The answer of the specification's first example (6.1), as it stands there.
static const char task_text[] =
    "{\"id\":\"363422be-b0f9-4692-a24d-278670e7c7f1\",\"contextId\":\"c295ea44-7543-4f78-b524-"
    "7a38915ad6e4\",\"status\":{\"state\":\"TASK_STATE_COMPLETED\"},\"artifacts\":[{\"artifactId\":"
    "\"9b6934dd-37e3-4eb1-8766-962efaab63a1\",\"name\":\"joke\",\"parts\":[{\"text\":\"Why did the "
    "chicken cross the road? To get to the other side!\"}]}],\"metadata\":{}}";

static void a_task_is_read_and_written_back_the_same(void **state) {
    (void)state;
    json_t *v = load(task_text), *again = NULL;
    struct a2a_task t;
    assert_int_equal(a2a_task_read(v, &t, NULL), 0);
    assert_int_equal(t.status.state, A2A_COMPLETED);
    assert_false(t.status.present);
    assert_int_equal(t.artifacts.count, 1);
    const struct a2a_artifact *a = t.artifacts.items;
    assert_true(text_is(a->name, "joke"));
    assert_int_equal(fields_encode(a2a_task_fields, &t, &again, NULL), 0);
    assert_true(json_equal(v, again));
    fields_release(a2a_task_fields, &t);
    json_decref(again);
    json_decref(v);
}

static void what_is_no_message_is_told_where(void **state) {
    static const struct {
        const char *text, *where;
        int code;
    } cases[] = {
        {"{\"role\":\"ROLE_USER\",\"parts\":[{\"text\":\"x\"}]}", "messageId", ERR_INVAL},
        {"{\"messageId\":\"a b\",\"role\":\"ROLE_USER\",\"parts\":[{\"text\":\"x\"}]}", "messageId",
         ERR_INVAL},
        {"{\"messageId\":\"\",\"role\":\"ROLE_USER\",\"parts\":[{\"text\":\"x\"}]}", "messageId",
         ERR_INVAL},
        {"{\"messageId\":\"a\",\"role\":\"user\",\"parts\":[{\"text\":\"x\"}]}", "role", ERR_INVAL},
        {"{\"messageId\":\"a\",\"role\":\"ROLE_USER\",\"parts\":[]}", "parts", ERR_INVAL},
        {"{\"messageId\":\"a\",\"role\":\"ROLE_USER\",\"parts\":[{}]}", "parts[0]", ERR_INVAL},
        {"{\"messageId\":\"a\",\"role\":\"ROLE_USER\",\"parts\":[{\"text\":\"x\"},{\"text\":\"x\","
         "\"url\":\"y\"}]}",
         "parts[1]", ERR_INVAL},
        {"{\"messageId\":\"a\",\"taskId\":\"../x\",\"role\":\"ROLE_USER\",\"parts\":[{\"text\":"
         "\"x\"}]}",
         "taskId", ERR_INVAL},
        {"{\"messageId\":\"a\",\"role\":\"ROLE_USER\",\"parts\":[{\"text\":\"x\"}],\"metadata\":[]"
         "}",
         "metadata", ERR_INVAL},
        {"{\"messageId\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\","
         "\"role\":\"ROLE_USER\",\"parts\":[{\"text\":\"x\"}]}",
         "messageId", ERR_LIMIT},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        json_t *v = load(cases[i].text);
        struct a2a_message m;
        struct err err = {0};
        assert_int_equal(a2a_message_read(v, &m, &err), cases[i].code);
        assert_non_null(strstr(err.message, cases[i].where));
        json_decref(v);
    }
}

static void a_message_of_a_text_is_one(void **state) {
    (void)state;
    json_t *v = a2a_message_text(A2A_AGENT, "m1", "hello");
    struct a2a_message m;
    assert_int_equal(a2a_message_read(v, &m, NULL), 0);
    assert_int_equal(m.role, A2A_AGENT);
    assert_true(text_is(((struct a2a_part *)m.parts.items)->text, "hello"));
    fields_release(a2a_message_fields, &m);
    json_decref(v);
    assert_null(a2a_message_text(A2A_USER, "m1", "\xff"));
}

// --- base64url and signatures

static void base64url_is_that_of_the_rfc_in_its_one_form(void **state) {
    static const uint8_t octets[] = {3, 236, 255, 224, 193}; // RFC 7515, appendix C
    static const char *const bad[] = {"A",  "A-z_4ME=", "A+z/4ME",   "A-z_4MF",
                                      "AB", "A-z_ 4ME", "\xc3\xa4zz"};
    (void)state;
    AUTO_BUF out = BUF_INIT(0);
    assert_int_equal(jws_base64url_write(octets, sizeof octets, &out), 0);
    assert_string_equal(out.data, "A-z_4ME");
    AUTO_BUF back = BUF_INIT(0);
    assert_int_equal(jws_base64url_read("A-z_4ME", 7, &back, NULL), 0);
    assert_int_equal(back.len, sizeof octets);
    assert_memory_equal(back.data, octets, sizeof octets);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(jws_base64url_read(bad[i], strlen(bad[i]), &back, NULL), ERR_PARSE);
    for (size_t n = 0; n <= sizeof octets; n++) {
        buf_clear(&out);
        buf_clear(&back);
        assert_int_equal(jws_base64url_write(octets, n, &out), 0);
        assert_int_equal(jws_base64url_read(out.data ? out.data : "", out.len, &back, NULL), 0);
        assert_int_equal(back.len, n);
    }
}

// A signature that is a sum of what it signs: enough to see what is signed. Ed25519 itself is
// tried in tests/unit/federation/test_tasks_cards.c.
static int sum(void *ctx, const void *bytes, size_t n, uint8_t ret[JWS_SIGNATURE_BYTES],
               struct err *err) {
    (void)ctx, (void)err;
    memset(ret, 0, JWS_SIGNATURE_BYTES);
    for (size_t i = 0; i < n; i++)
        ret[i % JWS_SIGNATURE_BYTES] =
            (uint8_t)(ret[i % JWS_SIGNATURE_BYTES] * 31 + ((const uint8_t *)bytes)[i]);
    return 0;
}
static int check(void *ctx, const char *key_id, const void *bytes, size_t n,
                 const uint8_t signature[JWS_SIGNATURE_BYTES], struct err *err) {
    uint8_t wanted[JWS_SIGNATURE_BYTES];
    (void)sum(NULL, bytes, n, wanted, NULL);
    if (strcmp(key_id, ctx) != 0 || memcmp(wanted, signature, sizeof wanted) != 0)
        return err_set(err, ERR_KEY, "not of this key");
    return 0;
}

static const char card_text[] =
    "{\"name\":\"sherlock\",\"description\":\"finds\",\"supportedInterfaces\":[{\"url\":\"paired:"
    "ab\",\"protocolBinding\":\"x\",\"protocolVersion\":\"1.0\"}],\"version\":\"1\","
    "\"capabilities\":{\"streaming\":false},\"defaultInputModes\":[\"text/x-diff\"],"
    "\"defaultOutputModes\":[\"text/plain\"],\"skills\":[{\"id\":\"review\",\"name\":\"Review\","
    "\"description\":\"d\",\"tags\":[\"a\"]}]}";

static void a_signed_card_holds_however_it_is_written_and_no_member_may_change(void **state) {
    (void)state;
    json_t *card = load(card_text);
    assert_int_equal(a2a_card_verify(card, check, (void *)"k", NULL), ERR_KEY); // not signed
    assert_int_equal(a2a_card_sign(card, "k", sum, NULL, NULL), 0);
    assert_int_equal(a2a_card_verify(card, check, (void *)"k", NULL), 0);
    assert_int_equal(a2a_card_verify(card, check, (void *)"other", NULL), ERR_KEY);
    char *other_way = json_dumps(card, JSON_SORT_KEYS | JSON_INDENT(3) | JSON_ENSURE_ASCII);
    json_t *again = load(other_way);
    mem_free(other_way);
    assert_int_equal(a2a_card_verify(again, check, (void *)"k", NULL), 0);
    struct a2a_card c;
    assert_int_equal(a2a_card_read(again, &c, NULL), 0);
    assert_int_equal(c.skills.count, 1);
    assert_int_equal(c.proofs.count, 1);
    fields_release(a2a_card_fields, &c);
    // A second signature stands beside the first, and either holds.
    assert_int_equal(a2a_card_sign(again, "k2", sum, NULL, NULL), 0);
    assert_int_equal(a2a_card_verify(again, check, (void *)"k", NULL), 0);
    assert_int_equal(a2a_card_verify(again, check, (void *)"k2", NULL), 0);
    json_decref(again);
    const char *name;
    json_t *v;
    json_t *copy = json_deep_copy(card);
    json_object_foreach(copy, name, v) {
        if (strcmp(name, "signatures") == 0)
            continue;
        json_t *changed = json_deep_copy(card);
        (void)json_object_set_new(changed, name, json_string("x"));
        assert_int_equal(a2a_card_verify(changed, check, (void *)"k", NULL), ERR_KEY);
        json_decref(changed);
    }
    (void)json_object_set_new(copy, "iconUrl", json_string("x")); // and none may be added
    assert_int_equal(a2a_card_verify(copy, check, (void *)"k", NULL), ERR_KEY);
    json_decref(copy);
    json_decref(card);
}

static int verify_header(const char *header) {
    static uint8_t zeros[JWS_SIGNATURE_BYTES];
    AUTO_BUF head = BUF_INIT(0), text = BUF_INIT(0);
    (void)jws_base64url_write(header, strlen(header), &head);
    (void)jws_base64url_write(zeros, sizeof zeros, &text);
    json_t *s = json_pack("{s:s, s:s}", "protected", head.data, "signature", text.data);
    json_t *payload = json_object();
    int r = jws_verify(payload, s, check, (void *)"k", NULL);
    json_decref(payload);
    json_decref(s);
    return r;
}

static void other_algorithms_and_critical_extensions_are_refused(void **state) {
    (void)state;
    assert_int_equal(verify_header("{\"alg\":\"EdDSA\",\"kid\":\"k\"}"), ERR_KEY);
    assert_int_equal(verify_header("{\"alg\":\"none\",\"kid\":\"k\"}"), ERR_UNSUPPORTED);
    assert_int_equal(verify_header("{\"alg\":\"HS256\",\"kid\":\"k\"}"), ERR_UNSUPPORTED);
    assert_int_equal(verify_header("{\"kid\":\"k\"}"), ERR_UNSUPPORTED);
    assert_int_equal(
        verify_header("{\"alg\":\"EdDSA\",\"b64\":false,\"crit\":[\"b64\"],\"kid\":\"k\"}"),
        ERR_UNSUPPORTED);
    assert_int_equal(verify_header("{\"alg\":\"EdDSA\"}"), ERR_PARSE);
    assert_int_equal(verify_header("{\"alg\":\"EdDSA\",\"alg\":\"none\",\"kid\":\"k\"}"),
                     ERR_PARSE);
    assert_int_equal(verify_header("[]"), ERR_PARSE);
    assert_int_equal(verify_header(""), ERR_PARSE);
}

static void no_memory_is_said_and_nothing_leaks(void **state) {
    (void)state;
    bool whole = false;
    for (uint64_t n = 1; n < 400 && !whole; n++) {
        json_t *card = load(card_text), *task = load(task_text);
        struct a2a_task t = {0};
        mem_fail_at(n);
        int r = a2a_card_sign(card, "k", sum, NULL, NULL);
        if (r == 0)
            r = a2a_card_verify(card, check, (void *)"k", NULL);
        if (r == 0)
            r = a2a_task_read(task, &t, NULL);
        whole = r == 0;
        mem_fail_at(0);
        fields_release(a2a_task_fields, &t);
        json_decref(card);
        json_decref(task);
    }
    assert_true(whole);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_ended_never_changes),
        cmocka_unit_test(what_works_is_not_rejected_and_does_not_queue_again),
        cmocka_unit_test(a_task_is_read_and_written_back_the_same),
        cmocka_unit_test(what_is_no_message_is_told_where),
        cmocka_unit_test(a_message_of_a_text_is_one),
        cmocka_unit_test(base64url_is_that_of_the_rfc_in_its_one_form),
        cmocka_unit_test(a_signed_card_holds_however_it_is_written_and_no_member_may_change),
        cmocka_unit_test(other_algorithms_and_critical_extensions_are_refused),
        cmocka_unit_test(no_memory_is_said_and_nothing_leaks),
    };
    mem_init_json();
    return cmocka_run_group_tests_name("protocol/a2a", tests, NULL, NULL);
}
