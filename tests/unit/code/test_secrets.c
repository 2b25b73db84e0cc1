#include "core/code/secrets.h"

#include "core/base/mem.h"
#include "core/code/secrets_impl.h"
#include "tests/unit/code/secrets_make.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FOUND_MAX = 16 };
struct found {
    struct secret_finding items[FOUND_MAX];
    size_t count;
};

static int keep(void *ctx, const struct secret_finding *f) {
    struct found *found = ctx;
    if (found->count < FOUND_MAX)
        found->items[found->count] = *f;
    found->count++;
    return 0;
}

static struct found scan(const char *text, const char *path) {
    struct found found = {0};
    assert_int_equal(secrets_scan(text, strlen(text), path, keep, &found), 0);
    return found;
}

static struct found gate(const char *text) {
    struct found found = {0};
    assert_int_equal(secrets_gate(text, strlen(text), NULL, keep, &found), 0);
    return found;
}

// Nothing behind the provider's public prefix.
static bool shows_nothing(const struct secret_finding *f, const char *text) {
    enum { WINDOW = 6, PREFIX_MAX = 36 };
    const char *end = strstr(f->shown, "\xE2\x80\xA6");
    size_t prefix = end ? (size_t)(end - f->shown) : PREFIX_MAX + 1;
    if (prefix > PREFIX_MAX || prefix + WINDOW > f->end - f->start)
        return false;
    if (strcmp(f->rule, "private-key") == 0) // its last line repeats its first
        return strncmp(f->shown, "-----BEGIN ", 11) == 0;
    for (size_t at = f->start + prefix; at + WINDOW <= f->end; at++)
        if (memmem(f->shown, strlen(f->shown), text + at, WINDOW))
            return false;
    return true;
}

struct score {
    unsigned right, missed, wrong;
};

// One secret in one file of each kind: it, all of it, and nothing else has to be found.
static void try_files(struct maker *m, const char *secret, const char *rule, struct score *score) {
    static char text[4 * MADE_BYTES_MAX];
    for (unsigned kind = 0; kind < FILE_KINDS; kind++) {
        const char *path;
        size_t at;
        make_file(m, kind, secret, text, &path, &at);
        struct found found = scan(text, path);
        bool hit = false;
        for (size_t i = 0; i < found.count && i < FOUND_MAX; i++) {
            const struct secret_finding *f = &found.items[i];
            bool right = strcmp(f->rule, rule) == 0 && f->start >= at && f->start <= at + 40 &&
                         f->end <= strlen(text);
            hit |= right;
            score->wrong += !right;
            if (!right)
                print_message("%s: %s where a %s is: %.80s\n", path, f->rule, rule, secret);
            assert_true(shows_nothing(f, text));
        }
        score->right += hit;
        score->missed += !hit;
        if (!hit)
            print_message("%s: no %s found: %.100s\n", path, rule, secret);
    }
}

static void tokens_keys_and_web_tokens_are_found_and_little_else(void **state) {
    enum { ROUNDS = 4, NEGATIVES = 6000 };
    static char secret[MADE_BYTES_MAX], text[4 * MADE_BYTES_MAX];
    struct maker m = {.state = 20261127};
    struct score tokens = {0}, keys = {0};
    const char *rule;
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t kind = 0; kind < make_token_kinds(); kind++) {
            make_token(&m, kind, secret, &rule);
            try_files(&m, secret, rule, &tokens);
        }
        for (int i = 0; i < 10; i++) {
            make_pem(&m, secret);
            try_files(&m, secret, "private-key", &keys);
            make_jwt(&m, secret);
            try_files(&m, secret, "json-web-token", &keys);
        }
    }
    unsigned wrong = 0;
    for (int i = 0; i < NEGATIVES; i++) {
        const char *path;
        size_t at;
        make_negative(&m, secret);
        make_file(&m, maker_random(&m, FILE_KINDS), "8080", text, &path, &at);
        size_t n = strlen(text);
        (void)snprintf(text + n, sizeof text - n, "%s\n", secret);
        struct found found = scan(text, path);
        wrong += found.count > 0;
        if (found.count)
            print_message("%s: %s (%u) in: %.150s\n", path, found.items[0].rule,
                          found.items[0].confidence, secret);
    }
    unsigned right = tokens.right + keys.right, missed = tokens.missed + keys.missed;
    unsigned all_wrong = wrong + tokens.wrong + keys.wrong;
    double precision = (double)right / (right + all_wrong),
           recall = (double)right / (right + missed);
    print_message("%u secrets of %zu kinds in %d kinds of files, %d hard negatives of %zu kinds: "
                  "precision %.4f, recall %.4f\n",
                  right + missed, make_token_kinds() + 2, FILE_KINDS, NEGATIVES,
                  make_negative_kinds(), precision, recall);
    assert_true(right + missed >= 3000);
    assert_true(precision >= 0.99);
    assert_true(recall >= 0.99);
}

