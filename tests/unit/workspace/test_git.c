// What is read of ordinary repositories of every kind: revisions, contents, differences, ranges.
#include "tests/unit/workspace/git_box.h"

#include "core/base/mem.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int start(void **state) {
    struct git_box *b = mem_zalloc(sizeof *b);
    git_box_new(b);
    *state = b;
    return 0;
}

static int stop(void **state) {
    git_box_done(*state);
    mem_free(*state);
    return 0;
}

static int open_at(const char *folder, struct git **ret, struct err *err) {
    struct git_config c = {.folder = folder};
    return git_open(&c, ret, err);
}

static struct diff *difference(struct git *g, const char *range) {
    struct git_range keep;
    struct git_diff_want w;
    struct diff *d = NULL;
    struct err err = {0};
    if (git_range(g, range, strlen(range), &keep, &w, &err) < 0 || git_diff(g, &w, &d, &err) < 0)
        fail_msg("%s: %s", range, err.message);
    return d;
}

static void each_side_of_a_difference_is_told_apart(void **state) {
    struct git_box *b = *state;
    git_box_lines(b, "src/a.c", 1, 10);
    git_box_lines(b, "gone.c", 1, 3);
    git_box_lines(b, "old_name.c", 1, 30);
    git_box_commit(b, "one");
    git_box_write(b, "src/a.c",
                  "line 1\nline 2\nchanged\nline 4\nline 5\nline 6\nline 7\nline 8\n"
                  "line 9\nline 10\nadded\n");
    git_box_remove(b, "gone.c");
    git_box_move(b, "old_name.c", "new_name.c");
    git_box_commit(b, "two");
    struct git *g = git_box_open(b);

    struct diff *d = difference(g, "HEAD~1..HEAD");
    assert_int_equal(d->file_count, 3);
    const struct diff_file *f = diff_find(d, "src/a.c");
    assert_int_equal(f->status, DIFF_MODIFIED);
    assert_int_equal(f->hunk_count, 2);
    assert_int_equal(d->hunks[f->first_hunk].new_start, 3);
    assert_int_equal(d->hunks[f->first_hunk].new_count, 1);
    assert_int_equal(d->hunks[f->first_hunk + 1].new_start, 11);
    assert_int_equal(d->hunks[f->first_hunk + 1].old_count, 0);
    assert_true(diff_touches(d, f, 3, 3) && diff_touches(d, f, 1, 3) && !diff_touches(d, f, 4, 10));
    assert_int_equal(diff_find(d, "gone.c")->status, DIFF_DELETED);
    assert_int_equal(diff_find(d, "new_name.c")->status, DIFF_RENAMED);
    assert_string_equal(diff_find(d, "new_name.c")->old_path, "old_name.c");
    diff_free(d);

    d = difference(g, ""); // nothing
    assert_int_equal(d->file_count, 0);
    diff_free(d);
    git_box_write(b, "staged.c", "s\n");
    git_box_git(b, "add", "staged.c", NULL);
    git_box_write(b, "src/a.c", "all new\n");
    git_box_write(b, "fresh/new.c", "1\n2\n3");
    git_box_write(b, ".gitignore", "*.o\n");
    git_box_write(b, "ignored.o", "x");
    d = difference(g, "staged");
    assert_int_equal(d->file_count, 1);
    assert_non_null(diff_find(d, "staged.c"));
    diff_free(d);
    d = difference(g, "");
    assert_int_equal(d->file_count, 4); // staged.c, src/a.c, fresh/new.c, .gitignore
    f = diff_find(d, "fresh/new.c");
    assert_true(f && f->untracked && f->added == 3 && f->status == DIFF_ADDED);
    assert_false(diff_find(d, "staged.c")->untracked);
    diff_free(d);
    d = difference(g, "HEAD~1"); // from there to the work tree
    assert_non_null(diff_find(d, "gone.c"));
    diff_free(d);
    git_close(g);
}

