// Branches: how far from the main line, which are alive, which will conflict.
#include "tests/unit/workspace/git_box.h"

#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/workspace/branches.h"
#include "core/workspace/derived.h"
#include "core/workspace/workspace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { DAY = 86400, TOPICS = 6, TOPIC_PAIRS = TOPICS + TOPICS * (TOPICS - 1) / 2, WAIT_S = 120 };

static const struct branch *find(const struct branches *b, const char *name, uint32_t *ret_i) {
    for (uint32_t i = 0; i < b->count; i++)
        if (strcmp(b->list[i].name, name) == 0) {
            if (ret_i)
                *ret_i = i;
            return &b->list[i];
        }
    return NULL;
}

static void begin_branch(struct git_box *b, const char *name) {
    git_box_git(b, "checkout", "-q", "-b", name, "main", NULL);
}

static void distance_age_and_conflicts_are_found(void **state) {
    struct git_box box, *b = &box;
    struct err err = {0};
    (void)state;
    git_box_new(b);
    git_box_lines(b, "a.c", 1, 30);
    git_box_lines(b, "b.c", 1, 30);
    git_box_commit(b, "one");
    begin_branch(b, "old");
    git_box_write(b, "old.c", "x\n");
    git_box_commit(b, "old");
    b->clock += 100 * DAY;
    int64_t first = b->clock;
    begin_branch(b, "left");
    git_box_write(b, "a.c", "left\n");
    git_box_commit(b, "left 1");
    git_box_write(b, "l.c", "left\n");
    git_box_commit(b, "left 2");
    begin_branch(b, "right");
    git_box_write(b, "a.c", "right\n");
    git_box_commit(b, "right");
    begin_branch(b, "calm");
    git_box_lines(b, "b.c", 1, 31);
    git_box_commit(b, "calm");
    git_box_git(b, "checkout", "-q", "main", NULL);
    git_box_git(b, "branch", "merged", NULL);
    git_box_write(b, "m.c", "m\n");
    git_box_commit(b, "main moves on");
    // calm takes the main line in: where it left is no more the first commit.
    git_box_git(b, "checkout", "-q", "calm", NULL);
    git_box_git(b, "merge", "-q", "-m", "main into calm", "main", NULL);
    struct git *g = git_box_open(b);
    struct branches *all = NULL;
    struct branches_want w = {.now = b->clock, .conflicts = true};
    if (branches_read(g, &w, &all, &err) < 0)
        fail_msg("%s", err.message);
    assert_string_equal(all->base_name, "main");
    assert_true(all->conflicts_known);
    assert_int_equal(all->count, 6);
    uint32_t l, r;
    const struct branch *left = find(all, "left", &l), *calm = find(all, "calm", NULL);
    const struct branch *old = find(all, "old", NULL), *merged = find(all, "merged", NULL);
    assert_non_null(find(all, "right", &r));
    assert_true(left->live && left->ahead == 2 && left->behind == 1 && left->first == first);
    assert_true(calm->live && calm->head && calm->ahead == 2 && calm->behind == 0);
    assert_true(!old->live && !old->merged && old->ahead == 1);
    assert_true(merged->merged && !merged->live);
    assert_int_equal(all->conflict_count, 1);
    assert_int_equal(all->conflicts[0].a, l < r ? l : r);
    assert_int_equal(all->conflicts[0].b, l < r ? r : l);
    assert_int_equal(all->conflicts[0].file_total, 1);
    assert_string_equal(all->conflicts[0].files[0], "a.c");
    assert_int_equal(all->pairs_left, 0);
    branches_free(all);
    // Once one of them is in the main line, the other conflicts with that.
    git_close(g);
    git_box_git(b, "checkout", "-q", "main", NULL);
    git_box_git(b, "merge", "-q", "-m", "left in", "left", NULL);
    g = git_box_open(b);
    assert_int_equal(branches_read(g, &w, &all, &err), 0);
    assert_int_equal(all->conflict_count, 1);
    assert_int_equal(all->conflicts[0].b, BRANCHES_BASE);
    assert_string_equal(all->list[all->conflicts[0].a].name, "right");
    branches_free(all);
    w.base = "nowhere";
    assert_int_equal(branches_read(g, &w, &all, &err), ERR_NOT_FOUND);
    git_close(g);
    git_box_done(b);
}

