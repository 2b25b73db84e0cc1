// A repository whose every knob starts a program: reading it starts none of them, writes nothing to
// it, and gives right answers about names of any bytes.
#include "tests/unit/workspace/git_box.h"

#include "core/base/mem.h"
#include "core/workspace/branches.h"
#include "core/workspace/history.h"

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

// A path that a program leaves when it runs: $CANARY/<knob>.
static const char *const knobs[] = {
    "core.fsmonitor",
    "core.pager",
    "core.editor",
    "core.askPass",
    "core.sshCommand",
    "core.gitProxy",
    "core.alternateRefsCommand",
    "diff.external",
    "diff.evil.command",
    "diff.evil.textconv",
    "filter.evil.clean",
    "filter.evil.smudge",
    "merge.evil.driver",
    "gpg.program",
    "gpg.ssh.program",
    "gpg.x509.program",
    "credential.helper",
    "sequence.editor",
    "interactive.diffFilter",
    "pager.log",
    "pager.diff",
    "pager.ls-files",
    "uploadpack.packObjectsHook",
    "trailer.evil.command",
    "trailer.evil.cmd",
    "mergetool.evil.cmd",
    "difftool.evil.cmd",
    "alias.log",
    "alias.diff",
    "alias.rev-parse",
    "alias.ls-files",
    "alias.cat-file",
    "alias.merge-tree",
    "alias.for-each-ref",
    "alias.rev-list",
    "remote.origin.uploadpack",
    "submodule.sub.update",
    "browser.evil.cmd",
    "log.showSignature",
};
static const char *const hooks[] = {
    "applypatch-msg",
    "commit-msg",
    "fsmonitor-watchman",
    "post-applypatch",
    "post-checkout",
    "post-commit",
    "post-index-change",
    "post-merge",
    "post-rewrite",
    "pre-auto-gc",
    "pre-commit",
    "pre-merge-commit",
    "prepare-commit-msg",
    "reference-transaction",
    "update",
    "sendemail-validate",
};
static const char *const odd_names[] = {
    "new\nline.c",
    "quo\"te.c",
    "-rf",
    "--output=canary",
    ":(glob)*.c",
    "sp ace.c",
    "tab\there.c",
    "back\\slash.c",
    "\xff\xfe not utf-8.c",
    "dir with\nnewline/inner \"x\".c",
    "a -> b.c",
    "'.c",
    "$(touch canary).c",
    "\xc3\xbc.c",
};

static struct git_box box;
static char canary[GIT_BOX_PATH_BYTES + 16];

static unsigned canaries(void) {
    DIR *d = opendir(canary);
    unsigned count = 0;
    struct dirent *e;
    assert_non_null(d);
    while ((e = readdir(d)) != NULL)
        count += e->d_name[0] != '.';
    (void)closedir(d);
    return count;
}

static void say_canaries(void) {
    DIR *d = opendir(canary);
    struct dirent *e;
    while (d && (e = readdir(d)) != NULL)
        if (e->d_name[0] != '.')
            (void)fprintf(stderr, "ran: %s\n", e->d_name);
    if (d)
        (void)closedir(d);
}

static void write_script(const char *path, const char *name) {
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    (void)fprintf(f, "#!/bin/sh\ntouch '%s/%s'\ncat\n", canary, name);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, 0700), 0);
}

static void plant_config(const char *git_dir) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/config", git_dir);
    FILE *f = fopen(path, "ae");
    assert_non_null(f);
    for (size_t i = 0; i < COUNT_OF(knobs); i++) {
        char script[512], section[64];
        const char *first = strchr(knobs[i], '.'), *last = strrchr(knobs[i], '.');
        (void)snprintf(script, sizeof script, "%s/../run-%s", canary, knobs[i]);
        write_script(script, knobs[i]);
        (void)snprintf(section, sizeof section, "%.*s", (int)(first - knobs[i]), knobs[i]);
        bool bang = strcmp(section, "alias") == 0 ||
                    strcmp(knobs[i], "submodule.sub.update") == 0 ||
                    strcmp(knobs[i], "credential.helper") == 0;
        if (first == last)
            (void)fprintf(f, "[%s]\n\t%s = \"%s%s\"\n", section, last + 1, bang ? "!" : "", script);
        else
            (void)fprintf(f, "[%s \"%.*s\"]\n\t%s = \"%s\"\n", section, (int)(last - first) - 1,
                          first + 1, last + 1, script);
    }
    (void)fprintf(
        f,
        "[filter \"evil\"]\n\trequired = true\n[merge]\n\tdefault = evil\n"
        "[protocol]\n\tallow = always\n[protocol \"ext\"]\n\tallow = always\n"
        "[core]\n\tworktree = /\n\thooksPath = %s/../hooks\n\tattributesFile = %s/../attributes\n"
        "[remote \"origin\"]\n\turl = \"ext::%s/../run-core.pager %%S\"\n\tpromisor = true\n"
        "\tpartialclonefilter = blob:none\n[extensions]\n\tpartialClone = origin\n"
        "[include]\n\tpath = %s/../included\n",
        canary, canary, canary, canary);
    assert_int_equal(fclose(f), 0);
}

