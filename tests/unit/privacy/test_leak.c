// Nothing of one's own gets into a body, whatever makes it: sources in which each name, literal and
// comment is a canary, through the template's maker and the gate; gates that are given canaries;
// notes with canaries of each kind. PAIRED_LEAK_PAYLOADS=100000 is the full size. (What patterns
// give away is in code/leak.)
#include "tests/unit/code/payloads.h"

#include "core/base/mem.h"
#include "core/privacy/look.h"
#include "core/privacy/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>

#include <cmocka.h>

#define TEXT(s) ((struct text){(s), sizeof(s) - 1})

static uint32_t wanted(uint32_t otherwise) {
    const char *text = getenv("PAIRED_LEAK_PAYLOADS");
    return text ? (uint32_t)strtoul(text, NULL, 10) : otherwise;
}

static uint64_t seed = 88172645463325252U;
static uint32_t next(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 20);
}

struct tally {
    uint32_t made, refused, planted, leaks, of[LANG_COUNT];
};

// A canary in the place of one word or hole: the gate has to see it.
static void attack(enum lang lang, const struct buf *made, struct tally *t) {
    static const char *const canaries[] = {"knry",  "73570", "\"knry\"", "// if",
                                           "$S999", "'k'",   "/* */",    "$knry"};
    const char *canary = canaries[next() % COUNT_OF(canaries)];
    AUTO_BUF planted = BUF_INIT(2 * TEMPLATE_BYTES_MAX);
    size_t at = next() % made->len;
    while (at > 0 && made->data[at] != ' ' && made->data[at] != '\n')
        at--;
    if (lang == LANG_PYTHON && canary[0] == '/')
        canary = "# if";
    (void)buf_append(&planted, made->data, at);
    (void)buf_printf(&planted, "%s%s", at ? " " : "", canary);
    (void)buf_append(&planted, made->data + at, made->len - at);
    t->planted++;
    if (planted.len <= TEMPLATE_BYTES_MAX &&
        template_check(lang, planted.data, planted.len, NULL) == 0) {
        print_error("came through: %s\n", planted.data);
        t->leaks++;
    }
}

static void try_text(struct syntax *s, enum lang lang, const char *text, size_t n,
                     struct tally *t) {
    AUTO_BUF source = BUF_INIT(4 * 1024 * 1024);
    AUTO_BUF made = BUF_INIT(TEMPLATE_BYTES_MAX);
    AUTO_BUF body = BUF_INIT(PAYLOAD_BYTES_MAX);
    struct err err = {0};
    char name[16];
    if (syntax_parse(s, lang, text, n, NULL, NULL) < 0)
        return;
    assert_int_equal(payloads_plant(s, &seed, &source), 0);
    int r = template_make(s, lang, source.data, source.len, next() % 4 != 0, &made, &err);
    if (r < 0) { // never because its own gate had to stop it
        if (r == ERR_PERM)
            fail_msg("%s: %s\n%s", language_name(lang), err.message, source.data);
        t->refused++;
        return;
    }
    (void)snprintf(name, sizeof name, "%s", language_name(lang));
    struct payload p = {
        .form = PAYLOAD_TEMPLATE, .language = {name, strlen(name)}, .text = {made.data, made.len}};
    if (payload_format(&p, &body, &err) < 0)
        fail_msg("%s\n%s", err.message, made.data);
    if (payloads_has_canary(body.data, body.len)) {
        print_error("leaked: %s\n", body.data);
        t->leaks++;
    }
    t->made++;
    t->of[lang]++;
    attack(lang, &made, t);
}

static void try_folder(struct syntax *s, const char *folder, uint32_t max, struct tally *t) {
    struct dirent **list = NULL;
    AUTO_FREE char *text = mem_alloc(512 * 1024);
    int n = scandir(folder, &list, NULL, alphasort);
    assert_non_null(text);
    for (int k = 0; k < n; k++) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/%s", folder, list[k]->d_name);
        FILE *file = list[k]->d_name[0] != '.' && t->made < max ? fopen(path, "rb") : NULL;
        size_t bytes = file ? fread(text, 1, 512 * 1024, file) : 0;
        if (file)
            (void)fclose(file);
        enum lang lang = language_of(path, text, bytes);
        if (bytes && language_has_tree(lang))
            try_text(s, lang, text, bytes, t);
        free(list[k]); // of libc
    }
    free(list); // of libc
}

