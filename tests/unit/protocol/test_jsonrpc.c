#include "protocol/jsonrpc.h"

#include "core/base/mem.h"
#include "protocol/json_pull.h"

#include "core/base/buf.h"
#include "core/base/mem.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// The text is copied into a block of exactly its size, so that ASan sees a byte read too far.
static int read_text(const char *text, size_t n, struct jsonrpc_message *m, char **ret_copy) {
    char *copy = mem_alloc(n);
    memcpy(copy, text, n);
    struct err e = {0};
    int r = jsonrpc_read(copy, n, m, &e);
    assert_int_equal(r, r < 0 ? e.code : 0);
    assert_true(r == 0 || e.message[0] != '\0');
    *ret_copy = copy;
    return r;
}

static void assert_span(struct span s, const char *expected) {
    if (!expected) {
        assert_null(s.data);
        return;
    }
    assert_non_null(s.data);
    assert_int_equal(s.len, strlen(expected));
    assert_memory_equal(s.data, expected, s.len);
}

static void expect(const char *text, int result, int kind, const char *id) {
    struct jsonrpc_message m;
    char *copy;
    int r = read_text(text, strlen(text), &m, &copy);
    if (r != result || (r == 0 && (int)m.kind != kind))
        fail_msg("%s\nread as %d, kind %d (%s)", text, r, (int)m.kind, m.why ? m.why : "");
    assert_span(m.id, id);
    if (r == 0 && kind == JSONRPC_INVALID)
        assert_non_null(m.why);
    mem_free(copy);
}

static void the_parts_of_a_request_are_marked(void **state) {
    (void)state;
    static const char text[] =
        " { \"method\" : \"tools/call\" ,\n\"params\" : {\"a\":[1,{\"id\":9}]} , "
        "\"extra\":[{}], \"id\" : \"x\\\"y\" , \"jsonrpc\" : \"2.0\" } ";
    struct jsonrpc_message m;
    assert_int_equal(jsonrpc_read(text, sizeof text - 1, &m, NULL), 0);
    assert_int_equal(m.kind, JSONRPC_REQUEST);
    assert_span(m.id, "\"x\\\"y\"");
    assert_span(m.method, "tools/call");
    assert_span(m.params, "{\"a\":[1,{\"id\":9}]}");
    assert_span(m.result, NULL);
    assert_span(m.error, NULL);
}

static void ids_come_back_byte_for_byte(void **state) {
    (void)state;
    static const char *const ids[] = {
        "1",
        "\"1\"",
        "1.0",
        "1e3",
        "1E+3",
        "\"a\\u0062\"",
        "-0",
        "0",
        "-1.5e-10",
        "\"\"",
        "\"\\\"\\\\\\/\"",
        "\"\xC3\xA9\"",
        "123456789012345678901234567890",
    };
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        char text[256];
        (void)snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"id\": %s ,\"method\":\"m\"}",
                       ids[i]);
        expect(text, 0, JSONRPC_REQUEST, ids[i]);
        (void)snprintf(text, sizeof text, "{\"id\":%s,\"result\":null,\"jsonrpc\":\"2.0\"}",
                       ids[i]);
        expect(text, 0, JSONRPC_RESPONSE, ids[i]);
    }
}

