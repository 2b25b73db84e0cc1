// server/models_body: what is found in a request's bytes, and what is changed of them.
#include "core/base/mem.h"
#include "server/models_body.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>
#include <jansson.h>

static int read(enum wire_family family, const char *text, struct model_body *ret) {
    struct err err = {0};
    int r = model_body_read(family, text, strlen(text), ret, &err);
    assert_true(r == 0 || err.message[0]);
    return r;
}

static void what_the_router_needs_is_found(void **state) {
    struct model_body b;
    (void)state;
    assert_int_equal(
        read(WIRE_ANTHROPIC,
             " {\"model\":\"a\\u0062c\",\"stream\":true,\"max_tokens\":12,\"system\":\"s\","
             "\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{}],\"tools\":[1,2,3],"
             "\"thinking\":{}}",
             &b),
        0);
    assert_string_equal(b.name, "abc");
    assert_true(b.stream && b.thinking);
    assert_int_equal(b.max_tokens, 12);
    assert_int_equal(b.messages, 2);
    assert_int_equal(b.tools, 3);
    assert_int_equal(read(WIRE_CHAT, "{\"messages\":[]}", &b), 0);
    assert_string_equal(b.name, "");
    assert_false(b.stream);
    assert_int_equal(read(WIRE_RESPONSES, "{\"input\":\"hello\",\"model\":\"m\"}", &b), 0);
    assert_string_equal(b.name, "m");
}

static void what_is_no_request_is_refused(void **state) {
    struct model_body b;
    char long_name[400];
    (void)state;
    assert_int_equal(read(WIRE_ANTHROPIC, "{\"messages\":[]", &b), ERR_PARSE);
    assert_int_equal(read(WIRE_ANTHROPIC, "", &b), ERR_PARSE);
    assert_int_equal(read(WIRE_ANTHROPIC, "[1]", &b), ERR_INVAL);
    assert_int_equal(read(WIRE_ANTHROPIC, "{\"model\":\"a\"}", &b), ERR_INVAL);
    assert_int_equal(read(WIRE_ANTHROPIC, "{\"model\":7,\"messages\":[]}", &b), ERR_INVAL);
    assert_int_equal(read(WIRE_ANTHROPIC, "{\"model\":\"a\\u0000b\",\"messages\":[]}", &b),
                     ERR_INVAL);
    memset(long_name, 'm', sizeof long_name);
    memcpy(long_name, "{\"messages\":[],\"model\":\"", 24);
    memcpy(long_name + sizeof long_name - 3, "\"}", 3);
    assert_int_equal(read(WIRE_ANTHROPIC, long_name, &b), ERR_INVAL);
}

static void a_conversation_is_known_again(void **state) {
    struct model_body a, b, c;
    (void)state;
    assert_int_equal(read(WIRE_CHAT, "{\"model\":\"m\",\"messages\":[{\"content\":\"one\"}]}", &a),
                     0);
    assert_int_equal(
        read(WIRE_CHAT,
             "{\"model\":\"m\",\"messages\":[{\"content\":\"one\"},{\"content\":\"two\"}]}", &b),
        0);
    assert_int_equal(
        read(WIRE_CHAT, "{\"model\":\"m\",\"messages\":[{\"content\":\"other\"}]}", &c), 0);
    assert_true(a.conversation == b.conversation);
    assert_true(a.conversation != c.conversation);
}

static void what_is_to_be_cached_does_not_change_it(void **state) {
    static const char system[] = "{\"system\":\"s\",\"messages\":[";
    static const char *const first[] = {
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"one\"}]}]}",
        ("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"one\","
         "\"cache_control\":{\"type\":\"ephemeral\"}}]},{\"role\":\"assistant\"}]}"),
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"one more\"}]}]}"};
    struct model_body b[3];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        AUTO_BUF text = {0};
        assert_int_equal(buf_printf(&text, "%s%s", system, first[i]), 0);
        assert_int_equal(read(WIRE_ANTHROPIC, text.data, &b[i]), 0);
    }
    assert_true(b[0].conversation == b[1].conversation);
    assert_true(b[0].conversation != b[2].conversation);
    // An OpenAI client's instructions are a message: two talks under the same ones differ.
    assert_int_equal(read(WIRE_CHAT,
                          "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},"
                          "{\"role\":\"user\",\"content\":\"a\"}]}",
                          &b[0]),
                     0);
    assert_int_equal(read(WIRE_CHAT,
                          "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},"
                          "{\"role\":\"user\",\"content\":\"b\"}]}",
                          &b[1]),
                     0);
    assert_true(b[0].conversation != b[1].conversation);
}