// Random values under keys that say what they are.
static void random_values_of_telling_keys_are_found(void **state) {
    static const char *const lines[] = {
        "api_key = \"@\"\n",
        "  \"clientSecret\": \"@\",\n",
        "private String authToken = \"@\";\n",
        "const SECRET_KEY: &str = \"@\";\n",
        "app.setApiKey(\"@\");\n",
        "$config['encryption_key'] = '@';\n",
        "#define ACCESS_TOKEN \"@\"\n",
        "headers['X-Api-Key'] = '@'\n",
        "session_secret := \"@\"\n",
        "<api_key>@</api_key>\n",
    };
    static const char *const alphabets[] = {
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789abcdef",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"};
    struct maker m = {.state = 7};
    unsigned found = 0, all = 0;
    char value[64], text[200];
    (void)state;
    for (int i = 0; i < 3000; i++, all++) {
        unsigned alphabet = maker_random(&m, 3);
        make_chars(&m, alphabets[alphabet], alphabet == 1 ? 32 : 20 + maker_random(&m, 30), value);
        const char *line = lines[maker_random(&m, COUNT_OF(lines))], *at = strchr(line, '@');
        (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - line), line, value, at + 1);
        struct found f = scan(text, "src/main.x");
        found += f.count == 1 && strcmp(f.items[0].rule, "assigned-secret") == 0 &&
                 memcmp(text + f.items[0].start, value, strlen(value)) == 0;
    }
    print_message("%u of %u found\n", found, all);
    assert_true(found >= all * 95 / 100);
}