static void kinds_follow_section_4_and_5(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int kind;
        const char *id;
    } rows[] = {
        {"{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":1}", JSONRPC_REQUEST, "1"},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":[],\"id\":1}", JSONRPC_REQUEST, "1"},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":null,\"id\":1}", JSONRPC_REQUEST, "1"},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"\",\"id\":1}", JSONRPC_REQUEST, "1"},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"m\"}", JSONRPC_NOTIFICATION, NULL},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", JSONRPC_RESPONSE, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{}}", JSONRPC_RESPONSE, "null"},
        {"{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"error\":{}}", JSONRPC_RESPONSE, "\"a\""},
        {"[1]", JSONRPC_BATCH, NULL},
        {" [ {} , [] ] ", JSONRPC_BATCH, NULL},
        {"[]", JSONRPC_INVALID, NULL},
        {"{}", JSONRPC_INVALID, NULL},
        {"1", JSONRPC_INVALID, NULL},
        {"null", JSONRPC_INVALID, NULL},
        {"\"text\"", JSONRPC_INVALID, NULL},
        {"{\"foo\":\"boo\"}", JSONRPC_INVALID, NULL},
        {"{\"method\":\"m\",\"id\":1}", JSONRPC_INVALID, "1"},
        {"{\"jsonrpc\":\"1.0\",\"method\":\"m\",\"id\":1}", JSONRPC_INVALID, "1"},
        {"{\"jsonrpc\":2.0,\"method\":\"m\",\"id\":1}", JSONRPC_INVALID, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1}", JSONRPC_INVALID, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":1}", JSONRPC_INVALID, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":null}", JSONRPC_INVALID, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\\u006d\"}", JSONRPC_REQUEST, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\\u00e9\"}", JSONRPC_INVALID, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\\u012f\"}", JSONRPC_INVALID, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\",\"params\":1}", JSONRPC_INVALID, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\",\"params\":\"bar\"}", JSONRPC_INVALID,
         "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\",\"result\":1}", JSONRPC_INVALID, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"m\"}", JSONRPC_INVALID, NULL},
        {"{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"m\"}", JSONRPC_INVALID, NULL},
        {"{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"m\"}", JSONRPC_INVALID, NULL},
        {"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"m\"}", JSONRPC_INVALID, NULL},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":1,\"error\":{}}", JSONRPC_INVALID, "1"},
        {"{\"jsonrpc\":\"2.0\",\"result\":1}", JSONRPC_INVALID, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        expect(rows[i].text, 0, rows[i].kind, rows[i].id);
}

static void methods_lose_their_escapes(void **state) {
    (void)state;
    struct jsonrpc_message m;
    static const char text[] =
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"textDocument\\/h\\u006fver\"}";
    assert_int_equal(jsonrpc_read(text, sizeof text - 1, &m, NULL), 0);
    assert_int_equal(m.kind, JSONRPC_REQUEST);
    assert_int_equal(m.method.len, 18);
    assert_memory_equal(m.method.data, "textDocument/hover", 18);
    char longest[JSONRPC_METHOD_BYTES_MAX + 64];
    for (size_t letters = JSONRPC_METHOD_BYTES_MAX - 1; letters <= JSONRPC_METHOD_BYTES_MAX;
         letters++) {
        int n = snprintf(longest, sizeof longest, "{\"jsonrpc\":\"2.0\",\"method\":\"\\/%0*d\"}",
                         (int)letters, 7);
        assert_int_equal(jsonrpc_read(longest, (size_t)n, &m, NULL), 0);
        assert_int_equal(m.kind, letters < JSONRPC_METHOD_BYTES_MAX ? JSONRPC_NOTIFICATION
                                                                    : JSONRPC_INVALID);
    }
}

static void a_member_given_twice_is_invalid_also_when_written_with_escapes(void **state) {
    (void)state;
    expect("{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":1,\"method\":\"m\"}", 0, JSONRPC_INVALID, NULL);
    expect("{\"jsonrpc\":\"2.0\",\"id\":1,\"\\u0069d\":2,\"method\":\"m\"}", 0, JSONRPC_INVALID,
           NULL);
    expect("{\"jsonrpc\":\"2.0\",\"id\":1,\"\\u006D\\u0065thod\":\"a\",\"method\":\"m\"}", 0,
           JSONRPC_INVALID, NULL);
    expect("{\"jsonrpc\":\"2.0\",\"id\":1,\"x\":1,\"x\":2,\"\\u00e9d\":3,\"i\\nd\":4,"
           "\"method\":\"m\",\"params\":{\"id\":1,\"id\":2}}",
           0, JSONRPC_REQUEST, "1");
}