static void the_merge_base_begins_a_range_of_three_dots(void **state) {
    struct git_box *b = *state;
    char id[GIT_ID_CHARS_MAX + 1], base[GIT_ID_CHARS_MAX + 1], head[GIT_ID_CHARS_MAX + 1];
    struct err err = {0};
    git_box_write(b, "a", "a\n");
    git_box_commit(b, "one");
    git_box_git(b, "checkout", "-q", "-b", "topic", NULL);
    git_box_write(b, "topic", "t\n");
    git_box_commit(b, "topic");
    git_box_git(b, "checkout", "-q", "main", NULL);
    git_box_write(b, "main", "m\n");
    git_box_commit(b, "main");
    struct git *g = git_box_open(b);
    struct diff *d = difference(g, "main..topic");
    assert_int_equal(d->file_count, 2);
    diff_free(d);
    d = difference(g, "main...topic");
    assert_int_equal(d->file_count, 1);
    assert_non_null(diff_find(d, "topic"));
    diff_free(d);
    assert_int_equal(git_resolve(g, "topic", 5, id, &err), 0);
    assert_int_equal(git_head(g, head, &err), 0);
    assert_int_equal(git_merge_base(g, id, head, base, &err), 0);
    assert_int_equal(git_resolve(g, "main~1", 6, id, &err), 0);
    assert_string_equal(base, id);
    assert_string_equal(git_branch(g), "main");
    struct git_range keep;
    struct git_diff_want w;
    assert_int_equal(git_range(g, "nowhere..main", 13, &keep, &w, &err), ERR_NOT_FOUND);
    assert_int_equal(git_range(g, "-x..main", 8, &keep, &w, &err), ERR_INVAL);
    git_close(g);
}

// Read from the files where it can be, as git reads it: loose, packed, detached, in between.
static void the_last_commit_begins_what_is_not_committed(void **state) {
    struct git_box *b = *state;
    static const char *const ways[][3] = {{"status"},
                                          {"pack-refs", "--all"},
                                          {"checkout", "-q", "--detach"},
                                          {"checkout", "-q", "main"},
                                          {"symbolic-ref", "HEAD", "refs/heads/unborn"}};
    char wanted[GIT_ID_CHARS_MAX + 1];
    struct err err = {0};
    git_box_write(b, "a", "a\n");
    git_box_commit(b, "one");
    struct git *g = git_box_open(b);
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        struct git_range keep;
        struct git_diff_want w;
        git_box_git(b, ways[i][0], ways[i][1], ways[i][2], NULL);
        int r = git_head(g, wanted, &err);
        assert_int_equal(r, i + 1 == COUNT_OF(ways) ? ERR_NOT_FOUND : 0);
        assert_int_equal(git_range(g, "", 0, &keep, &w, &err), 0);
        if (r == 0)
            assert_string_equal(w.from_id, wanted);
        else
            assert_null(w.from_id);
    }
    git_close(g);
}

static int take_blob(void *ctx, size_t i, const char *bytes, size_t n, struct err *err) {
    (void)err;
    return buf_printf(ctx, "%zu:%s(%zu) ", i, bytes ? bytes : "none", n);
}

struct found {
    char id[GIT_ID_CHARS_MAX + 1];
    const char *path;
};

static int find_entry(void *ctx, const struct git_entry *e, struct err *err) {
    struct found *f = ctx;
    (void)err;
    if (strcmp(e->path, f->path) == 0)
        (void)snprintf(f->id, sizeof f->id, "%s", e->id);
    return 0;
}