static void the_ends_of_messages_are_known_by_their_bytes(void **state) {
    struct model_body a, b, c;
    (void)state;
    assert_int_equal(read(WIRE_CHAT, "{\"messages\":[{\"content\":\"one\"}]}", &a), 0);
    assert_int_equal(
        read(WIRE_CHAT, "{\"messages\":[{\"content\":\"one\"} , {\"content\":\"2\"}]}", &b), 0);
    assert_int_equal(read(WIRE_CHAT, "{\"tools\":[1],\"messages\":[{\"content\":\"one\"}]}", &c),
                     0);
    assert_int_equal(b.messages, 2);
    assert_true(a.tail[0].hash == b.tail[0].hash);
    assert_true(b.tail[0].hash != b.tail[1].hash);
    assert_true(a.tail[0].hash != c.tail[0].hash); // tools come before them
    assert_int_equal(b.tail[1].at.len, strlen("{\"content\":\"2\"}"));
}

static void rename_to(const char *text, const char *model, const char *wanted) {
    struct model_body b;
    AUTO_BUF out = {0};
    assert_int_equal(read(WIRE_CHAT, text, &b), 0);
    assert_int_equal(model_body_rename(&b, text, strlen(text), model, &out), 0);
    assert_string_equal(out.data, wanted);
}

static void only_the_models_name_is_exchanged(void **state) {
    (void)state;
    rename_to("{ \"x\":[1.50, {}], \"model\" : \"a\" ,\"messages\":[ ] }", "b\"c",
              "{ \"x\":[1.50, {}], \"model\" : \"b\\\"c\" ,\"messages\":[ ] }");
    rename_to("\n{\"messages\":[]}", "b", "\n{\"model\":\"b\",\"messages\":[]}");
    // One inside something else is not meant.
    rename_to("{\"messages\":[{\"model\":\"z\"}],\"model\":\"a\"}", "b",
              "{\"messages\":[{\"model\":\"z\"}],\"model\":\"b\"}");
}

// --- secrets

static void gate(const char *text, bool mask, size_t count, char **ret) {
    struct model_secrets found;
    size_t n = strlen(text);
    char *bytes = mem_strdup(text);
    assert_int_equal(model_body_gate(bytes, n, mask, &found), 0);
    if (found.count != count)
        fail_msg("%zu secrets in %s", found.count, text);
    assert_int_equal(strlen(bytes), n);
    if (!mask)
        assert_string_equal(bytes, text);
    json_t *value = json_loads(bytes, JSON_DECODE_ANY, NULL); // still JSON
    assert_non_null(value);
    json_decref(value);
    if (ret)
        *ret = bytes;
    else
        mem_free(bytes);
}

#define TOKEN                                                                                      \
    "ghp_"                                                                                         \
    "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"

static void secrets_are_found_and_masked(void **state) {
    char *masked;
    (void)state;
    gate("{\"messages\":[{\"content\":\"nothing here, move on\"}]}", true, 0, NULL);
    gate("{\"messages\":[{\"content\":\"" TOKEN "\"}]}", false, 1, NULL);
    gate("{\"a\":\"x\\n" TOKEN "\\ny\"}", true, 1, &masked);
    assert_string_equal(masked, "{\"a\":\"x\\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\\ny\"}");
    mem_free(masked);
}

static void secrets_behind_escapes_are_found(void **state) {
    char *masked;
    (void)state;
    // Letters written as escapes: what is meant counts.
    gate("{\"a\":\"\\u0067hp\\u005fa1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8 end\"}", true, 1, &masked);
    assert_null(strstr(masked, "a1B2"));
    assert_non_null(strstr(masked, "x end\"}"));
    mem_free(masked);
    gate("{\"a\":\"-----BEGIN RSA PRIVATE KEY-----\\nMIIEpAIBAAKCAQEA7Zq3MIIEpAIBAAKCAQEA7Zq3\\n"
         "-----END RSA PRIVATE KEY-----\\n\"}",
         true, 1, &masked);
    assert_null(strstr(masked, "MIIE"));
    mem_free(masked);
}

static void running_out_of_memory_lets_nothing_pass(void **state) {
    struct model_secrets found;
    char bytes[] = "{\"a\":\"x\\n" TOKEN "\"}";
    (void)state;
    for (uint64_t at = 1;; at++) {
        mem_fail_at(at);
        int r = model_body_gate(bytes, sizeof bytes - 1, false, &found);
        mem_fail_at(0);
        if (r == 0) {
            assert_int_equal(found.count, 1);
            break;
        }
        assert_int_equal(r, ERR_NOMEM);
        assert_true(at < 100);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_router_needs_is_found),
        cmocka_unit_test(what_is_no_request_is_refused),
        cmocka_unit_test(a_conversation_is_known_again),
        cmocka_unit_test(what_is_to_be_cached_does_not_change_it),
        cmocka_unit_test(the_ends_of_messages_are_known_by_their_bytes),
        cmocka_unit_test(only_the_models_name_is_exchanged),
        cmocka_unit_test(secrets_are_found_and_masked),
        cmocka_unit_test(secrets_behind_escapes_are_found),
        cmocka_unit_test(running_out_of_memory_lets_nothing_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