static void an_id_of_more_than_1024_bytes_is_refused(void **state) {
    (void)state;
    char id[JSONRPC_ID_BYTES_MAX + 2];
    for (size_t n = JSONRPC_ID_BYTES_MAX; n <= JSONRPC_ID_BYTES_MAX + 1; n++) {
        char text[JSONRPC_ID_BYTES_MAX + 100];
        memset(id, '7', n);
        id[n] = '\0';
        (void)snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"m\"}", id);
        if (n == JSONRPC_ID_BYTES_MAX)
            expect(text, 0, JSONRPC_REQUEST, id);
        else
            expect(text, 0, JSONRPC_INVALID, NULL);
    }
}

static void what_the_grammar_forbids_is_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "",
        " ",
        "{",
        "}",
        "[",
        "]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "{,}",
        "[1}",
        "{\"a\":1]",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "-01",
        "0x1",
        "1_0",
        "NaN",
        "Infinity",
        "tru",
        "True",
        "nul",
        "nulll",
        "'a'",
        "\"a",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\t\"",
        "\"\x1f\"",
        "{} {}",
        "{}x",
        "[1]]",
        "// c\n1",
        "\"\xC0\x80\"",
        "\"\x80\"",
        "\"\xED\xA0\x80\"",
        "\"\xF5\x80\x80\x80\"",
        "\"\xE2\x82\"",
        "\"\xFF\"",
        "\xEF\xBB\xBF{}",
        "[\xC3\xA9]",
        "{\"jsonrpc\": \"2.0\", \"method\": \"foobar, \"params\": \"bar\", \"baz]",
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        expect(wrong[i], ERR_PARSE, 0, NULL);
}

static void zero_bytes_are_refused_everywhere(void **state) {
    (void)state;
    static const char text[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\"}";
    for (size_t i = 0; i < sizeof text - 1; i++) {
        char hurt[sizeof text];
        struct jsonrpc_message m;
        char *copy;
        memcpy(hurt, text, sizeof text);
        hurt[i] = '\0';
        assert_int_equal(read_text(hurt, sizeof text - 1, &m, &copy), ERR_PARSE);
        mem_free(copy);
    }
}

static void every_position_of_a_special_byte_in_a_string_is_seen(void **state) {
    (void)state;
    static const char special[] = {'"', '\\', '\n', '\x1f', '\0', '\x80', '\xFF'};
    for (size_t n = 1; n < 40; n++) {
        for (size_t at = 0; at < n; at++) {
            for (size_t k = 0; k < sizeof special; k++) {
                char text[64];
                struct jsonrpc_message m;
                char *copy;
                text[0] = '"';
                // Neighbours of the special bytes, to catch a carry from one byte into the next.
                for (size_t i = 0; i < n; i++)
                    text[1 + i] = "!# []\x7f"[i % 6];
                text[1 + n] = '"';
                assert_int_equal(read_text(text, n + 2, &m, &copy), 0);
                mem_free(copy);
                text[1 + at] = special[k];
                assert_int_equal(read_text(text, n + 2, &m, &copy), ERR_PARSE);
                mem_free(copy);
            }
        }
    }
}

static void text_cut_at_any_byte_is_refused_and_keeps_an_id_that_was_whole(void **state) {
    (void)state;
    static const char text[] =
        "{\"jsonrpc\":\"2.0\",\"id\":4711,\"method\":\"tools/call\",\"params\":"
        "{\"name\":\"re\\u0063all\",\"n\":[-1.5e3,true,false,null,"
        "\"\xE2\x82\xAC\"]}}";
    size_t whole = (size_t)(strchr(text, ',') + 1 - text) + strlen("\"id\":4711");
    for (size_t n = 0; n < sizeof text - 1; n++) {
        struct jsonrpc_message m;
        char *copy;
        assert_int_equal(read_text(text, n, &m, &copy), ERR_PARSE);
        assert_span(m.id, n > whole ? "4711" : NULL);
        assert_span(jsonrpc_find_id(copy, n), n > whole ? "4711" : NULL);
        mem_free(copy);
    }
}

static void depth_is_limited_without_recursion(void **state) {
    (void)state;
    static const char *const open[] = {"[", "{\"a\":"};
    static const char *const close[] = {"]", "}"};
    static const size_t depths[] = {1,     63,     64, 65, JSONRPC_DEPTH_MAX, JSONRPC_DEPTH_MAX + 1,
                                    10000, 1000000};
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < COUNT_OF(depths); i++) {
            struct buf text = BUF_INIT(0);
            struct jsonrpc_message m;
            for (size_t d = 0; d < depths[i]; d++)
                (void)buf_puts(&text, open[k]);
            (void)buf_puts(&text, "1");
            for (size_t d = 0; d < depths[i]; d++)
                (void)buf_puts(&text, close[k]);
            assert_false(text.failed);
            assert_int_equal(jsonrpc_read(text.data, text.len, &m, NULL),
                             depths[i] <= JSONRPC_DEPTH_MAX ? 0 : ERR_LIMIT);
            buf_done(&text);
        }
    }
}

