// A history is read once: the next life of the engine begins with what was kept.
#include "tests/unit/workspace/git_box.h"

#include "core/base/mem.h"
#include "core/crypto/keyring.h"
#include "core/store/store.h"
#include "core/store/store_cache.h"
#include "core/workspace/history_cache.h"
#include "core/workspace/workspace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static struct store *store_of(void *ctx) {
    return *(struct store **)ctx;
}

static struct store *open_store(const struct git_box *b) {
    char dir[256];
    struct store *s = NULL;
    struct err err = {0};
    (void)snprintf(dir, sizeof dir, "%s/state", b->home);
    (void)mkdir(dir, 0700);
    const struct store_config c = {.dir = dir, .readers = 2};
    if (store_open(&c, &s, &err) < 0)
        fail_msg("%s", err_text(&err));
    return s;
}

// Commits that a registry of workspaces sees, opened anew as after a restart.
static uint32_t commits_seen(const struct git_box *b, struct store *store) {
    struct workspaces *w = NULL;
    struct workspace *ws = NULL;
    struct workspace_past past = {0};
    struct err err = {0};
    assert_int_equal(workspaces_new(store_of, &store, "", &w, &err), 0);
    assert_int_equal(workspaces_get(w, b->path, &ws, &err), 0);
    assert_int_equal(workspace_past(ws, NULL, NULL, &past, &err), 0);
    uint32_t n = history_commit_count(past.history);
    workspace_past_done(&past);
    workspace_put(ws);
    workspaces_free(w);
    return n;
}

static uint32_t commits_kept(const struct git_box *b, struct store *store) {
    struct history *h = NULL;
    assert_int_equal(history_new(&h, NULL), 0);
    history_cache_load(store, b->path, h);
    uint32_t n = history_commit_count(h);
    history_free(h);
    return n;
}

static void what_was_kept_is_gone_on_from(void **state) {
    struct git_box box, *b = &box;
    (void)state;
    keyring_test_argon_bytes(64 * 1024);
    git_box_new(b);
    git_box_write(b, "a", "1\n");
    git_box_commit(b, "one");
    struct store *s = open_store(b);
    assert_int_equal(commits_kept(b, s), 0);
    assert_int_equal(commits_seen(b, s), 1);
    assert_int_equal(commits_kept(b, s), 1);
    store_close(s);
    s = open_store(b);
    git_box_write(b, "a", "2\n");
    git_box_commit(b, "two");
    assert_int_equal(commits_kept(b, s), 1);
    assert_int_equal(commits_seen(b, s), 2);
    assert_int_equal(commits_kept(b, s), 2);
    // Thrown away, or never there: read again.
    assert_int_equal(store_cache_drop(s, NULL), 0);
    assert_int_equal(commits_kept(b, s), 0);
    assert_int_equal(commits_seen(b, s), 2);
    assert_int_equal(commits_seen(b, NULL), 2);
    store_close(s);
    git_box_done(b);
}

// One that says it was read up to HEAD is believed, not read again.
static void it_is_the_kept_one_that_answers(void **state) {
    struct git_box box, *b = &box;
    struct history *h = NULL;
    (void)state;
    keyring_test_argon_bytes(64 * 1024);
    git_box_new(b);
    for (int i = 0; i < 5; i++) {
        git_box_lines(b, "a", 1, (unsigned)i + 1);
        git_box_commit(b, "x");
    }
    struct store *s = open_store(b);
    struct git *g = git_box_open(b);
    AUTO_BUF bytes = BUF_INIT(0);
    assert_int_equal(history_new(&h, NULL), 0);
    assert_int_equal(history_refresh(h, g, NULL, NULL, NULL), 0);
    assert_int_equal(history_save(h, &bytes, NULL), 0);
    char *subject = memmem(bytes.data, bytes.len, "\001x", 2);
    assert_non_null(subject);
    subject[1] = 'y';
    assert_int_equal(history_load(h, bytes.data, bytes.len, NULL), 0);
    history_cache_save(s, b->path, h);
    history_free(h);
    git_close(g);

    struct workspaces *w = NULL;
    struct workspace *ws = NULL;
    struct workspace_past past = {0};
    struct history_commit c;
    assert_int_equal(workspaces_new(store_of, &s, "", &w, NULL), 0);
    assert_int_equal(workspaces_get(w, b->path, &ws, NULL), 0);
    assert_int_equal(workspace_past(ws, NULL, NULL, &past, NULL), 0);
    history_commit(past.history, 0, &c);
    assert_string_equal(c.subject, "y");
    workspace_past_done(&past);
    workspace_put(ws);
    workspaces_free(w);
    store_close(s);
    git_box_done(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_kept_is_gone_on_from),
        cmocka_unit_test(it_is_the_kept_one_that_answers),
    };
    return cmocka_run_group_tests_name("workspace/history_cache", tests, NULL, NULL);
}
