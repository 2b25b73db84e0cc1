// What several commits changed, from one run of git: each under its id, the large ones without.
#include "tests/unit/workspace/git_box.h"

#include "core/base/mem.h"
#include "core/workspace/diff.h"
#include "core/workspace/git.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { COMMITS = 5, LARGE = 2 };
struct seen {
    char ids[COMMITS][GIT_ID_CHARS_MAX + 1];
    char last[GIT_ID_CHARS_MAX + 1];
    uint32_t count, large, hunks;
    int stop_at;
};

static int note_change(void *ctx, const char *id, const char *text, size_t n, struct err *err) {
    struct seen *s = ctx;
    struct diff *d = NULL;
    (void)snprintf(s->last, sizeof s->last, "%s", id);
    s->count++;
    if (!text) {
        s->large++;
        return 0;
    }
    assert_int_equal(diff_parse(text, n, &d, NULL), 0);
    for (uint32_t i = 0; i < d->file_count; i++)
        s->hunks += d->files[i].hunk_count;
    diff_free(d);
    return s->stop_at == (int)s->count ? err_set(err, ERR_CANCELLED, "enough") : 0;
}

static struct git *fill(struct git_box *b, struct seen *s) {
    const struct git_config config = {.folder = b->path};
    struct git *g = NULL;
    *s = (struct seen){0};
    git_box_new(b);
    for (unsigned i = 0; i < COMMITS; i++) {
        git_box_lines(b, "a.c", 1, 10 + 10 * i);
        if (i == LARGE)
            git_box_lines(b, "large.c", 1, 4000);
        if (i == LARGE + 1) // a name, and a text, that look like what stands between the changes
            git_box_write(b, "0123456789012345678901234567890123456789",
                          "0123456789012345678901234567890123456789\ndiff --git a/x b/x\n");
        git_box_commit(b, "change");
    }
    assert_int_equal(git_open(&config, &g, NULL), 0);
    for (unsigned i = 0; i < COMMITS; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "HEAD~%u", COMMITS - 1 - i);
        assert_int_equal(git_resolve(g, name, strlen(name), s->ids[i], NULL), 0);
    }
    return g;
}

static void each_commit_is_told_under_its_id(void **state) {
    struct git_box box;
    struct seen s;
    const char *ids[COMMITS];
    (void)state;
    struct git *g = fill(&box, &s);
    for (int i = 0; i < COMMITS; i++)
        ids[i] = s.ids[i];
    assert_int_equal(git_changes(g, ids, 0, 1000, note_change, &s, NULL), 0);
    assert_int_equal(s.count, 0);
    // The first commit has no parent: git says nothing of it.
    assert_int_equal(git_changes(g, ids, COMMITS, 1 << 20, note_change, &s, NULL), 0);
    assert_int_equal(s.count, COMMITS - 1);
    assert_int_equal(s.large, 0);
    assert_int_equal(s.hunks, COMMITS - 1 + 2);
    assert_string_equal(s.last, s.ids[COMMITS - 1]);
    s.count = s.hunks = 0;
    assert_int_equal(git_changes(g, ids, COMMITS, 2000, note_change, &s, NULL), 0);
    assert_int_equal(s.count, COMMITS - 1);
    assert_int_equal(s.large, 1);
    assert_int_equal(s.hunks, COMMITS - 2 + 1);
    git_close(g);
    git_box_done(&box);
}

static void what_is_no_id_is_refused_and_a_stop_is_kept(void **state) {
    static const char *const wrong[] = {"HEAD", "--all", "", "0123456789\n"};
    struct git_box box;
    struct seen s;
    struct err err = {0};
    (void)state;
    struct git *g = fill(&box, &s);
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_int_equal(git_changes(g, &wrong[i], 1, 1000, note_change, &s, NULL), ERR_INVAL);
    assert_int_equal(s.count, 0);
    const char *ids[] = {s.ids[1], s.ids[2], s.ids[3]};
    s.stop_at = 2;
    assert_int_equal(git_changes(g, ids, 3, 1 << 20, note_change, &s, &err), ERR_CANCELLED);
    assert_string_equal(err_text(&err), "enough");
    assert_int_equal(s.count, 2);
    git_close(g);
    git_box_done(&box);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_commit_is_told_under_its_id),
        cmocka_unit_test(what_is_no_id_is_refused_and_a_stop_is_kept),
    };
    return cmocka_run_group_tests_name("workspace/git_changes", tests, NULL, NULL);
}
