// Bodies: one layout for one value, and nothing else is read.
#include "core/base/mem.h"
#include "core/privacy/payload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TEXT(s) ((struct text){(s), sizeof(s) - 1})

static const char *const bodies[] = {
    "paired pattern 1\nlanguage: c\nrule: idiom\nfiles: 4\ntimes: 32\n\nfree($A);\n$A = NULL;\n",
    "paired tags 1\nepoch: 24322\n",
    "paired tags 1\nepoch: 24322\ntag: 00000000000000000000000000000001\n"
    "tag: 00ff00000000000000000000000000ab\n",
    "paired template 1\nlanguage: python\ntitle: A test\nlabel: tests\n\ndef $A1():\n    $...\n",
    "paired resource 1\ntitle: TLS\nlink: https://example.org/tls\nlabel: a\nlabel: tls\n",
    "paired resource 1\ntitle: Größe – 大\n\nRead this.\n\n    code\n",
    "paired metric 1\nname: findings.accepted\nmonth: 2026-10\nmost-of-a-day: 10\nepsilon: "
    "0.500000\nvalue: -3\n",
    "paired decision 1\ntitle: One writer\nstate: accepted\ndate: 2028-02-29\n\nBecause.\n",
    "paired milestone 1\ntitle: First release\nstate: planned\ndate: 2026-12-31\n",
};

static int parse(const char *body, struct payload *ret, struct err *err) {
    return payload_parse(body, strlen(body), ret, err);
}

static void what_is_read_is_written_the_same(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct payload p;
        struct err err = {0};
        AUTO_BUF out = BUF_INIT(PAYLOAD_BYTES_MAX);
        if (parse(bodies[i], &p, &err) < 0)
            fail_msg("%s: %s", bodies[i], err.message);
        assert_int_equal(payload_format(&p, &out, &err), 0);
        assert_string_equal(out.data, bodies[i]);
    }
}

// Cut anywhere, or with one byte more or less, it is another body or none; never the same one.
static void every_change_is_refused_or_another_value(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        size_t n = strlen(bodies[i]);
        for (size_t at = 0; at < n; at++) {
            static const char changes[] = "\n \0:-9zA\x80";
            for (size_t k = 0; k < sizeof changes - 1; k++) {
                AUTO_FREE char *copy = mem_strndup(bodies[i], n);
                struct payload p;
                AUTO_BUF out = BUF_INIT(PAYLOAD_BYTES_MAX);
                assert_non_null(copy);
                copy[at] = changes[k];
                if (payload_parse(copy, n, &p, NULL) < 0)
                    continue;
                assert_int_equal(payload_format(&p, &out, NULL), 0);
                assert_int_equal(out.len, n);
                assert_memory_equal(out.data, copy, n);
            }
        }
    }
}