static void no_canary_comes_through_a_template(void **state) {
    static const char *const folders[] = {"core/privacy", "protocol", "tests/checks",
                                          "core/crypto"};
    struct tally t = {0};
    struct syntax *s = syntax_new();
    uint32_t max = wanted(1500);
    (void)state;
    assert_non_null(s);
    for (uint32_t round = 0; t.made < max && round < 100000; round++) {
        uint32_t before = t.made;
        for (size_t k = 0; k < PAYLOADS_PIECES; k++)
            try_text(s, payloads_pieces[k].lang, payloads_pieces[k].text,
                     strlen(payloads_pieces[k].text), &t);
        if (round < COUNT_OF(folders) || round % 16 == 0)
            try_folder(s, folders[round % COUNT_OF(folders)], max, &t);
        assert_true(t.made > before);
    }
    print_message("%u templates, %u sources refused, %u canaries planted, %u leaks\n", t.made,
                  t.refused, t.planted, t.leaks);
    assert_int_equal(t.leaks, 0);
    static const enum lang all[] = {LANG_C,          LANG_CPP, LANG_PYTHON, LANG_JAVASCRIPT,
                                    LANG_TYPESCRIPT, LANG_GO,  LANG_RUST,   LANG_JAVA};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (!t.of[all[i]])
            fail_msg("none of %s", language_name(all[i]));
    syntax_free(s);
}

static bool is_ours(void *ctx, const char *word, size_t n) {
    (void)ctx;
    return n >= 4 && memcmp(word, "knry", 4) == 0;
}

// A sentence with one thing in it that may not leave, somewhere, in some company.
static void write_note(struct buf *out) {
    static const char *const plain[] = {
        "we",       "decided", "to",   "keep",    "one",    "writer,", "because",
        "locks",    "are",     "slow", "(twice)", "–",      "and/or",  "it's",
        "**fast**", "`open`",  "e.g.", "GitHub",  "v1.2.3", "\n\n",    "\n- "};
    static const char *const canaries[] = {
        "knry@example.org",
        "git@knry.example.org:team/x.git",
        "@knry",
        "knry.local",
        "http://knry/x",
        "https://u@knry.example.org/",
        "/home/knry/x",
        "~/knry/x",
        "C:\\knry\\x",
        "src/knry/x.c",
        "knry.c",
        "../knry",
        "knry_thing()",
        "knryThing",
        "`knry`",
        "std::knry",
        "knry",
        "Knry",
        "knry-laptop",
        "\\\\knry\\share",
        "10.73.57.1",
        "fe80::7357:1",
        "7357ab12-cd34-4e5f-a6b7-c8d9e0f1a2b3",
        "7357abcdef0123456789",
    };
    static const char *const around[][2] = {{"", ""},   {"(", ")"}, {"\"", "\""},  {"**", "**"},
                                            {"", "."},  {"", ", "}, {"[x](", ")"}, {"<", ">"},
                                            {"=", ";"}, {"", ":"}};
    uint32_t n = 3 + next() % 12, at = next() % n;
    for (uint32_t i = 0; i < n; i++) {
        const char *const *a = around[next() % COUNT_OF(around)];
        if (i == at || next() % 12 == 0)
            (void)buf_printf(out, "%s%s%s ", a[0], canaries[next() % COUNT_OF(canaries)], a[1]);
        else
            (void)buf_printf(out, "%s ", plain[next() % COUNT_OF(plain)]);
    }
}

static void no_canary_comes_through_a_note(void **state) {
    static const char *const words[] = {"knry"};
    const struct look_own own = {.words = words, .count = 1, .is_name = is_ours};
    struct look *l = look_new();
    uint32_t max = wanted(20000);
    (void)state;
    assert_non_null(l);
    for (uint32_t k = 0; k < max; k++) {
        AUTO_BUF note = BUF_INIT(64 * 1024);
        AUTO_BUF masked = BUF_INIT(64 * 1024);
        AUTO_BUF text = BUF_INIT(64 * 1024);
        AUTO_BUF body = BUF_INIT(PAYLOAD_BYTES_MAX);
        struct err err = {0};
        uint32_t counts[LOOK_REASONS] = {0};
        write_note(&note);
        if (look_mask(note.data, note.len, &own, &masked, counts, &err) < 0)
            fail_msg("%s: %s", note.data, err.message);
        assert_int_equal(payload_tidy(masked.data, masked.len, false, &text, NULL), 0);
        struct payload p = {
            .form = PAYLOAD_DECISION, .title = TEXT("One writer"), .text = {text.data, text.len}};
        if (payload_format(&p, &body, &err) < 0 || look_payload(l, &p, &own, &err) < 0)
            fail_msg("%s: %s", text.data, err.message);
        for (size_t i = 0; i + 4 <= body.len; i++)
            if (strncasecmp(body.data + i, "knry", 4) == 0 || memcmp(body.data + i, "7357", 4) == 0)
                fail_msg("%s\nbecame %s", note.data, body.data);
    }
    look_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_canary_comes_through_a_template),
        cmocka_unit_test(no_canary_comes_through_a_note),
    };
    return cmocka_run_group_tests_name("privacy/leak", tests, NULL, NULL);
}