static void the_copy_at_a_remote_stands_once(void **state) {
    struct git_box box, *b = &box;
    struct branches *all = NULL;
    (void)state;
    git_box_new(b);
    git_box_write(b, "a", "1\n");
    git_box_commit(b, "one");
    git_box_git(b, "update-ref", "refs/remotes/origin/main", "HEAD", NULL);
    git_box_git(b, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main", NULL);
    git_box_write(b, "a", "2\n");
    git_box_commit(b, "two");
    git_box_git(b, "update-ref", "refs/remotes/origin/topic", "HEAD", NULL);
    struct git *g = git_box_open(b);
    struct branches_want w = {.now = b->clock};
    assert_int_equal(branches_read(g, &w, &all, NULL), 0);
    assert_int_equal(all->count, 2); // main, origin/main one behind; origin/topic is main
    assert_non_null(find(all, "origin/main", NULL));
    assert_true(find(all, "origin/main", NULL)->merged);
    assert_int_equal(find(all, "origin/main", NULL)->behind, 1);
    branches_free(all);
    git_close(g);
    git_box_done(b);
    git_box_new(b); // no commit yet
    g = git_box_open(b);
    assert_int_equal(branches_read(g, &w, &all, NULL), ERR_NOT_FOUND);
    git_close(g);
    git_box_done(b);
}

// Branches that all write the same file, half of them the same thing; and one with no ancestor.
static void begin_topics(struct git_box *b) {
    git_box_new(b);
    git_box_lines(b, "a.c", 1, 30);
    git_box_commit(b, "one");
    for (int i = 0; i < TOPICS; i++) {
        char name[16], text[32];
        (void)snprintf(name, sizeof name, "topic-%d", i);
        (void)snprintf(text, sizeof text, "%d\n", i / 2);
        begin_branch(b, name);
        git_box_write(b, "a.c", text);
        git_box_commit(b, name);
    }
    git_box_git(b, "checkout", "-q", "main", NULL);
}

static void same_conflicts(const struct branches *a, const struct branches *b) {
    assert_int_equal(a->conflict_count, b->conflict_count);
    for (uint32_t i = 0; i < a->conflict_count; i++) {
        const struct branch_conflict *x = &a->conflicts[i], *y = &b->conflicts[i];
        assert_true(x->a == y->a && x->b == y->b && x->file_total == y->file_total);
        assert_int_equal(x->file_count, y->file_count);
        for (uint32_t k = 0; k < x->file_count; k++)
            assert_string_equal(x->files[k], y->files[k]);
    }
}

static struct store *no_store(void *ctx) {
    (void)ctx;
    return NULL;
}

static void what_was_tried_once_is_known(void **state) {
    struct git_box box, *b = &box;
    struct branches *none = NULL, *all = NULL, *again = NULL;
    (void)state;
    begin_topics(b);
    git_box_git(b, "checkout", "-q", "--orphan", "pages", NULL);
    git_box_write(b, "a.c", "pages\n");
    git_box_commit(b, "pages");
    git_box_git(b, "checkout", "-q", "main", NULL);
    struct git *g = git_box_open(b);
    struct derived *known = derived_new(no_store, NULL, "");
    assert_non_null(known);
    struct branches_want w = {
        .now = b->clock, .conflicts = true, .known = known, .known_only = true};
    assert_int_equal(branches_read(g, &w, &none, NULL), 0);
    assert_int_equal(none->conflict_count, 0);
    assert_int_equal(none->pairs_open, TOPIC_PAIRS);
    assert_int_equal(none->pairs_tried, TOPICS + 1); // pages with all others: no answer, for good
    w.known_only = false;
    w.ms = WAIT_S * 1000;
    assert_int_equal(branches_read(g, &w, &all, NULL), 0);
    assert_int_equal(all->pairs_open, 0);
    assert_int_equal(all->pairs_tried, TOPIC_PAIRS + TOPICS + 1);
    assert_int_equal(all->conflict_count, TOPICS * (TOPICS - 2) / 2); // not with its twin
    w.known_only = true;
    assert_int_equal(branches_read(g, &w, &again, NULL), 0);
    assert_int_equal(again->pairs_open, 0);
    same_conflicts(all, again);
    branches_free(none);
    branches_free(all);
    branches_free(again);
    derived_free(known);
    git_close(g);
    git_box_done(b);
}

static void the_rest_is_tried_behind_the_answer(void **state) {
    struct git_box box, *b = &box;
    struct workspaces *spaces = NULL;
    struct workspace *ws = NULL;
    struct branches *all = NULL, *whole = NULL;
    (void)state;
    begin_topics(b);
    struct git *g = git_box_open(b);
    struct branches_want w = {.now = b->clock, .conflicts = true, .ms = WAIT_S * 1000};
    assert_int_equal(branches_read(g, &w, &whole, NULL), 0);
    assert_int_equal(workspaces_new(no_store, NULL, "", &spaces, NULL), 0);
    assert_int_equal(workspaces_get(spaces, b->path, &ws, NULL), 0);
    uint64_t until = env_now_mono_ns() + (uint64_t)WAIT_S * 1000000000;
    for (bool first = true;; first = false) {
        // What is known comes at once, and nothing else.
        int r = first ? workspace_branches_behind(ws, NULL, b->clock)
                      : workspace_branches(ws, g, NULL, b->clock, &all, NULL);
        assert_int_equal(r, 0);
        if (!first && !all->pairs_open)
            break;
        branches_free(all);
        all = NULL;
        assert_true(env_now_mono_ns() < until);
        (void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    assert_int_equal(all->pairs_tried, TOPIC_PAIRS);
    same_conflicts(all, whole);
    branches_free(all);
    branches_free(whole);
    // Closed while it works: it is stopped, nothing is left behind.
    git_box_write(b, "a.c", "main\n");
    git_box_commit(b, "main moves on");
    assert_int_equal(workspace_branches_behind(ws, "main", b->clock), 0);
    workspace_put(ws);
    workspaces_free(spaces);
    git_close(g);
    git_box_done(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distance_age_and_conflicts_are_found),
        cmocka_unit_test(the_copy_at_a_remote_stands_once),
        cmocka_unit_test(what_was_tried_once_is_known),
        cmocka_unit_test(the_rest_is_tried_behind_the_answer),
    };
    return cmocka_run_group_tests_name("workspace/branches", tests, NULL, NULL);
}