static void passwords_and_credentials_are_found(void **state) {
    static const struct {
        const char *text, *path, *rule;
    } cases[] = {
        {"db_password = \"kV9#mq2!xT\"\n", "src/db.py", "assigned-password"},
        {"DB_PASSWORD=kV9mq2xT7w\n", ".env", "assigned-password"},
        {"password: Tr4vz!pQ0x\n", "deploy/app.yml", "assigned-password"},
        {"<password>Tr4vz!pQ0x</password>\n", "conf/a.xml", "assigned-password"},
        {"url = \"postgres://app:kV9mq2xT7w@db.prod.acme.io/app\"\n", "src/db.go", "url-password"},
        {"curl -H \"Authorization: Basic YXBwOmtWOSNtcTIheFRu\" $URL\n", "run.sh",
         "basic-credentials"},
        {"h = 'Authorization: Bearer q8Zr1Vt7Lk3Xn5Bd9Wf2Gh6Js'\n", "a.py", "bearer-token"},
        {"aws_secret_access_key = \"p7Rk2/Vq9XzLw4+Tn8Bd1Gh6JsYf3MacE5uKoQ0i\"\n", "a.py",
         "aws-secret-key"},
        {"\"Server=x;User Id=sa;Password=kV9mq2xT7w;\"\n", "a.cs", "assigned-password"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct found f = scan(cases[i].text, cases[i].path);
        if (f.count != 1 || strcmp(f.items[0].rule, cases[i].rule) != 0)
            fail_msg("%zu findings, %s, in %s", f.count, f.count ? f.items[0].rule : "-",
                     cases[i].text);
        assert_null(strstr(f.items[0].shown, "kV9"));
    }
}

// Each shape of the table, made from the table: no rule that its keyword does not find.
static void every_rule_is_reached(void **state) {
    struct maker m = {.state = 5};
    (void)state;
    assert_true(secrets_rule_count() >= 100);
    for (size_t r = 0; r < secret_rules_count; r++) {
        const struct secret_rule *rule = &secret_rules[r];
        char text[9000] = "x = \"";
        size_t at = strlen(text);
        for (int part = 0; part < 2; part++) {
            const char *p = part ? rule->pattern : rule->before;
            while (p && *p) {
                if (*p != '%') {
                    text[at++] = *p++;
                    continue;
                }
                char class = p[1], *end;
                size_t n = strtoul(p + 2, &end, 10);
                if (class == '2' || class == 'd') // the class may be a digit
                    n = strtoul(p + 2, &end, 10);
                if (end == p + 2)
                    n = 1;
                p = end;
                if (*p == ',')
                    p = strchr(p, ',') + 1 + strspn(strchr(p, ',') + 1, "0123456789");
                for (size_t i = 0; i < n; i++) {
                    unsigned char c;
                    do
                        c = (unsigned char)(33 + maker_random(&m, 94));
                    while (!secret_class(class, c));
                    text[at++] = (char)c;
                }
            }
        }
        text[at] = '\0';
        strcat(text, "\";");
        if (gate(text).count == 0 || gate(text + 1).count == 0) // at an odd place, too
            fail_msg("%s is not found: %s", rule->id, text);
    }
}

static void a_finding_says_where_and_nothing_secret(void **state) {
    struct maker m = {.state = 11};
    char secret[MADE_BYTES_MAX], text[MADE_BYTES_MAX + 100];
    const char *rule;
    (void)state;
    make_token(&m, make_token_kinds() - 6, secret, &rule); // GitHub
    (void)snprintf(text, sizeof text, "first\n\n  key = %s\nlast\n", secret);
    struct found f = scan(text, "tests/test_api.py");
    assert_int_equal(f.count, 1);
    assert_int_equal(f.items[0].line, 3);
    assert_int_equal(f.items[0].column, 9);
    assert_int_equal(f.items[0].end - f.items[0].start, 40);
    assert_true(f.items[0].fixture);
    assert_string_equal(f.items[0].shown, "gh"
                                          "p_\xE2\x80\xA6 (40 characters)");
}

static int stop(void *ctx, const struct secret_finding *f) {
    (void)f;
    ++*(int *)ctx;
    return -7;
}

static void a_scan_stops_when_it_is_told_to(void **state) {
    struct maker m = {.state = 13};
    char one[MADE_BYTES_MAX], text[2 * MADE_BYTES_MAX + 10];
    const char *rule;
    int calls = 0;
    (void)state;
    make_token(&m, 6, one, &rule);
    (void)snprintf(text, sizeof text, "%s\n%s\n", one, one);
    assert_int_equal(secrets_scan(text, strlen(text), NULL, stop, &calls), -7);
    assert_int_equal(calls, 1);
    assert_int_equal(secrets_scan("", 0, NULL, stop, &calls), 0);
    assert_int_equal(secrets_scan("abc", 3, NULL, stop, &calls), 0);
}

static void the_gate_lets_less_pass_than_a_reviewer_reports(void **state) {
    static const char *const texts[] = {
        "token = \"gh"
        "p_0123456789abcdefghijABCDEFGHIJ012345\"", // fails its checksum
        "-----BEGIN RSA "
        "PRIVATE KEY-----\nMIIE\n",
        "postgres://postgres:postgres@localhost/db",
        "password = \"hunter22x\"",
        "test_token = \"q8Zr1Vt7Lk3Xn5Bd9Wf2\"",
    };
    static const char *const fine[] = {"password = os.environ['X']", "token: ${TOKEN}",
                                       "int token = next(s);", "https://example.org/a",
                                       "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_int_equal(scan(texts[i], "tests/a.c").count, 0);
        if (gate(texts[i]).count == 0)
            fail_msg("let pass: %s", texts[i]);
    }
    for (size_t i = 0; i < COUNT_OF(fine); i++)
        if (gate(fine[i]).count)
            fail_msg("held back: %s", fine[i]);
}

// Many findings on one line: a line end is not looked for from its beginning each time.
static void a_hostile_line_takes_no_quadratic_time(void **state) {
    enum { TIMES = 400 * 1000 };
    static const char piece[] = "password=\"hunter22\" ";
    size_t n = TIMES * (sizeof piece - 1);
    struct found found = {0};
    char *text = mem_alloc(n);
    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < TIMES; i++)
        memcpy(text + i * (sizeof piece - 1), piece, sizeof piece - 1);
    assert_int_equal(secrets_gate(text, n, NULL, keep, &found), 0); // else past the time limit
    assert_int_equal(found.count, TIMES);
    mem_free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_keys_and_web_tokens_are_found_and_little_else),
        cmocka_unit_test(random_values_of_telling_keys_are_found),
        cmocka_unit_test(passwords_and_credentials_are_found),
        cmocka_unit_test(every_rule_is_reached),
        cmocka_unit_test(a_finding_says_where_and_nothing_secret),
        cmocka_unit_test(a_scan_stops_when_it_is_told_to),
        cmocka_unit_test(a_hostile_line_takes_no_quadratic_time),
        cmocka_unit_test(the_gate_lets_less_pass_than_a_reviewer_reports),
    };
    return cmocka_run_group_tests_name("code/secrets", tests, NULL, NULL);
}