static void contents_come_whole_and_limits_hold(void **state) {
    struct git_box *b = *state;
    char head[GIT_ID_CHARS_MAX + 1];
    struct err err = {0};
    git_box_write(b, "small", "small");
    git_box_write(b, "empty", "");
    git_box_lines(b, "large", 1, 20000);
    git_box_commit(b, "one");
    struct git *g = git_box_open(b);
    assert_int_equal(git_head(g, head, &err), 0);
    AUTO_BUF text = BUF_INIT(1 << 20);
    assert_int_equal(git_blob(g, head, "large", 1 << 20, &text, &err), 0);
    assert_int_equal(text.len, 9 * 7 + 90 * 8 + 900 * 9 + 9000 * 10 + 10001 * 11);
    assert_int_equal(git_blob(g, head, "large", 1000, &text, &err), ERR_LIMIT);
    assert_int_equal(git_blob(g, head, "nowhere", 1000, &text, &err), ERR_NOT_FOUND);
    assert_int_equal(git_blob(g, "HEAD", "small", 1000, &text, &err), ERR_INVAL);
    struct found small = {.path = "small"}, large = {.path = "large"}, empty = {.path = "empty"};
    assert_int_equal(git_entries(g, head, find_entry, &small, &err), 0);
    assert_int_equal(git_entries(g, NULL, find_entry, &large, &err), 0);
    assert_int_equal(git_entries(g, NULL, find_entry, &empty, &err), 0);
    const char *const ids[] = {
        large.id, small.id, head, empty.id, "0123456789012345678901234567890123456789", small.id};
    buf_clear(&text);
    assert_int_equal(git_blobs(g, ids, COUNT_OF(ids), 100, take_blob, &text, &err), 0);
    assert_string_equal(text.data, "0:none(0) 1:small(5) 2:none(0) 3:(0) 4:none(0) 5:small(5) ");
    git_close(g);
}

static void where_there_is_nothing_it_is_said(void **state) {
    struct git_box *b = *state;
    struct git *g = NULL;
    struct err err = {0};
    char id[GIT_ID_CHARS_MAX + 1], path[512];
    assert_int_equal(open_at(b->home, &g, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "in no git repository"));
    g = git_box_open(b);
    assert_int_equal(git_traits(g), GIT_UNBORN);
    assert_string_equal(git_note(g, 0), "the repository has no commit yet");
    assert_null(git_note(g, 1));
    assert_int_equal(git_head(g, id, &err), ERR_NOT_FOUND);
    git_box_write(b, "first.c", "1\n");
    struct diff *d = difference(g, ""); // everything is new
    assert_int_equal(d->file_count, 1);
    diff_free(d);
    git_close(g);
    struct git_config c = {.folder = b->path, .program = "/usr/bin/there-is-no-git"};
    assert_int_equal(git_open(&c, &g, &err), ERR_UNSUPPORTED);
    git_box_path(b, "lost/.git", path, sizeof path);
    git_box_write(b, "lost/.git", "gitdir: ../nowhere\n");
    git_box_path(b, "lost", path, sizeof path);
    assert_int_equal(open_at(path, &g, &err), ERR_CORRUPT);
}

static void submodules_work_trees_and_bare_repositories_are_read(void **state) {
    struct git_box *b = *state;
    struct git *g = NULL;
    struct err err = {0};
    char id[GIT_ID_CHARS_MAX + 1], other[GIT_ID_CHARS_MAX + 1], path[512], more[512];
    git_box_write(b, "deep/er/a.c", "a\n");
    git_box_commit(b, "one");
    git_box_git(b, "clone", "-q", "--bare", ".", "../bare.git", NULL);
    git_box_git(b, "worktree", "add", "-q", "../linked", "-b", "linked", NULL);
    git_box_git(b, "-c", "protocol.file.allow=always", "submodule", "add", "-q", "../bare.git",
                "sub", NULL);
    git_box_commit(b, "with a submodule");

    (void)snprintf(path, sizeof path, "%s/bare.git", b->home);
    assert_int_equal(open_at(path, &g, &err), 0);
    assert_true(git_traits(g) & GIT_BARE);
    assert_null(git_root(g));
    assert_int_equal(git_head(g, id, &err), 0);
    struct git_diff_want w = {.from_id = id, .side = GIT_WORK_TREE};
    struct diff *d = NULL;
    assert_int_equal(git_diff(g, &w, &d, &err), ERR_UNSUPPORTED);
    git_close(g);

    (void)snprintf(path, sizeof path, "%s/linked", b->home);
    assert_int_equal(open_at(path, &g, &err), 0);
    assert_int_equal(git_traits(g), GIT_WORKTREE);
    assert_string_equal(git_branch(g), "linked");
    assert_int_equal(git_head(g, other, &err), 0);
    assert_string_equal(id, other); // the bare one was cloned from there
    (void)snprintf(more, sizeof more, "%s/linked/deep/er/a.c", b->home);
    FILE *f = fopen(more, "ae");
    assert_non_null(f);
    assert_true(fputs("b\n", f) >= 0 && fclose(f) == 0);
    d = difference(g, "");
    assert_int_equal(d->file_count, 1);
    diff_free(d);
    git_close(g);

    git_box_path(b, "sub/deep/er", path, sizeof path);
    assert_int_equal(open_at(path, &g, &err), 0);
    assert_int_equal(git_traits(g), GIT_SUBMODULE);
    assert_string_equal(git_prefix(g), "deep/er/");
    assert_int_equal(git_head(g, other, &err), 0);
    assert_string_equal(id, other);
    git_close(g);
}