static void malformed_bodies_are_refused(void **state) {
    static const struct {
        int r;
        const char *body;
    } cases[] = {
        {ERR_PARSE, ""},
        {ERR_PARSE, "paired"},
        {ERR_PARSE, "paired pattern"},
        {ERR_VERSION, "paired pattern 2\n"},
        {ERR_PARSE, "paired secret 1\n"},
        // order, repetition, unknown lines
        {ERR_PARSE, "paired metric 1\nmonth: 2026-10\nname: a\nmost-of-a-day: 1\nepsilon: "
                    "1.000000\nvalue: 1\n"},
        {ERR_PARSE, "paired milestone 1\ntitle: a\ntitle: b\nstate: planned\n"},
        {ERR_PARSE, "paired milestone 1\ntitle: a\nauthor: me\nstate: planned\n"},
        {ERR_PARSE, "paired milestone 1\ntitle: a\nstate: planned\nauthor: me\n"},
        // values
        {ERR_PARSE, "paired milestone 1\ntitle:  a\nstate: planned\n"},
        {ERR_PARSE, "paired milestone 1\ntitle: a \nstate: planned\n"},
        {ERR_PARSE, "paired milestone 1\ntitle: a\xe2\x80\xae"
                    "b\nstate: planned\n"},
        {ERR_PARSE, "paired milestone 1\ntitle: a\tb\nstate: planned\n"},
        {ERR_PARSE, "paired milestone 1\ntitle: a\r\nstate: planned\n"},
        {ERR_PARSE, "paired milestone 1\ntitle: a\nstate: Planned\n"},
        {ERR_PARSE, "paired milestone 1\ntitle: a\nstate: planned\ndate: 2026-02-29\n"},
        {ERR_PARSE, "paired milestone 1\ntitle: a\nstate: planned\ndate: 2026-2-9\n"},
        {ERR_PARSE, "paired milestone 1\ntitle: a\nstate: planned\ndate: 2026-13-01\n"},
        {ERR_PARSE, "paired pattern 1\nlanguage: C\nrule: idiom\nfiles: 4\ntimes: 4\n\nx\n"},
        {ERR_PARSE, "paired pattern 1\nlanguage: c\nrule: idiom\nfiles: 3\ntimes: 4\n\nx\n"},
        {ERR_PARSE, "paired pattern 1\nlanguage: c\nrule: idiom\nfiles: 2048\ntimes: 4\n\nx\n"},
        {ERR_PARSE, "paired pattern 1\nlanguage: c\nrule: idiom\nfiles: 04\ntimes: 4\n\nx\n"},
        {ERR_PARSE,
         "paired metric 1\nname: a\nmonth: 2026-10\nmost-of-a-day: 1\nepsilon: 1.0\nvalue: 1\n"},
        {ERR_PARSE, "paired metric 1\nname: a\nmonth: 2026-10\nmost-of-a-day: 1\nepsilon: "
                    "0.000000\nvalue: 1\n"},
        {ERR_PARSE, "paired metric 1\nname: a\nmonth: 2026-10\nmost-of-a-day: 1\nepsilon: "
                    "1.000000\nvalue: -0\n"},
        {ERR_PARSE, "paired metric 1\nname: a\nmonth: 2026-10\nmost-of-a-day: 1\nepsilon: "
                    "1.000000\nvalue: 9223372036854775807\n"},
        {ERR_PARSE, "paired metric 1\nname: a\nmonth: 2026-10\nmost-of-a-day: 1\nepsilon: "
                    "1.000000\nvalue: 1\n\nwhy\n"},
        {ERR_PARSE, "paired tags 1\nepoch: 24322\ntag: 02000000000000000000000000000000\ntag: "
                    "01000000000000000000000000000000\n"},
        {ERR_PARSE, "paired tags 1\nepoch: 24322\ntag: 0A000000000000000000000000000000\n"},
        {ERR_PARSE, "paired resource 1\ntitle: a\n"}, // neither link nor text
        {ERR_PARSE, "paired resource 1\ntitle: a\nlink: ftp://example.org/a\n"},
        {ERR_PARSE, "paired resource 1\ntitle: a\nlink: https://example.org/a b\n"},
        {ERR_PARSE, "paired resource 1\ntitle: a\nlabel: b\nlabel: a\n\nx\n"},
        {ERR_PARSE, "paired resource 1\ntitle: a\nlabel: a\nlabel: a\n\nx\n"},
        // layout of the text
        {ERR_PARSE, "paired resource 1\ntitle: a\n\nx"},
        {ERR_PARSE, "paired resource 1\ntitle: a\n\nx\n\n"},
        {ERR_PARSE, "paired resource 1\ntitle: a\n\n\nx\n"},
        {ERR_PARSE, "paired resource 1\ntitle: a\n\nx \ny\n"},
        {ERR_PARSE, "paired resource 1\ntitle: a\n\nx\n\n\ny\n"},
        {ERR_PARSE, "paired resource 1\ntitle: a\n\nx\xffy\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct payload p;
        struct err err = {0};
        int r = parse(cases[i].body, &p, &err);
        if (r != cases[i].r)
            fail_msg("%d: %s", r, cases[i].body);
        assert_true(err.message[0] != '\0');
    }
}

// A value cannot add a line of its own.
static void values_with_line_breaks_are_refused(void **state) {
    AUTO_BUF out = BUF_INIT(PAYLOAD_BYTES_MAX);
    struct payload p = {
        .form = PAYLOAD_RESOURCE, .title = TEXT("a\nlabel: b"), .text = TEXT("x\n")};
    (void)state;
    assert_int_equal(payload_format(&p, &out, NULL), ERR_INVAL);
    assert_int_equal(out.len, 0);
    p.title = TEXT("a\n\nx");
    assert_int_equal(payload_format(&p, &out, NULL), ERR_INVAL);
    p.title = TEXT("a");
    p.labels[p.label_count++] = TEXT("b\nlabel: c");
    assert_int_equal(payload_format(&p, &out, NULL), ERR_INVAL);
    p.labels[0] = TEXT("b");
    assert_int_equal(payload_format(&p, &out, NULL), 0);
}

static void texts_are_limited(void **state) {
    AUTO_BUF out = BUF_INIT(2 * PAYLOAD_BYTES_MAX);
    AUTO_FREE char *big = mem_zalloc(PAYLOAD_BYTES_MAX + 2);
    (void)state;
    assert_non_null(big);
    memset(big, 'x', PAYLOAD_BYTES_MAX);
    big[PAYLOAD_PATTERN_BYTES_MAX] = '\n';
    struct payload p = {.form = PAYLOAD_PATTERN, .language = TEXT("c"), .files = 4, .times = 4};
    p.text = (struct text){big, PAYLOAD_PATTERN_BYTES_MAX + 1};
    assert_int_equal(payload_format(&p, &out, NULL), ERR_INVAL);
    p.text = (struct text){big + 1, PAYLOAD_PATTERN_BYTES_MAX};
    assert_int_equal(payload_format(&p, &out, NULL), 0);
    assert_int_equal(payload_parse(big, PAYLOAD_BYTES_MAX + 1, &p, NULL), ERR_LIMIT);
}

static void buckets_are_powers_of_two(void **state) {
    static const int64_t cases[][2] = {{INT64_MIN, 1}, {0, 1},       {1, 1},
                                       {2, 2},         {3, 2},       {4, 4},
                                       {1023, 512},    {1024, 1024}, {INT64_MAX, 1024}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(payload_bucket(cases[i][0]), cases[i][1]);
}

static void texts_are_tidied(void **state) {
    static const struct {
        bool one_line;
        const char *text, *tidy;
    } cases[] = {
        {false, "", ""},
        {false, " \n\t\n", ""},
        {false, "a", "a\n"},
        {false, "\r\n\r\n  a  \r\n\r\n\r\n\r\n\tb\rc \n\n", "  a\n\n    b\nc\n"},
        {false,
         "a\xff\xe2\x80\x8b\xe2\x80\xae"
         "b",
         "ab\n"},
        {true, "  a \n\n b\t\tc  ", "a b c"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_BUF out = BUF_INIT(PAYLOAD_BYTES_MAX);
        assert_int_equal(
            payload_tidy(cases[i].text, strlen(cases[i].text), cases[i].one_line, &out, NULL), 0);
        assert_string_equal(out.data ? out.data : "", cases[i].tidy);
    }
}

static void tags_are_read_as_they_were_written(void **state) {
    static const uint8_t tags[2][PAYLOAD_TAG_BYTES] = {{0x00, 0x9a, 0xff}, {0x01, 0xab}};
    AUTO_BUF lines = BUF_INIT(PAYLOAD_BYTES_MAX);
    AUTO_BUF out = BUF_INIT(PAYLOAD_BYTES_MAX);
    (void)state;
    assert_int_equal(payload_put_tags(&lines, tags, 2), 0);
    struct payload p = {
        .form = PAYLOAD_TAGS, .epoch = 24322, .tags = {lines.data, lines.len}, .tag_count = 2};
    assert_int_equal(payload_format(&p, &out, NULL), 0);
    assert_int_equal(payload_parse(out.data, out.len, &p, NULL), 0);
    assert_int_equal(p.tag_count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        uint8_t tag[PAYLOAD_TAG_BYTES];
        payload_tag(&p, i, tag);
        assert_memory_equal(tag, tags[i], sizeof tag);
    }
}

// The largest of all bodies fits a record.
static void all_tags_fit(void **state) {
    AUTO_BUF lines = BUF_INIT(2 * PAYLOAD_BYTES_MAX);
    AUTO_BUF out = BUF_INIT(2 * PAYLOAD_BYTES_MAX);
    (void)state;
    for (uint32_t i = 0; i < PAYLOAD_TAGS_MAX; i++) {
        uint8_t tag[1][PAYLOAD_TAG_BYTES] = {{(uint8_t)(i >> 8), (uint8_t)i}};
        assert_int_equal(payload_put_tags(&lines, (const uint8_t(*)[PAYLOAD_TAG_BYTES])tag, 1), 0);
    }
    struct payload p = {.form = PAYLOAD_TAGS,
                        .epoch = 24322,
                        .tags = {lines.data, lines.len},
                        .tag_count = PAYLOAD_TAGS_MAX};
    assert_int_equal(payload_format(&p, &out, NULL), 0);
    assert_true(out.len <= PAYLOAD_BYTES_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_written_the_same),
        cmocka_unit_test(every_change_is_refused_or_another_value),
        cmocka_unit_test(malformed_bodies_are_refused),
        cmocka_unit_test(values_with_line_breaks_are_refused),
        cmocka_unit_test(texts_are_limited),
        cmocka_unit_test(buckets_are_powers_of_two),
        cmocka_unit_test(texts_are_tidied),
        cmocka_unit_test(tags_are_read_as_they_were_written),
        cmocka_unit_test(all_tags_fit),
    };
    return cmocka_run_group_tests_name("privacy/payload", tests, NULL, NULL);
}
