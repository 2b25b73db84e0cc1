// Nothing of one's own gets into a payload. The corpus is the project's own C and Python and some
// pieces of each language, with a canary for every name, literal and comment.
// PAIRED_LEAK_PAYLOADS=100000 is the full size.
#include "tests/unit/code/payloads.h"

#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>

#include <cmocka.h>

static uint32_t wanted(void) {
    const char *text = getenv("PAIRED_LEAK_PAYLOADS");
    return text ? (uint32_t)strtoul(text, NULL, 10) : 1500;
}

static char *read_file(const char *path, size_t *ret_n) {
    FILE *file = fopen(path, "rb");
    char *text = mem_alloc(512 * 1024);
    *ret_n = file && text ? fread(text, 1, 512 * 1024, file) : 0;
    if (file)
        (void)fclose(file);
    return text;
}

static void tally_file(struct syntax *s, const char *path, uint64_t *seed, uint32_t max,
                       struct payload_tally *tally) {
    size_t n;
    char *text = read_file(path, &n);
    enum lang lang = language_of(path, text, n);
    if (text && n && language_has_tree(lang))
        (void)payloads_tally(s, lang, text, n, seed, max, tally);
    mem_free(text);
}

// A quarter of all payloads at most from one folder.
static void tally_folder(struct syntax *s, const char *folder, uint64_t *seed, uint32_t max,
                         struct payload_tally *tally) {
    struct dirent **list = NULL;
    int n = scandir(folder, &list, NULL, alphasort);
    uint32_t share = tally->payloads + max / 4 < max ? tally->payloads + max / 4 : max;
    for (int k = 0; k < n; k++) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/%s", folder, list[k]->d_name);
        if (list[k]->d_name[0] != '.' && tally->payloads < share)
            tally_file(s, path, seed, share, tally);
        free(list[k]); // of libc
    }
    free(list); // of libc
}

static void no_canary_comes_through(void **state) {
    static const char *const folders[] = {"core/code", "core/store", "protocol", "tests/checks"};
    struct payload_tally tally = {.payloads = 0};
    struct syntax *s = syntax_new();
    uint64_t seed = 88172645463325252U;
    uint32_t max = wanted();
    (void)state;
    // The pieces again and again with other canaries, the files in between.
    for (uint32_t round = 0; tally.payloads < max && round < 2000; round++) {
        uint32_t before = tally.payloads;
        for (size_t k = 0; k < PAYLOADS_PIECES; k++)
            assert_int_equal(payloads_tally(s, payloads_pieces[k].lang, payloads_pieces[k].text,
                                            strlen(payloads_pieces[k].text), &seed, max, &tally),
                             0);
        tally_folder(s, folders[round % COUNT_OF(folders)], &seed, max, &tally);
        assert_true(tally.payloads > before);
    }
    print_message("%u payloads, %u candidates refused, %u planted, %u leaks\n", tally.payloads,
                  tally.refused, tally.planted, tally.leaks);
    assert_int_equal(tally.leaks, 0);
    assert_true(tally.payloads >= max);
    assert_true(tally.planted > max / 2);
    syntax_free(s);
}

// The test can fail: what it looks for is found where it is.
static void canaries_are_planted_and_seen(void **state) {
    const char *text = "int mine(char *path) { return open(path, \"/tmp/x\") + 42; } // why\n";
    AUTO_BUF out = BUF_INIT(0);
    struct syntax *s = syntax_new();
    uint64_t seed = 1;
    (void)state;
    assert_int_equal(syntax_parse(s, LANG_C, text, strlen(text), NULL, NULL), 0);
    assert_int_equal(payloads_plant(s, &seed, &out), 0);
    assert_null(strstr(out.data, "mine"));
    assert_null(strstr(out.data, "path"));
    assert_null(strstr(out.data, "/tmp/x"));
    assert_null(strstr(out.data, "42"));
    assert_null(strstr(out.data, "why"));
    assert_non_null(strstr(out.data, "open"));
    assert_true(payloads_has_canary(out.data, out.len));
    assert_false(payloads_has_canary("open($A)", 8));
    syntax_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canaries_are_planted_and_seen),
        cmocka_unit_test(no_canary_comes_through),
    };
    return cmocka_run_group_tests_name("code/leak", tests, NULL, NULL);
}
