// What may not leave is found, masked, and told with its reason; ordinary sentences stay.
#include "core/base/mem.h"
#include "core/privacy/look.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static bool is_ours(void *ctx, const char *word, size_t n) {
    (void)ctx;
    return n == 7 && memcmp(word, "zorkmid", 7) == 0;
}
static const char *const words[] = {"alice", "alices-laptop", "Alice Example", "mailroom"};
static const struct look_own own = {.words = words, .count = COUNT_OF(words), .is_name = is_ours};

static void things_are_masked(void **state) {
    static const char *const cases[][2] = {
        // mail addresses, users
        {"write to bob.smith+x@example.org, please", "write to [mail], please"},
        {"git@git.example.com:team/repo.git", "[mail]"},
        {"ask @bob about it", "ask [mail] about it"},
        // addresses
        {"at 10.1.2.3:8080 it runs", "at [address] it runs"},
        {"at 10.1.2.3.", "at [address]."},
        {"fe80::1ff:fe23:4567:890a and 2001:db8::7", "[address] and [address]"},
        {"00:1a:2b:3c:4d:5e or 00-1a-2b-3c-4d-5e", "[address] or [address]"},
        {"build7.lan is slow, nas.local too", "[address] is slow, [address] too"},
        {"127.0.0.1 and 192.0.2.1 and ::1 are everybody's", NULL},
        {"version 1.2.3 at 12:30:45, ratio 3:4", NULL},
        // links
        {"see https://example.org/a?b=c#d.", NULL},
        {"(https://sqlite.org/lang.html)", NULL},
        {"see https://wiki/x", "see [link]"},
        {"see http://wiki.lan/x and https://me@example.org/", "see [link] and [link]"},
        {"http://10.0.0.1/x", "[link]"},
        {"https://example.org/d/9f8a7b6c5d4e3f2a1b0c", "[link]"},
        {"ssh://host.example.org/x", "[link]"},
        {"file:///home/bob/x", "[link]"},
        // paths
        {"in /home/bob/src it is", "in [path] it is"},
        {"in src/net/wire.c, line 3", "in [path], line 3"},
        {"in ~/notes and C:\\Users\\bob", "in [path] and [path]"},
        {"wire.c and wire_test.py", "[path] and [path]"},
        {"README.md, Makefile and package.json", NULL},
        {"and/or, TCP/IP, 24/7, e.g. Node.js", NULL},
        // names of code
        {"call parse_header() twice", "call [name]() twice"},
        {"the FrobnicatorFactory and its frobThing", "the [name] and its [name]"},
        {"`zorkmid` is the zorkmid", "`[name]` is the [name]"},
        {"std::vector<int> with push_back, EXIT_SUCCESS", NULL},
        {"GitHub, PostgreSQL, OpenSSL and JavaScript", NULL},
        {"_really_ and __very__ **bold**", NULL},
        // people and projects
        {"Alice said, alice's host ALICES-LAPTOP, alices",
         "[person] said, [person]'s host [person], alices"},
        {"by Alice Example.", "by [person]."},
        {"mailroom_db is down", "[person] is down"},
        // random
        {"id 550e8400-e29b-41d4-a716-446655440000", "id [random]"},
        {"commit dfa7b1c4e5f60718293a4b5c6d7e8f9012345678", "commit [random]"},
        {"key x7Kq2mP9wL4vN8rT", "key [random]"},
        {"sha256, base64, utf8, x86, 1000000007, 2026-11-28", NULL},
        // one thing next to another
        {"and/parse_header", "[path][name]"},
        {"Größe und Überlänge – naïve", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_BUF out = BUF_INIT(LOOK_TEXT_BYTES_MAX);
        struct err err = {0};
        uint32_t counts[LOOK_REASONS] = {0};
        const char *want = cases[i][1] ? cases[i][1] : cases[i][0];
        if (look_mask(cases[i][0], strlen(cases[i][0]), &own, &out, counts, &err) < 0)
            fail_msg("%s: %s", cases[i][0], err.message);
        if (strcmp(out.data, want) != 0)
            print_error("%s\n  is %s\n  not %s\n", cases[i][0], out.data, want);
        bool masked = false;
        for (int k = 0; k < LOOK_REASONS; k++)
            masked = masked || counts[k];
        assert_int_equal(masked, cases[i][1] != NULL);
        assert_string_equal(out.data, want);
    }
}

static void secrets_are_refused_and_not_repeated(void **state) {
    static const char *const cases[] = {
        "token: ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "one line\nAKIAIOSFODNN7QRSTUVW and\npassword = \"kX9#mQ2$vL7!\"",
        "postgres://app:s3cr3tPassw0rd@db.example.org/x",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_BUF out = BUF_INIT(LOOK_TEXT_BYTES_MAX);
        struct err err = {0};
        uint32_t counts[LOOK_REASONS] = {0};
        int r = look_mask(cases[i], strlen(cases[i]), NULL, &out, counts, &err);
        if (r != ERR_PERM)
            fail_msg("%s: %s", cases[i], out.data);
        assert_int_equal(out.len, 0);
        assert_null(strstr(err.message, "ghp"));
        assert_null(strstr(err.message, "kX9"));
    }
}

static int check(const char *body, const struct look_own *o, struct err *err) {
    struct look *l = look_new();
    struct payload p;
    assert_non_null(l);
    if (payload_parse(body, strlen(body), &p, err) < 0)
        fail_msg("%s: %s", body, err->message);
    int r = look_payload(l, &p, o, err);
    look_free(l);
    return r;
}

static void bodies_are_judged_by_their_form(void **state) {
    static const struct {
        int r;
        const char *body;
    } cases[] = {
        {0, "paired pattern 1\nlanguage: c\nrule: idiom\nfiles: 4\ntimes: 32\n\nif ($A == NULL) "
            "{\n    $...;\n    return $N;\n}\n"},
        {ERR_PERM, "paired pattern 1\nlanguage: c\nrule: idiom\nfiles: 4\ntimes: 32\n\nif (knry == "
                   "NULL) {\n    $...;\n    return $N;\n}\n"},
        // another layout, another rule, another language
        {ERR_PERM, "paired pattern 1\nlanguage: c\nrule: idiom\nfiles: 4\ntimes: 32\n\nif ($A == "
                   "NULL) { $...; return $N; }\n"},
        {ERR_PERM, "paired pattern 1\nlanguage: c\nrule: idiom\nfiles: 4\ntimes: 32\n\nif ($B == "
                   "NULL) {\n    $...;\n    return $N;\n}\n"},
        {ERR_PERM, "paired pattern 1\nlanguage: c\nrule: edit\nfiles: 4\ntimes: 32\n\nif ($A == "
                   "NULL) {\n    $...;\n    return $N;\n}\n"},
        {ERR_PERM, "paired pattern 1\nlanguage: python\nrule: idiom\nfiles: 4\ntimes: 32\n\nif ($A "
                   "== NULL) {\n    $...;\n    return $N;\n}\n"},
        {ERR_UNSUPPORTED,
         "paired pattern 1\nlanguage: cobol\nrule: idiom\nfiles: 4\ntimes: 32\n\nx\n"},
        {0, "paired pattern 1\nlanguage: c\nrule: edit\nfiles: 4\ntimes: 4\n\nstrcpy($A, "
            "$B)\n=>\nsnprintf($A, sizeof($A), $S2, $B)\n"},
        {0, "paired tags 1\nepoch: 24322\n"},
        {0, "paired template 1\nlanguage: c\n\nint $A1(const char *$A2) { $... }\n"},
        {ERR_PERM, "paired template 1\nlanguage: c\n\nint knry(const char *$A1) { $... }\n"},
        {ERR_PERM,
         "paired template 1\nlanguage: c\ntitle: for bob@example.org\n\nint $A1(void) { $... }\n"},
        {ERR_UNSUPPORTED, "paired template 1\nlanguage: bash\n\necho\n"},
        {0, "paired resource 1\ntitle: TLS\nlink: https://example.org/tls\nlabel: tls\n"},
        {ERR_PERM, "paired resource 1\ntitle: TLS\nlink: https://wiki.lan/tls\nlabel: tls\n"},
        {ERR_PERM, "paired resource 1\ntitle: TLS of mailroom\nlink: https://example.org/tls\n"},
        {ERR_PERM, "paired resource 1\ntitle: TLS\nlink: https://example.org/mailroom/tls\n"},
        {ERR_PERM, "paired resource 1\ntitle: TLS\nlabel: alice\n\nNote.\n"},
        {ERR_PERM, "paired resource 1\ntitle: TLS\n\nIt is in src/net/wire.c now.\n"},
        {ERR_PERM, "paired decision 1\ntitle: One writer\nstate: accepted\n\nzorkmid writes.\n"},
        {0, "paired decision 1\ntitle: One writer\nstate: accepted\n\n[name] writes.\n"},
        {ERR_PERM, "paired milestone 1\ntitle: Ship to 10.1.2.3\nstate: planned\n"},
        {0, "paired milestone 1\ntitle: First release\nstate: planned\n"},
        {0, "paired metric 1\nname: models.requests\nmonth: 2026-10\nmost-of-a-day: 200\nepsilon: "
            "0.500000\nvalue: -3\n"},
        {ERR_PERM, "paired metric 1\nname: models.requests\nmonth: 2026-10\nmost-of-a-day: "
                   "20\nepsilon: 0.500000\nvalue: -3\n"},
        {ERR_PERM, "paired metric 1\nname: models.requests\nmonth: 2026-10\nmost-of-a-day: "
                   "200\nepsilon: 50.000000\nvalue: -3\n"},
        {ERR_PERM, "paired metric 1\nname: knry\nmonth: 2026-10\nmost-of-a-day: 200\nepsilon: "
                   "0.500000\nvalue: 1\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};
        int r = check(cases[i].body, &own, &err);
        if (r != cases[i].r)
            fail_msg("%d (%s): %s", r, err.message, cases[i].body);
        assert_null(strstr(err.message, "knry")); // what is refused is not repeated
    }
}

// An arrival is judged without what we know of ourselves.
static void arrivals_are_judged_too(void **state) {
    struct err err = {0};
    (void)state;
    assert_int_equal(check("paired resource 1\ntitle: TLS\n\nAlice said.\n", NULL, &err), 0);
    assert_int_equal(check("paired resource 1\ntitle: TLS\n\nIn /home/bob/x.\n", NULL, &err),
                     ERR_PERM);
}

static void memory_may_run_out(void **state) {
    static const char text[] = "write to bob@example.org in src/net/wire.c";
    (void)state;
    for (uint64_t nth = 1;; nth++) {
        AUTO_BUF out = BUF_INIT(LOOK_TEXT_BYTES_MAX);
        uint32_t counts[LOOK_REASONS] = {0};
        mem_fail_at(nth);
        int r = look_mask(text, sizeof text - 1, &own, &out, counts, NULL);
        bool done = mem_count() < nth;
        mem_fail_at(0);
        if (done) {
            assert_int_equal(r, 0);
            assert_string_equal(out.data, "write to [mail] in [path]");
            break;
        }
        assert_int_equal(r, ERR_NOMEM);
        assert_int_equal(out.len, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(things_are_masked),
        cmocka_unit_test(secrets_are_refused_and_not_repeated),
        cmocka_unit_test(bodies_are_judged_by_their_form),
        cmocka_unit_test(arrivals_are_judged_too),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests_name("privacy/look", tests, NULL, NULL);
}