static int read_members(size_t count, bool object, struct jsonrpc_message *m, struct buf *text) {
    (void)buf_puts(text, "{\"id\":1,\"params\":");
    for (size_t i = 0; i < count; i++)
        (void)(object ? buf_printf(text, "%c\"k%zu\":0", i ? ',' : '{', i)
                      : buf_puts(text, i ? ",0" : "[0"));
    (void)buf_puts(text, object ? "}" : "]");
    (void)buf_puts(text, ",\"jsonrpc\":\"2.0\",\"method\":\"m\"}");
    assert_false(text->failed);
    return jsonrpc_read(text->data, text->len, m, NULL);
}

static void members_and_elements_are_counted(void **state) {
    (void)state;
    static const size_t counts[] = {JSONRPC_MEMBERS_MAX - 4, JSONRPC_MEMBERS_MAX - 3, 100000};
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < COUNT_OF(counts); i++) {
            AUTO_BUF text = BUF_INIT(0);
            struct jsonrpc_message m;
            int r = read_members(counts[i], k == 1, &m, &text);
            assert_int_equal(r, i == 0 ? 0 : ERR_LIMIT);
            assert_span(m.id, "1"); // it stood before: the client learns which request it was
        }
    }
}

static void the_text_is_decoded_on_the_way_as_it_is_afterwards(void **state) {
    static const char *const texts[] = {
        "\"\"", "\"plain\"", "\"sixteen bytes and more, then \\n\\t\\\"\\\\ \\/ \\b\\f\\r\"",
        "\"\\u00e4\\u20AC\\ud834\\udd1e\\ud834\\u0041\\ud834\\n\\udd1e\\ud834\\ud834\\udd1e\"",
        "\"ä€𝄞 ä€𝄞ä€𝄞ä€𝄞ä€𝄞ä€𝄞ä€𝄞ä€𝄞ä€𝄞 a\\u0000b\""};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        AUTO_BUF message = BUF_INIT(0), want = BUF_INIT(0), none = BUF_INIT(0);
        struct jsonrpc_message m;
        (void)buf_printf(&message,
                         "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":{\"text\":[\"no\"],"
                         "\"a\":{\"text\":%s},\"text\":\"another\"}}",
                         texts[i]);
        assert_int_equal(json_pull_string((struct span){texts[i], strlen(texts[i])}, &want), 0);
        for (size_t cut = 0; cut <= message.len; cut++) {
            // In memory of its own, so that a byte too many is seen.
            char *copy = mem_alloc(cut + !cut);
            AUTO_BUF text = BUF_INIT(0);
            memcpy(copy, message.data, cut);
            int r = jsonrpc_read_text(copy, cut, 100, &m, &text, NULL);
            assert_int_equal(r, cut == message.len ? 0 : ERR_PARSE);
            if (r == 0) {
                assert_int_equal(m.text.data - copy, strstr(message.data, texts[i]) - message.data);
                assert_int_equal(m.text.len, strlen(texts[i]));
                assert_int_equal(text.len, want.len);
                assert_memory_equal(text.data, want.data ? want.data : "", want.len);
            }
            mem_free(copy);
        }
        // Without memory for it the message is read all the same; there was some for the next one.
        mem_fail_at(1);
        assert_int_equal(jsonrpc_read_text(message.data, message.len, 100, &m, &none, NULL), 0);
        mem_fail_at(0);
        assert_span(m.text, "\"another\"");
    }
}