static void plant_hooks(const char *folder) {
    (void)mkdir(folder, 0700);
    for (size_t i = 0; i < COUNT_OF(hooks); i++) {
        char path[512], name[64];
        (void)snprintf(path, sizeof path, "%s/%s", folder, hooks[i]);
        (void)snprintf(name, sizeof name, "hook-%s", hooks[i]);
        write_script(path, name);
    }
}

static void plant_text(const char *path, const char *text) {
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

// Two branches that conflict, a submodule that is as hostile, odd names in commit, index and tree.
static void make_history(void) {
    git_box_lines(&box, "a.c", 1, 20);
    git_box_write(&box, ".gitattributes", "* filter=evil diff=evil merge=evil\n");
    for (size_t i = 0; i < COUNT_OF(odd_names); i++)
        git_box_write(&box, odd_names[i], "one\n");
    git_box_commit(&box, "one");
    git_box_git(&box, "checkout", "-q", "-b", "topic", NULL);
    git_box_write(&box, "a.c", "topic\n");
    git_box_commit(&box, "topic");
    git_box_git(&box, "checkout", "-q", "main", NULL);
    git_box_write(&box, "a.c", "main\n");
    for (size_t i = 0; i < COUNT_OF(odd_names); i++)
        git_box_write(&box, odd_names[i], "one\ntwo\n");
    git_box_commit(&box, "two");
    git_box_git(&box, "init", "-q", "sub", NULL);
    static const char *const empty[] = {"commit", "-q", "--allow-empty", "-m", "sub", NULL};
    char sub[GIT_BOX_PATH_BYTES + 8];
    git_box_path(&box, "sub", sub, sizeof sub);
    assert_int_equal(git_box_try(&box, sub, empty), 0);
    git_box_commit(&box, "with a submodule");
}

static int make(void **state) {
    char path[512];
    (void)state;
    git_box_new(&box);
    (void)snprintf(canary, sizeof canary, "%.100s/canary", box.home);
    assert_int_equal(mkdir(canary, 0700), 0);
    make_history();
    (void)snprintf(path, sizeof path, "%s/.git", box.path);
    plant_config(path);
    (void)snprintf(path, sizeof path, "%s/sub/.git", box.path);
    plant_config(path);
    (void)snprintf(path, sizeof path, "%s/.git/hooks", box.path);
    plant_hooks(path);
    (void)snprintf(path, sizeof path, "%s/hooks", box.home);
    plant_hooks(path);
    (void)snprintf(path, sizeof path, "%s/attributes", box.home);
    plant_text(path, "* filter=evil diff=evil merge=evil\n");
    (void)snprintf(path, sizeof path, "%s/.git/info/attributes", box.path);
    plant_text(path, "* filter=evil diff=evil merge=evil\n");
    (void)snprintf(path, sizeof path, "%s/included", box.home);
    plant_text(path, "[core]\n\tfsmonitor = touch included\n");
    // A branch that looks like an option.
    (void)snprintf(path, sizeof path, "%s/.git/refs/heads/main", box.path);
    char odd[512];
    (void)snprintf(odd, sizeof odd, "%s/.git/refs/heads/--output=x", box.path);
    assert_int_equal(link(path, odd), 0);
    // A work tree that differs, in every way.
    git_box_write(&box, "a.c", "main\nworked on\n");
    git_box_write(&box, odd_names[0], "one\ntwo\nthree\n");
    git_box_write(&box, "untracked \"\n\xff.c", "new\n");
    return 0;
}

static int unmake(void **state) {
    (void)state;
    git_box_done(&box);
    return 0;
}

static int count_entry(void *ctx, const struct git_entry *e, struct err *err) {
    (void)err;
    for (size_t i = 0; i < COUNT_OF(odd_names); i++)
        *(unsigned *)ctx += strcmp(e->path, odd_names[i]) == 0;
    return 0;
}

static int count_ref(void *ctx, const struct git_ref *ref, struct err *err) {
    (void)err;
    *(unsigned *)ctx += strcmp(ref->name, "--output=x") == 0 || strcmp(ref->name, "topic") == 0;
    return 0;
}

static int count_conflict(void *ctx, const char *path, struct err *err) {
    (void)err;
    *(unsigned *)ctx += strcmp(path, "a.c") == 0;
    return 0;
}

static int count_blob(void *ctx, size_t i, const char *bytes, size_t n, struct err *err) {
    (void)i, (void)n, (void)err;
    *(unsigned *)ctx += bytes != NULL;
    return 0;
}

static void ask_names(struct git *g, const char *head) {
    struct err err = {0};
    unsigned count = 0;
    assert_int_equal(git_entries(g, NULL, count_entry, &count, &err), 0);
    assert_int_equal(count, COUNT_OF(odd_names));
    count = 0;
    assert_int_equal(git_entries(g, head, count_entry, &count, &err), 0);
    assert_int_equal(count, COUNT_OF(odd_names));
    for (size_t i = 0; i < COUNT_OF(odd_names); i++) {
        AUTO_BUF text = BUF_INIT(1000);
        assert_int_equal(git_blob(g, head, odd_names[i], 1000, &text, &err), 0);
        assert_string_equal(text.data, "one\ntwo\n");
    }
    count = 0;
    assert_int_equal(git_branches(g, count_ref, &count, &err), 0);
    assert_int_equal(count, 2);
}

static void ask_differences(struct git *g, const char *head) {
    struct err err = {0};
    char first[GIT_ID_CHARS_MAX + 1], topic[GIT_ID_CHARS_MAX + 1];
    struct git_diff_want w = {
        .from_id = head, .side = GIT_WORK_TREE, .untracked = true, .renames = true};
    struct diff *d = NULL;
    assert_int_equal(git_diff(g, &w, &d, &err), 0);
    assert_non_null(diff_find(d, "a.c"));
    assert_non_null(diff_find(d, odd_names[0]));
    const struct diff_file *fresh = diff_find(d, "untracked \"\n\xff.c");
    assert_non_null(fresh);
    assert_true(fresh->untracked && fresh->added == 1 && fresh->status == DIFF_ADDED);
    diff_free(d);
    w.side = GIT_INDEX;
    assert_int_equal(git_diff(g, &w, &d, &err), 0);
    assert_int_equal(d->file_count, 0);
    diff_free(d);
    assert_int_equal(git_resolve(g, "main~2", 6, first, &err), 0);
    assert_int_equal(git_resolve(g, "topic", 5, topic, &err), 0);
    w = (struct git_diff_want){.from_id = first, .side = GIT_COMMIT, .to_id = head};
    assert_int_equal(git_diff(g, &w, &d, &err), 0);
    for (size_t i = 0; i < COUNT_OF(odd_names); i++) {
        const struct diff_file *f = diff_find(d, odd_names[i]);
        assert_non_null(f);
        assert_int_equal(f->added, 1);
    }
    diff_free(d);
    unsigned count = 0;
    assert_int_equal(git_merge_conflicts(g, head, topic, count_conflict, &count, &err), 0);
    assert_int_equal(count, 1);
}

static void ask_history(struct git *g, const char *head) {
    struct err err = {0};
    struct history *h = NULL;
    struct branches *b = NULL;
    assert_int_equal(history_new(&h, &err), 0);
    assert_int_equal(history_refresh(h, g, NULL, NULL, &err), 0);
    assert_int_equal(history_commit_count(h), 3);
    for (size_t i = 0; i < COUNT_OF(odd_names); i++)
        assert_true(history_find(h, odd_names[i]) >= 0);
    struct history_lines lines[COUNT_OF(odd_names)];
    assert_int_equal(history_lines(g, head, odd_names, COUNT_OF(odd_names), 100, lines, &err), 0);
    for (size_t i = 0; i < COUNT_OF(odd_names); i++)
        assert_int_equal(lines[i].added, 2);
    history_free(h);
    struct branches_want want = {.now = box.clock, .conflicts = true};
    assert_int_equal(branches_read(g, &want, &b, &err), 0);
    assert_int_equal(b->conflict_count, 1);
    branches_free(b);
}

static void nothing_of_a_hostile_repository_runs_and_nothing_is_written(void **state) {
    char git_dir[GIT_BOX_PATH_BYTES + 8], head[GIT_ID_CHARS_MAX + 1];
    struct err err = {0};
    (void)state;
    git_box_path(&box, ".git", git_dir, sizeof git_dir);
    uint64_t before = git_box_print_of(git_dir), tree = git_box_print_of(box.path);
    struct git *g = git_box_open(&box);
    assert_true(git_traits(g) & GIT_PARTIAL);
    assert_string_equal(git_root(g), box.path); // not core.worktree's
    assert_int_equal(git_head(g, head, &err), 0);
    ask_names(g, head);
    ask_differences(g, head);
    ask_history(g, head);
    git_close(g);
    say_canaries();
    assert_int_equal(canaries(), 0);
    assert_true(git_box_print_of(git_dir) == before);
    assert_true(git_box_print_of(box.path) == tree);
}

// A promisor remote would be asked for it.
static void a_missing_object_is_not_fetched(void **state) {
    char head[GIT_ID_CHARS_MAX + 1], text[128], object[512];
    struct err err = {0};
    (void)state;
    struct git *g = git_box_open(&box);
    assert_int_equal(git_head(g, head, &err), 0);
    (void)snprintf(text, sizeof text, "%040x", 0x1234);
    const char *const ids[] = {text, head};
    unsigned count = 0;
    assert_int_equal(git_blobs(g, ids, 2, 100, count_blob, &count, &err), 0);
    assert_int_equal(count, 0); // one is missing, one is no blob
    // The commit itself is taken away.
    (void)snprintf(object, sizeof object, "%s/.git/objects/%.2s/%s", box.path, head, head + 2);
    char aside[600];
    (void)snprintf(aside, sizeof aside, "%s.aside", object);
    assert_int_equal(rename(object, aside), 0);
    assert_int_equal(git_resolve(g, "HEAD", 4, text, &err), ERR_NOT_FOUND);
    assert_int_equal(rename(aside, object), 0);
    git_close(g);
    say_canaries();
    assert_int_equal(canaries(), 0);
}

// So that the test above can fail: git itself, asked the usual way, runs them.
static void the_canaries_sing_for_plain_git(void **state) {
    static const char *const status[] = {"-c", "core.worktree=", "status", NULL};
    static const char *const merge[] = {"merge-tree", "--write-tree", "main", "topic", NULL};
    (void)state;
    assert_int_equal(canaries(), 0);
    char tree[GIT_BOX_PATH_BYTES];
    (void)snprintf(tree, sizeof tree, "%s", box.path);
    const char *const diff[] = {"--work-tree", tree, "diff", "HEAD", NULL};
    (void)git_box_try(&box, box.path, status);
    (void)git_box_try(&box, box.path, diff);
    (void)git_box_try(&box, box.path, merge);
    assert_true(canaries() >= 2);
}

static void revisions_that_are_options_or_searches_are_refused(void **state) {
    static const char *const refused[] = {
        "--output=x", "-n1",   "",        "main..topic", ":/one",  "HEAD^{/one}", "HEAD:a.c",
        "main\n",     "ma in", "@{-1}:x", "--all",       "refs/*", "main^@..",    "-"};
    char id[GIT_ID_CHARS_MAX + 1], long_name[400];
    (void)state;
    struct git *g = git_box_open(&box);
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        if (git_resolve(g, refused[i], strlen(refused[i]), id, NULL) != ERR_INVAL)
            fail_msg("%s", refused[i]);
    memset(long_name, 'a', sizeof long_name);
    assert_int_equal(git_resolve(g, long_name, sizeof long_name, id, NULL), ERR_INVAL);
    assert_int_equal(git_resolve(g, "nowhere", 7, id, NULL), ERR_NOT_FOUND);
    assert_int_equal(git_resolve(g, "refs/heads/--output=x", 21, id, NULL), 0);
    git_close(g);
    assert_int_equal(canaries(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_of_a_hostile_repository_runs_and_nothing_is_written),
        cmocka_unit_test(a_missing_object_is_not_fetched),
        cmocka_unit_test(revisions_that_are_options_or_searches_are_refused),
        cmocka_unit_test(the_canaries_sing_for_plain_git),
    };
    return cmocka_run_group_tests_name("workspace/git_hostile", tests, make, unmake);
}