static void shallow_and_detached_are_said(void **state) {
    struct git_box *b = *state;
    struct git *g = NULL;
    struct err err = {0};
    char path[512], url[512];
    git_box_write(b, "a", "1\n");
    git_box_commit(b, "one");
    git_box_write(b, "a", "2\n");
    git_box_commit(b, "two");
    (void)snprintf(url, sizeof url, "file://%s", b->path);
    git_box_git(b, "clone", "-q", "--depth=1", url, "../shallow", NULL);
    (void)snprintf(path, sizeof path, "%s/shallow", b->home);
    assert_int_equal(open_at(path, &g, &err), 0);
    assert_int_equal(git_traits(g), GIT_SHALLOW);
    assert_string_equal(git_note(g, 0), "a shallow clone: history before its depth is not known");
    git_close(g);
    git_box_git(b, "checkout", "-q", "--detach", "HEAD~1", NULL);
    g = git_box_open(b);
    assert_int_equal(git_traits(g), GIT_DETACHED);
    assert_null(git_branch(g));
    git_box_git(b, "checkout", "-q", "main", NULL); // seen without opening again
    assert_int_equal(git_traits(g), 0);
    assert_string_equal(git_branch(g), "main");
    git_close(g);
}

static void long_ids_and_split_indexes_are_read(void **state) {
    struct git_box *b = *state;
    struct git *g = NULL;
    struct err err = {0};
    char path[512], id[GIT_ID_CHARS_MAX + 1];
    git_box_write(b, "a", "1\n");
    git_box_commit(b, "one");
    git_box_git(b, "update-index", "--split-index", NULL);
    git_box_write(b, "b", "2\n");
    git_box_git(b, "add", "b", NULL);
    g = git_box_open(b);
    struct diff *d = difference(g, "staged");
    assert_int_equal(d->file_count, 1);
    diff_free(d);
    git_close(g);
    git_box_git(b, "init", "-q", "--object-format=sha256", "../long", NULL);
    (void)snprintf(path, sizeof path, "%s/long", b->home);
    static const char *const commit[] = {"commit", "-q", "--allow-empty", "-m", "x", NULL};
    assert_int_equal(git_box_try(b, path, commit), 0);
    assert_int_equal(open_at(path, &g, &err), 0);
    assert_int_equal(git_id_chars(g), 64);
    assert_int_equal(git_head(g, id, &err), 0);
    assert_int_equal(strlen(id), 64);
    git_close(g);
}

// As git's safe.directory: below a folder of somebody else's, nothing is taken from above.
static void another_owner_is_said_or_refused(void **state) {
    struct git_box *b = *state;
    struct git *g = NULL;
    struct err err = {0};
    char id[GIT_ID_CHARS_MAX + 1], path[512];
    if (geteuid() != 0)
        skip(); // only root can give a folder away
    git_box_write(b, "sub/a", "1\n");
    git_box_commit(b, "one");
    git_box_path(b, ".git", path, sizeof path);
    assert_int_equal(chown(path, 12345, 12345), 0);
    g = git_box_open(b);
    assert_true(git_traits(g) & GIT_OTHER_OWNER);
    assert_non_null(strstr(git_note(g, 0), "another user"));
    assert_int_equal(git_head(g, id, &err), 0);
    git_close(g);
    assert_int_equal(chmod(path, 0755), 0);
    assert_int_equal(chmod(b->home, 0755) | chmod(b->path, 0755), 0);
    git_box_path(b, "sub", path, sizeof path);
    assert_int_equal(chmod(path, 0755), 0);
    assert_int_equal(seteuid(12346), 0);
    int r = open_at(path, &g, &err);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(r, ERR_PERM);
    assert_non_null(strstr(err.message, "another user"));
}