static void what_is_wrong_in_the_text_is_refused(void **state) {
    static const char *const texts[] = {
        "\"\\x\"", "\"\\u12g4\"", "\"\\ud834\\u12g4\"", "\"\\ud834\\x\"",
        "\"\n\"",  "\"\xC3(\"",   "\"\xED\xA0\x80\"",   "\"0123456789abcdef0123456789abcde\xF0\""};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        AUTO_BUF message = BUF_INIT(0), text = BUF_INIT(0);
        struct jsonrpc_message m;
        struct err one = {0}, two = {0};
        (void)buf_printf(&message, "{\"id\":1,\"text\":%s}", texts[i]);
        assert_int_equal(jsonrpc_read_text(message.data, message.len, 100, &m, &text, &one),
                         ERR_PARSE);
        assert_span(m.id, "1");
        assert_int_equal(jsonrpc_read(message.data, message.len, &m, &two), ERR_PARSE);
        assert_string_equal(one.message, two.message);
    }
}

static void a_head_says_what_stands_in_it(void **state) {
    static const char told[] =
        "{\"jsonrpc\":\"2.0\",\"method\":\"a\\/b\",\"params\":{\"u\":\"x\",\"text\":\"0123";
    static const char asked[] = "{\"id\":7,\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":{\"u\":";
    static const char *const others[] = {
        "{\"jsonrpc\":\"2.0\",\"params\":{\"u\":\"x\",",             // its method comes later
        "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":{\"u\":}", // a fault
        "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":{},",      // params are over
        "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"x\":{\"params\":{",
        "[{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":{",
        "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"method\":\"m\",\"params\":{"};
    struct jsonrpc_message m;
    (void)state;
    assert_true(jsonrpc_read_head(told, strlen(told), &m));
    assert_int_equal(m.kind, JSONRPC_NOTIFICATION);
    assert_span(m.method, "a/b");
    assert_span(m.params, "{\"u\":\"x\",\"text\":\"0123");
    assert_true(jsonrpc_read_head(asked, strlen(asked), &m));
    assert_int_equal(m.kind, JSONRPC_REQUEST);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        assert_false(jsonrpc_read_head(others[i], strlen(others[i]), &m));
}

static void ten_megabytes_of_text_are_one_value(void **state) {
    (void)state;
    enum { BYTES = 10 * 1024 * 1024 };
    AUTO_BUF text = BUF_INIT(0);
    struct jsonrpc_message m;
    (void)buf_puts(&text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\",\"params\":{\"t\":\"");
    assert_int_equal(buf_reserve(&text, BYTES + 8), 0);
    memset(text.data + text.len, 'x', BYTES);
    text.len += BYTES;
    (void)buf_puts(&text, "\"}}");
    assert_int_equal(jsonrpc_read(text.data, text.len, &m, NULL), 0);
    assert_int_equal(m.params.len, BYTES + strlen("{\"t\":\"\"}"));
    assert_int_equal(m.longest.len, BYTES + 2);
    assert_int_equal(*m.longest.data, '"');
}

struct elements {
    struct buf text;
    int stop_at, count;
};

static int remember(void *ctx, const char *element, size_t n) {
    struct elements *e = ctx;
    (void)buf_append(&e->text, element, n);
    (void)buf_putc(&e->text, '|');
    return ++e->count == e->stop_at ? ERR_CANCELLED : 0;
}

static void the_elements_of_a_batch_are_told_apart(void **state) {
    (void)state;
    static const char text[] = " [ {\"a\":[1,2]} ,\"x,]\", 3,[4], {} ] ";
    struct elements e = {0};
    assert_int_equal(jsonrpc_each(text, sizeof text - 1, remember, &e), 0);
    assert_string_equal(e.text.data, "{\"a\":[1,2]}|\"x,]\"|3|[4]|{}|");
    buf_done(&e.text);
    e = (struct elements){.stop_at = 2};
    assert_int_equal(jsonrpc_each(text, sizeof text - 1, remember, &e), ERR_CANCELLED);
    assert_int_equal(e.count, 2);
    buf_done(&e.text);
    assert_int_equal(jsonrpc_each("[]", 2, remember, &e), 0);
    assert_int_equal(jsonrpc_each("{}", 2, remember, &e), ERR_INVAL);
    assert_int_equal(jsonrpc_each("[1", 2, remember, &e), ERR_PARSE);
    assert_int_equal(jsonrpc_each("[", 1, remember, &e), ERR_PARSE);
    buf_done(&e.text);
}

// Our reader and jansson must agree on what is JSON, because jansson reads the params afterwards.
static void jansson_agrees_on_what_is_json(void **state) {
    (void)state;
    static const char alphabet[] = "{}[]\",:01-.eE+\\utrfalsn \x80\xC3\xA9";
    uint64_t x = 88172645463325252U;
    size_t valid = 0;
    for (int round = 0; round < 400000; round++) {
        char text[12];
        struct jsonrpc_message m;
        size_t n = 1 + (size_t)round % sizeof text;
        for (size_t i = 0; i < n; i++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            text[i] = alphabet[(x >> 24) % (sizeof alphabet - 1)];
        }
        json_error_t e;
        json_t *tree = json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
        bool ours = jsonrpc_read(text, n, &m, NULL) == 0;
        // Out of range or half a surrogate pair: grammar, but not for jansson.
        bool range =
            !tree && (json_error_code(&e) == json_error_numeric_overflow || memchr(text, 'u', n));
        if (ours != (tree != NULL) && !(ours && range))
            fail_msg("%.*s: ours %d, jansson %s", (int)n, text, ours, tree ? "reads it" : e.text);
        valid += ours;
        json_decref(tree);
    }
    assert_true(valid > 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parts_of_a_request_are_marked),
        cmocka_unit_test(ids_come_back_byte_for_byte),
        cmocka_unit_test(kinds_follow_section_4_and_5),
        cmocka_unit_test(methods_lose_their_escapes),
        cmocka_unit_test(a_member_given_twice_is_invalid_also_when_written_with_escapes),
        cmocka_unit_test(an_id_of_more_than_1024_bytes_is_refused),
        cmocka_unit_test(what_the_grammar_forbids_is_refused),
        cmocka_unit_test(zero_bytes_are_refused_everywhere),
        cmocka_unit_test(every_position_of_a_special_byte_in_a_string_is_seen),
        cmocka_unit_test(text_cut_at_any_byte_is_refused_and_keeps_an_id_that_was_whole),
        cmocka_unit_test(depth_is_limited_without_recursion),
        cmocka_unit_test(members_and_elements_are_counted),
        cmocka_unit_test(the_text_is_decoded_on_the_way_as_it_is_afterwards),
        cmocka_unit_test(what_is_wrong_in_the_text_is_refused),
        cmocka_unit_test(a_head_says_what_stands_in_it),
        cmocka_unit_test(ten_megabytes_of_text_are_one_value),
        cmocka_unit_test(the_elements_of_a_batch_are_told_apart),
        cmocka_unit_test(jansson_agrees_on_what_is_json),
    };
    return cmocka_run_group_tests_name("protocol/jsonrpc", tests, NULL, NULL);
}