static unsigned entries_of(const char *folder) {
    DIR *d = opendir(folder);
    unsigned n = 0;
    assert_non_null(d);
    while (readdir(d) != NULL)
        n++;
    (void)closedir(d);
    return n;
}

static bool at_once(void *ctx) {
    (void)ctx;
    return true;
}

static void nothing_is_left_behind_and_cancelling_works(void **state) {
    struct git_box *b = *state;
    char id[GIT_ID_CHARS_MAX + 1];
    struct err err = {0};
    git_box_write(b, "a", "1\n");
    git_box_commit(b, "one");
    unsigned before = entries_of(b->home);
    struct git *g = git_box_open(b);
    assert_int_equal(entries_of(b->home), before + 1);
    git_cancel_by(g, at_once, NULL);
    assert_int_equal(git_head(g, id, &err), ERR_CANCELLED);
    git_cancel_by(g, NULL, NULL);
    assert_int_equal(git_head(g, id, &err), 0);
    git_close(g);
    assert_int_equal(entries_of(b->home), before);
}

static void line_ends_and_links_are_compared_as_git_does(void **state) {
    struct git_box *b = *state;
    char path[512];
    git_box_write(b, ".gitattributes", "*.txt text eol=crlf\n");
    git_box_write(b, "a.txt", "one\r\ntwo\r\n");
    git_box_write(b, "file", "x\n");
    git_box_commit(b, "one");
    struct git *g = git_box_open(b);
    git_box_write(b, "a.txt", "one\r\ntwo\r\n"); // written again: other times, same content
    struct diff *d = difference(g, "");
    assert_int_equal(d->file_count, 0);
    diff_free(d);
    git_box_remove(b, "file");
    git_box_path(b, "file", path, sizeof path);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    git_box_path(b, "untracked link", path, sizeof path);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    d = difference(g, "");
    assert_int_equal(diff_find(d, "file")->status, DIFF_TYPE);
    const struct diff_file *f = diff_find(d, "untracked link");
    assert_true(f && f->untracked && f->binary && f->new_mode == 0120000 && f->added == 0);
    for (uint32_t k = 0; k < d->hunk_count; k++)
        assert_null(memmem(d->hunks[k].text, d->hunks[k].text_bytes, "root:", 5));
    diff_free(d);
    git_close(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_side_of_a_difference_is_told_apart, start, stop),
        cmocka_unit_test_setup_teardown(the_merge_base_begins_a_range_of_three_dots, start, stop),
        cmocka_unit_test_setup_teardown(the_last_commit_begins_what_is_not_committed, start, stop),
        cmocka_unit_test_setup_teardown(contents_come_whole_and_limits_hold, start, stop),
        cmocka_unit_test_setup_teardown(where_there_is_nothing_it_is_said, start, stop),
        cmocka_unit_test_setup_teardown(submodules_work_trees_and_bare_repositories_are_read, start,
                                        stop),
        cmocka_unit_test_setup_teardown(shallow_and_detached_are_said, start, stop),
        cmocka_unit_test_setup_teardown(long_ids_and_split_indexes_are_read, start, stop),
        cmocka_unit_test_setup_teardown(another_owner_is_said_or_refused, start, stop),
        cmocka_unit_test_setup_teardown(nothing_is_left_behind_and_cancelling_works, start, stop),
        cmocka_unit_test_setup_teardown(line_ends_and_links_are_compared_as_git_does, start, stop),
    };
    return cmocka_run_group_tests_name("workspace/git", tests, NULL, NULL);
}
